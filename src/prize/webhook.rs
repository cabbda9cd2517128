//! The webhook: one other server that is told who won which code.
//!
//! Every prize is one `POST` of `{"visitor_id":"…","invite_code":"…"}`, which is all
//! that the receiver learns. It is written into the ledger with the win itself
//! ([`new_delivery`]) and sent from there ([`deliveries`](super::deliveries)).
//!
//! Nothing here ever shows the token or the receiver's address, which may be a secret
//! itself.

use crate::ledger::{deliveries::NewDelivery, values::WebhookId};
use puzzle::{RoundNumber, VisitorId, invite_code::InviteCode, values::Invalid};
use reqwest::{Url, header::HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use std::{fmt, str::FromStr, time::Duration};

/// The receiver's name in the ledger.
pub const RECEIVER: &str = "webhook";

/// The receiver's address: http or https.
///
/// Hidden in debug output: its path, query or user name may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

impl WebhookUrl {
    /// The address itself.
    pub(super) fn as_url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for WebhookUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // The text is not repeated in the error: it may hold a secret.
        let invalid = Invalid("an address that starts with http:// or https://");
        let url: Url = text.parse().map_err(|_| invalid)?;
        if matches!(url.scheme(), "http" | "https") { Ok(Self(url)) } else { Err(invalid) }
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookUrl(…)")
    }
}

/// What the receiver knows us by: sent as `Authorization: Bearer …`, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookToken(HeaderValue);

impl WebhookToken {
    /// The value of the header, which the client never shows.
    pub(super) fn as_header(&self) -> &HeaderValue {
        &self.0
    }
}

impl FromStr for WebhookToken {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = Invalid("one or more visible ASCII characters");
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid);
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| invalid)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl fmt::Debug for WebhookToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookToken(…)")
    }
}

/// Whom to tell.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// `WEBHOOK_URL`: the receiver. A user name and password in it are sent as basic
    /// authorization, unless there is a token.
    pub url: WebhookUrl,
    /// `WEBHOOK_TOKEN`: what the receiver knows us by, if it wants that.
    pub token: Option<WebhookToken>,
    /// After how long a try has failed. Set by no variable: 5 seconds.
    pub time_limit: Duration,
}

impl WebhookSettings {
    /// This receiver, with the time limit that no variable sets.
    pub const fn new(url: WebhookUrl, token: Option<WebhookToken>) -> Self {
        Self { url, token, time_limit: Duration::from_secs(5) }
    }
}

/// What the receiver has to be told of a win; to be committed in the transaction of the
/// win, if there is a webhook at all.
pub fn new_delivery(_: &WebhookSettings, round: RoundNumber, visitor: &VisitorId, code: &InviteCode) -> NewDelivery {
    let (visitor, code) = (Value::from(visitor.as_str()), Value::from(code.as_str()));
    NewDelivery {
        webhook_id: WebhookId::random(),
        receiver: RECEIVER.to_owned(),
        round: Some(round),
        // Written by hand, because the order of the fields is promised.
        body: format!(r#"{{"visitor_id":{visitor},"invite_code":{code}}}"#),
    }
}

/// A delivery that tells of no win, by which an operator sees whether the receiver takes
/// any: of the form that every other one has, with names that nobody can win.
pub fn test_delivery() -> NewDelivery {
    NewDelivery {
        webhook_id: WebhookId::random(),
        receiver: RECEIVER.to_owned(),
        round: None,
        body: r#"{"visitor_id":"hashpass-test","invite_code":"TEST"}"#.to_owned(),
    }
}

/// The digest of the code in a delivery's body, for the log; empty if there is none.
pub(super) fn code_digest(body: &str) -> String {
    #[derive(Deserialize)]
    struct Body {
        invite_code: InviteCode,
    }
    serde_json::from_str::<Body>(body).map(|body| body.invite_code.digest()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use puzzle::{Nonce, Seed, invite_code::CodeSecret};

    #[test]
    fn a_delivery_has_the_body_of_the_protocol_and_an_id_that_is_not_the_code() {
        let settings = WebhookSettings::new("http://127.0.0.1:9/".parse().unwrap(), None);
        let visitor: VisitorId = "visitor-1".parse().unwrap();
        let secret = CodeSecret::from_bytes([7; 32]);
        let code = InviteCode::derive(&secret, &visitor, Nonce::new(1).unwrap(), &Seed::from_bytes([1; 16]));
        let new = || new_delivery(&settings, RoundNumber(3), &visitor, &code);
        let NewDelivery { webhook_id, receiver, round, body } = new();
        assert_eq!(body, format!(r#"{{"visitor_id":"visitor-1","invite_code":"{}"}}"#, code.as_str()));
        assert_eq!((receiver.as_str(), round), (RECEIVER, Some(RoundNumber(3))));
        assert!(webhook_id.as_str().starts_with("msg_") && !webhook_id.as_str().contains(&code.as_str()[9..]));
        assert_ne!(webhook_id, new().webhook_id);
        assert_eq!(code_digest(&body), code.digest());
        assert_eq!(code_digest("{}"), "");
    }

    #[test]
    fn addresses_and_tokens_are_checked_and_never_shown() {
        for good in ["http://127.0.0.1:9/hook", "https://example.org", "HTTPS://user:s3cret@example.org/?key=s3cret"] {
            let url: WebhookUrl = good.parse().unwrap();
            assert_eq!(format!("{url:?}"), "WebhookUrl(…)");
        }
        for bad in ["", "example.org/hook", "ftp://example.org", "file:///etc/passwd", "http://", "http:// s3cret"] {
            let error = bad.parse::<WebhookUrl>().unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
        let token: WebhookToken = "s3cret".parse().unwrap();
        assert_eq!(format!("{token:?} {:?}", token.0), "WebhookToken(…) Sensitive");
        for bad in ["", "two words", "line\nbreak", "é"] {
            assert!(bad.parse::<WebhookToken>().is_err(), "{bad:?}");
        }
    }
}
