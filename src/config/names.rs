//! Names that look like settings: which are, and what was meant by those that are not.

use super::{problem::Problem, table::VARIABLES, variable::FILE_SUFFIX};
use std::collections::HashMap;

/// What the names of our settings begin with.
const PREFIXES: [&str; 4] = ["HASHPASS_", "NEOIRC_", "TURNSTILE_", "WEBHOOK_"];

/// Names that begin like settings and are for those who build and test the server.
const OF_THE_BUILD: [&str; 7] = [
    "HASHPASS_BENCH_TURNS",
    "HASHPASS_BINARY",
    "HASHPASS_C_REFERENCE",
    "HASHPASS_EMBED_SITE",
    "HASHPASS_MINER_SCALAR",
    "HASHPASS_MINER_SIMD",
    "HASHPASS_TOOLS",
];

/// How many letters may differ between a name and what was meant by it.
const MOST_DIFFERENCES: usize = 4;

/// The names that are set, look like settings and are none, each with what may have been
/// meant. A misspelt setting is one that does not hold.
pub(super) fn unknown(values: &HashMap<String, String>) -> Vec<Problem> {
    let mut unknown: Vec<&str> = values
        .iter()
        .filter(|(name, _)| PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
        .filter(|(name, value)| !is_known(name) && !is_injected(name, value))
        .map(|(name, _)| &**name)
        .collect();
    unknown.sort_unstable();
    let problem = |name: &str| {
        let rule = match meant(name) {
            Some(meant) => format!("is not a setting; did you mean {meant}?"),
            None => "is not a setting; hashpass --help lists them all".to_owned(),
        };
        Problem::of_name(name.escape_debug().to_string(), rule)
    };
    unknown.into_iter().map(problem).collect()
}

fn is_known(name: &str) -> bool {
    let secret = name.strip_suffix(FILE_SUFFIX);
    OF_THE_BUILD.contains(&name)
        || VARIABLES.iter().any(|variable| {
            variable.name == name || (variable.is_secret && secret.is_some_and(|secret| variable.name == secret))
        })
}

/// True for what Kubernetes puts into every container beside a Service named `hashpass`.
pub(super) fn is_injected(name: &str, value: &str) -> bool {
    let is_address = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    let of_a_port = |rest: &str| rest.starts_with(|digit: char| digit.is_ascii_digit());
    name.starts_with("HASHPASS_SERVICE_")
        || (name == "HASHPASS_PORT" && is_address)
        || name.strip_prefix("HASHPASS_PORT_").is_some_and(of_a_port)
}

/// The setting whose name is most like this one, with or without our prefix.
fn meant(name: &str) -> Option<&'static str> {
    let bare = name.strip_prefix("HASHPASS_").unwrap_or(name);
    let distance = |known: &str| strsim::osa_distance(name, known).min(strsim::osa_distance(bare, known));
    let distances = VARIABLES.iter().map(|variable| (distance(variable.name), variable.name));
    let (_, meant) = distances.filter(|(distance, _)| *distance <= MOST_DIFFERENCES).min_by_key(|(d, _)| *d)?;
    Some(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, value: &str) -> String {
        let values = HashMap::from([(name.to_owned(), value.to_owned())]);
        unknown(&values).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_misspelt_name_is_told_with_what_was_meant() {
        for (name, meant) in [
            ("HASHPASS_DIFICULTY", "HASHPASS_DIFFICULTY"),
            ("HASHPASS_PORT", "PORT"),
            ("HASHPASS_LOGFORMAT", "HASHPASS_LOG_FORMAT"),
            ("HASHPASS_TRUSTED_PROXY", "HASHPASS_TRUSTED_PROXIES"),
            ("TURNSTILE_SITEKEY", "TURNSTILE_SITE_KEY"),
            ("WEBHOOK_URI", "WEBHOOK_URL"),
            ("NEOIRC_HASHCASH_BIT", "NEOIRC_HASHCASH_BITS"),
        ] {
            let told = told(name, "hushed");
            assert!(told.contains(&format!("{name} is not a setting; did you mean {meant}?")), "{told}");
            assert!(!told.contains("hushed"));
        }
        assert!(told("HASHPASS_COMPLETELY_DIFFERENT", "1").contains("hashpass --help"));
    }

    #[test]
    fn what_is_set_and_what_others_set_is_passed_over() {
        for (name, value) in [
            ("HASHPASS_DIFFICULTY", "3"),
            ("WEBHOOK_TOKEN_FILE", "/run/secrets/token"),
            ("HASHPASS_TOOLS", "/opt/tools"),
            ("HASHPASS_SERVICE_HOST", "10.0.0.1"),
            ("HASHPASS_SERVICE_PORT_HTTP", "80"),
            ("HASHPASS_PORT", "tcp://10.0.0.1:80"),
            ("HASHPASS_PORT_80_TCP_ADDR", "10.0.0.1"),
            ("PATH", "/bin"),
        ] {
            assert_eq!(told(name, value), "", "{name}");
        }
        // Only a secret can be in a file of its own.
        assert!(told("HASHPASS_DIFFICULTY_FILE", "/x").contains("is not a setting"));
    }
}
