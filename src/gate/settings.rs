//! What an operator decides about the gate.

use super::{
    address::{IpBinding, TrustedProxies},
    rule::GateRule,
};
use reqwest::Url;
use std::fmt;

/// Who may take part.
#[derive(Clone, Debug)]
pub struct GateSettings {
    /// `HASHPASS_GATE`: what a session must pass.
    pub rule: GateRule,
    /// Cloudflare Turnstile; `None` in test mode and where nobody is asked for it.
    pub turnstile: Option<TurnstileSettings>,
    /// `TURNSTILE_TEST_MODE`: every token passes and nobody is asked.
    pub test_mode: bool,
    /// `HASHPASS_IP_BINDING`: how the trace's address must match the request's.
    pub ip_binding: IpBinding,
    /// `HASHPASS_TRUSTED_PROXIES`: whose headers name a client's address.
    pub trusted_proxies: TrustedProxies,
    /// `HASHPASS_DEV`, or test mode: `GET /api/dev/trace` answers.
    pub dev_trace: bool,
}

/// Cloudflare Turnstile's keys and addresses.
#[derive(Clone)]
pub struct TurnstileSettings {
    /// `TURNSTILE_SITE_KEY`: public, never empty.
    pub site_key: String,
    /// `TURNSTILE_SECRET_KEY`: never empty, never shown.
    pub secret: String,
    /// `TURNSTILE_VERIFY_URL`: where tokens are checked; http or https.
    pub verify_url: String,
    /// `TURNSTILE_SCRIPT_URL`: where the page loads the widget from; http or https.
    pub script_url: Url,
    /// `TURNSTILE_HOSTNAMES`, in lower case: the hosts on which a token may have been
    /// solved; any if there is none.
    pub hostnames: Vec<String>,
}

impl TurnstileSettings {
    /// The address of the widget's script, which then waits until it is told what
    /// to show and where.
    pub fn script(&self) -> String {
        let mut url = self.script_url.clone();
        url.query_pairs_mut().append_pair("render", "explicit");
        url.into()
    }

    /// Where the widget and all its parts come from: the page's policy lets in
    /// this origin and no other.
    pub fn script_origin(&self) -> String {
        self.script_url.origin().ascii_serialization()
    }

    /// True if a token solved on this host may be used here.
    pub fn allows_hostname(&self, hostname: &str) -> bool {
        self.hostnames.is_empty() || self.hostnames.contains(&hostname.to_ascii_lowercase())
    }
}

impl fmt::Debug for TurnstileSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnstileSettings").field("site_key", &self.site_key).finish_non_exhaustive()
    }
}

/// How much one address may ask for, and all together. Each is a number up to
/// 1,000,000; 0 means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// `HASHPASS_LIMIT_REQUESTS_PER_SECOND`: requests of one address.
    pub requests_per_second: u32,
    /// `HASHPASS_LIMIT_SESSIONS_PER_HOUR`: new sessions of one address.
    pub sessions_per_hour: u32,
    /// `HASHPASS_LIMIT_FAILED_CHECKS_PER_MINUTE`: human checks of one address that
    /// failed or were not answered.
    pub failed_checks_per_minute: u32,
    /// `HASHPASS_LIMIT_SUBMISSIONS_PER_MINUTE`: submissions of one address that
    /// pass every cheap check.
    pub submissions_per_minute: u32,
    /// `HASHPASS_LIMIT_SOCKETS_PER_ADDRESS`: WebSockets of one address open at once.
    pub sockets_per_address: usize,
    /// `HASHPASS_LIMIT_SOCKETS`: WebSockets open at once over all addresses.
    pub sockets_in_all: usize,
}

#[cfg(test)]
impl LimitSettings {
    /// Nothing is limited.
    pub(crate) const NONE: Self = Self {
        requests_per_second: 0,
        sessions_per_hour: 0,
        failed_checks_per_minute: 0,
        submissions_per_minute: 0,
        sockets_per_address: 0,
        sockets_in_all: 0,
    };
}
