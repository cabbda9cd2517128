//! What is logged, in the language of `RUST_LOG`.

use std::{fmt, str::FromStr};
use tracing_subscriber::EnvFilter;

/// Our own crates, whose lines are for operators.
const OURS: [&str; 3] = ["hashpass", "app", "puzzle"];

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A filter that means something: each part is a level, or a target with a level.
#[derive(Clone, PartialEq, Eq)]
pub struct LogFilter(String);

/// A text that is no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a level and not target=level")]
pub struct NotAFilter;

impl FromStr for LogFilter {
    type Err = NotAFilter;

    /// A bare word must be a level. The library takes any other for a target that is
    /// wanted whole, and so takes every misspelt level for one.
    fn from_str(text: &str) -> Result<Self, NotAFilter> {
        let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        let means_something = |part: &&str| part.contains(['=', '[']) || is_level(part);
        if parts.is_empty() || !parts.iter().all(means_something) {
            return Err(NotAFilter);
        }
        let text = parts.join(",");
        EnvFilter::try_new(&text).map_err(|_| NotAFilter)?;
        Ok(Self(text))
    }
}

impl LogFilter {
    pub(super) fn to_env_filter(&self) -> EnvFilter {
        // What has been parsed once parses again.
        EnvFilter::try_new(self.with_quiet_libraries()).unwrap_or_default()
    }

    /// The filter in which a bare `info` is for our own crates, and libraries warn.
    fn with_quiet_libraries(&self) -> String {
        let quiet = |part: &str| match part.to_ascii_lowercase().as_str() {
            "info" => OURS.iter().fold("warn".to_owned(), |parts, ours| format!("{parts},{ours}=info")),
            _ => part.to_owned(),
        };
        self.0.split(',').map(quiet).collect::<Vec<_>>().join(",")
    }
}

fn is_level(part: &str) -> bool {
    LEVELS.iter().any(|level| level.eq_ignore_ascii_case(part))
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_means_something_or_is_refused() {
        for good in ["info", "DEBUG", "off", "info,hashpass=debug", "hyper=warn , info", "warn,[request]=trace"] {
            assert!(good.parse::<LogFilter>().is_ok(), "{good}");
        }
        for wrong in ["nonsense", "", ",", "infos", "hashpass=loud", "hashpass", "info,debgu", "info;debug"] {
            assert_eq!(wrong.parse::<LogFilter>(), Err(NotAFilter), "{wrong}");
        }
    }

    #[test]
    fn libraries_are_quiet_at_info_and_nowhere_else() {
        for (filter, expected) in [
            ("info", "warn,hashpass=info,app=info,puzzle=info"),
            ("info,hyper=debug", "warn,hashpass=info,app=info,puzzle=info,hyper=debug"),
            ("debug", "debug"),
            ("warn", "warn"),
            ("hyper=info", "hyper=info"),
        ] {
            assert_eq!(filter.parse::<LogFilter>().unwrap().with_quiet_libraries(), expected, "{filter}");
        }
    }
}
