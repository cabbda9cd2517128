//! The webhook: one other server that is told who won which code, and if it wants to know,
//! what becomes of the drop.
//!
//! Every prize is one `POST`. What it says ([`event`]) is written into the ledger with the
//! win itself ([`told_of_win`]) and sent from there ([`deliveries`](super::deliveries)),
//! [signed](signing) if there is a secret for that.
//!
//! Nothing here ever shows the token, a signing secret or the receiver's address, which may
//! be a secret itself.

mod event;
mod signing;

pub use event::{CodeRedeemed, CodeWon, WebhookFormat};
pub(crate) use event::{code_digest, sent_body};
pub use signing::{SECRET_RULE, SigningSecrets};

use crate::ledger::{deliveries::NewDelivery, values::WebhookId};
use puzzle::{RoundNumber, drop::Drop, values::Invalid};
use reqwest::{Url, header::HeaderValue};
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
    /// `WEBHOOK_FORMAT`: what the receiver is told, and how.
    pub format: WebhookFormat,
    /// `WEBHOOK_SIGNING_SECRET`: what deliveries are signed with, if they are.
    pub signing: Option<SigningSecrets>,
    /// After how long a try has failed. Set by no variable: 5 seconds.
    pub time_limit: Duration,
}

impl WebhookSettings {
    /// This receiver, told of wins as in the documents and without a signature, with the
    /// time limit that no variable sets.
    pub const fn new(url: WebhookUrl, token: Option<WebhookToken>) -> Self {
        let (format, signing) = (WebhookFormat::Documents, None);
        Self { url, token, format, signing, time_limit: Duration::from_secs(5) }
    }
}

/// What the receiver has to be told of a win; to be committed in the transaction of the
/// win, if there is a webhook at all.
pub fn told_of_win(settings: &WebhookSettings, won: &CodeWon<'_>) -> NewDelivery {
    delivery(Some(won.round), settings.format.code_won(won))
}

/// What the receiver has to be told of the drop's new state, if it is told of that; to be
/// committed in the transaction of the change.
pub fn told_of_drop(settings: &WebhookSettings, drop: &Drop) -> Option<NewDelivery> {
    settings.format.drop_turned(drop).map(|body| delivery(None, body))
}

/// What the receiver has to be told of the use of a code, if it is told of that; to be
/// committed in the transaction of the use.
pub fn told_of_redemption(settings: &WebhookSettings, used: &CodeRedeemed<'_>) -> Option<NewDelivery> {
    settings.format.code_redeemed(used).map(|body| delivery(Some(used.round), body))
}

/// A delivery that tells of no win, by which an operator sees whether the receiver takes
/// any: of the form that every other one has, with names that nobody can win.
pub fn test_delivery(format: WebhookFormat) -> NewDelivery {
    delivery(None, format.test())
}

fn delivery(round: Option<RoundNumber>, body: String) -> NewDelivery {
    NewDelivery { webhook_id: WebhookId::random(), receiver: RECEIVER.to_owned(), round, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use puzzle::{
        Nonce, Seed, VisitorId,
        invite_code::{CodeSecret, InviteCode},
    };

    #[test]
    fn a_delivery_has_the_body_of_the_protocol_and_an_id_that_is_not_the_code() {
        let settings = WebhookSettings::new("http://127.0.0.1:9/".parse().unwrap(), None);
        let visitor: VisitorId = "visitor-1".parse().unwrap();
        let secret = CodeSecret::from_bytes([7; 32]);
        let code = InviteCode::derive(&secret, &visitor, Nonce::new(1).unwrap(), &Seed::from_bytes([1; 16]));
        let won = CodeWon { code: &code, round: RoundNumber(3), visitor: &visitor, expires_at: None, state: None };
        let new = || told_of_win(&settings, &won);
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
