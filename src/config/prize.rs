//! What becomes of wins: the webhook.

use super::{reader::Reader, variable::Optional};
use crate::prize::webhook::WebhookSettings;

pub(super) const WEBHOOK_URL: Optional = Optional::new("WEBHOOK_URL", "where invite codes are posted").secret();

pub(super) const WEBHOOK_TOKEN: Optional = Optional::new("WEBHOOK_TOKEN", "Bearer token for the webhook").secret();

/// The settings of the webhook, if there is somebody to tell.
pub(super) fn webhook(reader: &mut Reader<'_>) -> Option<WebhookSettings> {
    let url = reader.parse_if_set(&WEBHOOK_URL, "an http or https URL", |text| text.parse().ok());
    let token = reader.parse_if_set(&WEBHOOK_TOKEN, "visible ASCII characters", |text| text.parse().ok());
    Some(WebhookSettings::new(url?, token))
}
