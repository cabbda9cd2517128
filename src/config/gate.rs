//! The gate: what a session must pass, the human check, and whose word is taken
//! for a client's address.

use super::{
    reader::Reader,
    variable::{Optional, WithDefault},
};
use crate::gate::{GateRule, GateSettings, TurnstileSettings, address::IpBinding};
use reqwest::Url;

pub(super) const GATE: WithDefault = WithDefault::new(
    "HASHPASS_GATE",
    "turnstile",
    "what a session must pass for the race: turnstile, hashcash or both",
);

pub(super) const IP_BINDING: WithDefault = WithDefault::new(
    "HASHPASS_IP_BINDING",
    "exact",
    "how the trace's address must match the request's: exact, prefix (/24, /64) or off",
);

pub(super) const TRUSTED_PROXIES: Optional = Optional::new(
    "HASHPASS_TRUSTED_PROXIES",
    "proxies whose address headers are believed: CIDRs and the word cloudflare, separated by commas",
);

pub(super) const DEV: WithDefault =
    WithDefault::new("HASHPASS_DEV", "false", "serve GET /api/dev/trace outside test mode");

pub(super) const TURNSTILE_SITE_KEY: Optional = Optional::new(
    "TURNSTILE_SITE_KEY",
    "public key of Cloudflare Turnstile; required unless test mode or HASHPASS_GATE=hashcash",
);

pub(super) const TURNSTILE_SECRET_KEY: Optional = Optional::new(
    "TURNSTILE_SECRET_KEY",
    "secret key of Cloudflare Turnstile; required unless test mode or HASHPASS_GATE=hashcash",
)
.secret();

pub(super) const TURNSTILE_TEST_MODE: WithDefault =
    WithDefault::new("TURNSTILE_TEST_MODE", "false", "every token passes and nobody is asked: never in production");

pub(super) const TURNSTILE_VERIFY_URL: WithDefault = WithDefault::new(
    "TURNSTILE_VERIFY_URL",
    "https://challenges.cloudflare.com/turnstile/v0/siteverify",
    "where tokens are checked",
);

pub(super) const TURNSTILE_SCRIPT_URL: WithDefault = WithDefault::new(
    "TURNSTILE_SCRIPT_URL",
    "https://challenges.cloudflare.com/turnstile/v0/api.js",
    "where the page loads the widget from",
);

pub(super) const TURNSTILE_HOSTNAMES: Optional = Optional::new(
    "TURNSTILE_HOSTNAMES",
    "host names on which a token may have been solved, separated by commas; empty: only Cloudflare's own list of the \
     site key counts",
);

/// The settings of the gate.
pub(super) fn gate(reader: &mut Reader<'_>) -> GateSettings {
    let test_mode = reader.flag(&TURNSTILE_TEST_MODE);
    let dev = reader.flag(&DEV);
    let rule = reader.choice(
        &GATE,
        &[("turnstile", GateRule::Turnstile), ("hashcash", GateRule::Hashcash), ("both", GateRule::Both)],
    );
    GateSettings {
        rule,
        turnstile: (!test_mode && rule.asks_for_humans()).then(|| turnstile(reader)),
        test_mode,
        ip_binding: reader.choice(
            &IP_BINDING,
            &[("exact", IpBinding::Exact), ("prefix", IpBinding::Prefix), ("off", IpBinding::Off)],
        ),
        trusted_proxies: reader
            .parse_if_set(&TRUSTED_PROXIES, "CIDRs and the word cloudflare, separated by commas", |text| {
                text.parse().ok()
            })
            .unwrap_or_default(),
        dev_trace: dev || test_mode,
    }
}

fn turnstile(reader: &mut Reader<'_>) -> TurnstileSettings {
    TurnstileSettings {
        site_key: key(reader, &TURNSTILE_SITE_KEY),
        secret: key(reader, &TURNSTILE_SECRET_KEY),
        verify_url: reader.parse(&TURNSTILE_VERIFY_URL, "an http or https URL", web_address).into(),
        script_url: reader.parse(&TURNSTILE_SCRIPT_URL, "an http or https URL", web_address),
        hostnames: reader
            .parse_if_set(&TURNSTILE_HOSTNAMES, "host names without scheme and port, separated by commas", |text| {
                text.split(',').map(str::trim).map(hostname).collect()
            })
            .unwrap_or_default(),
    }
}

