//! What an operator decides about HTTP.

use axum::http::HeaderValue;
use std::time::Duration;

/// How HTTP is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeSettings {
    /// `HASHPASS_HSTS`: what browsers that came by TLS are told about TLS in
    /// `Strict-Transport-Security`; nothing if `None`.
    pub hsts: Option<Hsts>,
    /// How long whoever polls counts as connected without a poll. Set by no variable: 40
    /// seconds, longer than the longest poll and the way there and back, so that a miner
    /// goes on counting.
    pub poll_life: Duration,
}

impl EdgeSettings {
    /// This policy, with the time that no variable sets.
    pub const fn new(hsts: Option<Hsts>) -> Self {
        Self { hsts, poll_life: Duration::from_secs(40) }
    }
}

/// A policy of HTTP Strict Transport Security (RFC 6797).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hsts(HeaderValue);

impl Hsts {
    /// The longest time that a browser may be told to insist on TLS, in seconds: ten
    /// years.
    const LONGEST: u32 = 315_360_000;

    /// The policy in `text`: for how many seconds a browser insists on TLS, and, only if
    /// it says so, on all subdomains too. `None` if it is neither.
    pub fn new(text: &str) -> Option<Self> {
        let (seconds, for_all) = match text.split_once(';') {
            None => (text, false),
            Some((seconds, word)) => (seconds, word.trim().eq_ignore_ascii_case("includeSubDomains").then_some(true)?),
        };
        let seconds: u32 = seconds.trim().parse().ok().filter(|seconds| *seconds <= Self::LONGEST)?;
        let for_all = if for_all { "; includeSubDomains" } else { "" };
        HeaderValue::try_from(format!("max-age={seconds}{for_all}")).ok().map(Self)
    }

    /// The header's value.
    pub const fn value(&self) -> &HeaderValue {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_seconds_and_perhaps_all_subdomains() {
        let value = |text| Hsts::new(text).map(|policy| policy.value().to_str().unwrap().to_owned());
        assert_eq!(value("31536000").as_deref(), Some("max-age=31536000"));
        assert_eq!(value("0").as_deref(), Some("max-age=0"));
        assert_eq!(value("60; includesubdomains").as_deref(), Some("max-age=60; includeSubDomains"));
        for wrong in ["", "-1", "1.5", "max-age=60", "60; preload", "60;", "315360001", "60; includeSubDomains; x"] {
            assert_eq!(value(wrong), None, "{wrong}");
        }
    }
}
