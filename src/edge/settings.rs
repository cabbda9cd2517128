//! What an operator decides about HTTP and the page.

use app::wire::Site;
use axum::http::HeaderValue;
use puzzle::values::Invalid;
use reqwest::Url;
use std::{fmt, str::FromStr, time::Duration};

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
    /// `HASHPASS_SITE_NAME`, `HASHPASS_PRIZE`, `HASHPASS_CONTACT`, `HASHPASS_IMPRINT_URL` and
    /// `HASHPASS_PRIVACY_URL`: who gives codes out.
    pub site: Site,
    /// Where winners may be sent back to.
    pub way_back: WayBackSettings,
}

impl EdgeSettings {
    /// These settings, with the time that no variable sets.
    pub const fn new(hsts: Option<Hsts>, site: Site, way_back: WayBackSettings) -> Self {
        Self { hsts, site, way_back, poll_life: Duration::from_secs(40) }
    }
}

/// Where winners may be sent back to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WayBackSettings {
    /// `HASHPASS_RETURN_URLS`: the list.
    pub urls: Vec<ReturnUrl>,
    /// `HASHPASS_STATE_SECRET`: what the other sites sign their states with; without it no
    /// state counts for more than a text that is given back.
    pub secret: Option<StateSecret>,
}

/// An address that winners may be sent back to; one that ends with a slash stands for all
/// that are below it, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnUrl(Url);

impl ReturnUrl {
    /// True if `address` is this one, or lies below it. What the address asks for behind
    /// its path does not matter.
    pub(super) fn covers(&self, address: &Url) -> bool {
        let Self(listed) = self;
        let is_same_site = listed.scheme() == address.scheme()
            && listed.host_str() == address.host_str()
            && listed.port() == address.port();
        let path = listed.path();
        is_same_site && (path == address.path() || path.ends_with('/') && address.path().starts_with(path))
    }
}

impl FromStr for ReturnUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = Invalid("https addresses as a browser writes them, without a query");
        let url: Url = text.parse().map_err(|_| invalid)?;
        // A name with a star in it would be nobody's.
        let is_a_name = url.host_str().is_some_and(|host| !host.contains('*'));
        let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let is_safe = url.scheme() == "https" || url.scheme() == "http" && is_here;
        let is_plain = url.as_str() == text
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && !url.path().contains(['%', ';']);
        if is_a_name && is_safe && is_plain { Ok(Self(url)) } else { Err(invalid) }
    }
}

/// What other sites sign their states with. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct StateSecret(String);

impl StateSecret {
    /// The bytes of its text.
    pub(super) const fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for StateSecret {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_good = (32..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        // The text is not repeated in the error: it is a secret.
        if is_good { Ok(Self(text.to_owned())) } else { Err(Invalid("32 to 256 visible ASCII characters")) }
    }
}

impl fmt::Debug for StateSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StateSecret(…)")
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
