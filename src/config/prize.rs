//! What becomes of wins: the webhook.

use super::{
    reader::Reader,
    variable::{Optional, WithDefault},
};
use crate::prize::webhook::{SECRET_RULE, WebhookFormat, WebhookSettings};

pub(super) const WEBHOOK_URL: Optional = Optional::new("WEBHOOK_URL", "where invite codes are posted").secret();

pub(super) const WEBHOOK_TOKEN: Optional = Optional::new("WEBHOOK_TOKEN", "Bearer token for the webhook").secret();

pub(super) const WEBHOOK_FORMAT: WithDefault = WithDefault::new(
    "WEBHOOK_FORMAT",
    "documents",
    "what the webhook is sent: documents (each win in two fields) or event (wins and the drop, with a type and a time)",
);

pub(super) const WEBHOOK_SIGNING_SECRET: Optional = Optional::new(
    "WEBHOOK_SIGNING_SECRET",
    "what deliveries are signed with: whsec_ and the Base64 of 24 to 64 bytes; two separated by a space both sign",
)
.secret();

/// The settings of the webhook, if there is somebody to tell.
pub(super) fn webhook(reader: &mut Reader<'_>) -> Option<WebhookSettings> {
    let url = reader.parse_if_set(&WEBHOOK_URL, "an http or https URL", |text| text.parse().ok());
    let token = reader.parse_if_set(&WEBHOOK_TOKEN, "visible ASCII characters", |text| text.parse().ok());
    let format =
        reader.choice(&WEBHOOK_FORMAT, &[("documents", WebhookFormat::Documents), ("event", WebhookFormat::Event)]);
    let signing = reader.parse_if_set(&WEBHOOK_SIGNING_SECRET, SECRET_RULE, |text| text.parse().ok());
    Some(WebhookSettings { format, signing, ..WebhookSettings::new(url?, token) })
}

#[cfg(test)]
mod tests {
    use crate::{
        config::tests::{problems, read},
        prize::webhook::WebhookFormat,
    };

    #[test]
    fn a_webhook_is_told_as_in_the_documents_unless_it_wants_events() {
        let webhook = |values: &[(&'static str, &'static str)]| {
            let always = [("TURNSTILE_TEST_MODE", "true"), ("WEBHOOK_URL", "https://example.org/hook")];
            read(&[always.as_slice(), values].concat()).unwrap().webhook.unwrap()
        };
        let plain = webhook(&[]);
        assert_eq!((plain.format, plain.signing), (WebhookFormat::Documents, None));
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signed = webhook(&[("WEBHOOK_FORMAT", "event"), ("WEBHOOK_SIGNING_SECRET", secret)]);
        assert_eq!((signed.format, signed.signing), (WebhookFormat::Event, secret.parse().ok()));
    }

    #[test]
    fn a_wrong_signing_secret_is_told_and_not_shown() {
        let text = problems(&[("TURNSTILE_TEST_MODE", "true"), ("WEBHOOK_SIGNING_SECRET", "whsec_hushed")]);
        assert!(text.contains("WEBHOOK_SIGNING_SECRET (its value is not shown) must be whsec_"), "{text}");
        assert!(!text.contains("hushed"), "{text}");
        assert!(problems(&[("WEBHOOK_FORMAT", "xml")]).contains("must be documents or event"));
    }
}