/// A key without which the human check cannot work.
fn key(reader: &mut Reader<'_>, declared: &Optional) -> String {
    let value = reader.text_if_set(declared);
    if value.is_none() {
        reader.complain(&declared.variable, "must be set unless TURNSTILE_TEST_MODE=true or HASHPASS_GATE=hashcash");
    }
    value.unwrap_or_default().to_owned()
}

/// A host name in lower case, as Cloudflare tells it.
fn hostname(text: &str) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    (!text.is_empty() && text.len() <= 253 && text.chars().all(is_allowed)).then(|| text.to_ascii_lowercase())
}

/// An absolute web address with a host.
fn web_address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, read};

    #[test]
    fn production_needs_both_keys() {
        let text = problems(&[]);
        assert!(
            text.contains("TURNSTILE_SITE_KEY must be set") && text.contains("TURNSTILE_SECRET_KEY must be set"),
            "{text}"
        );
        assert!(read(&[("TURNSTILE_SITE_KEY", "a"), ("TURNSTILE_SECRET_KEY", "b")]).is_ok());
    }

    #[test]
    fn the_human_check_is_read_into_what_it_means() {
        let keys = [("TURNSTILE_SITE_KEY", "a"), ("TURNSTILE_SECRET_KEY", "b")];
        let turnstile =
            |more: &[(&str, &str)]| read(&[&keys, more].concat()).map(|config| config.gate.turnstile.unwrap());
        let usual = turnstile(&[]).unwrap();
        assert_eq!(usual.verify_url, TURNSTILE_VERIFY_URL.default);
        assert_eq!(usual.script(), "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit");
        assert_eq!(usual.script_origin(), "https://challenges.cloudflare.com");
        assert!(usual.allows_hostname("anything.example") && usual.allows_hostname(""));

        let bound = turnstile(&[
            ("TURNSTILE_HOSTNAMES", "race.example, Www.Race.example"),
            ("TURNSTILE_SCRIPT_URL", "http://127.0.0.1:9/api.js?a=b"),
        ])
        .unwrap();
        assert!(bound.allows_hostname("race.example") && bound.allows_hostname("WWW.race.example"));
        for other in ["", "evil.example", "race.example.evil.example", "xrace.example"] {
            assert!(!bound.allows_hostname(other), "{other}");
        }
        assert_eq!(bound.script(), "http://127.0.0.1:9/api.js?a=b&render=explicit");
        assert_eq!(bound.script_origin(), "http://127.0.0.1:9");

        for wrong in ["https://race.example", "race.example:8000", "race.example,", "a b", "race.example;x"] {
            let text = turnstile(&[("TURNSTILE_HOSTNAMES", wrong)]).unwrap_err().to_string();
            assert!(text.contains("TURNSTILE_HOSTNAMES"), "{text}");
        }
        for wrong in ["challenges.cloudflare.com", "ftp://a.example/api.js", "https://", "javascript:alert(1)"] {
            let text = turnstile(&[("TURNSTILE_SCRIPT_URL", wrong)]).unwrap_err().to_string();
            assert!(text.contains("TURNSTILE_SCRIPT_URL"), "{text}");
        }
    }

    #[test]
    fn keys_are_needed_only_where_humans_are_asked_for() {
        let config = read(&[("HASHPASS_GATE", "hashcash")]).unwrap();
        assert_eq!((config.gate.rule, config.gate.test_mode), (GateRule::Hashcash, false));
        assert!(problems(&[("HASHPASS_GATE", "both")]).contains("TURNSTILE_SECRET_KEY must be set"));
        let text = problems(&[("HASHPASS_GATE", "hashcash"), ("NEOIRC_HASHCASH_BITS", "0")]);
        assert!(text.contains("HASHPASS_GATE=\"hashcash\" must be turnstile"), "{text}");
    }
}
