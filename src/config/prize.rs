//! What becomes of wins: the directory of the audit log, and the webhook.

use super::{
    reader::Reader,
    variable::{Optional, WithDefault},
};
use crate::prize::webhook::WebhookSettings;
use std::path::PathBuf;

pub(super) const DATA_DIR: WithDefault =
    WithDefault::new("HASHPASS_DATA_DIR", "./data", "directory of the audit log and of the lobby's database");

pub(super) const WEBHOOK_URL: Optional = Optional::new("WEBHOOK_URL", "where invite codes are posted").secret();

pub(super) const WEBHOOK_TOKEN: Optional = Optional::new("WEBHOOK_TOKEN", "Bearer token for the webhook").secret();

/// The directory of everything that is kept.
pub(super) fn data_dir(reader: &mut Reader<'_>) -> PathBuf {
    reader.text(&DATA_DIR).into()
}

/// The settings of the webhook, if there is somebody to tell.
pub(super) fn webhook(reader: &mut Reader<'_>) -> Option<WebhookSettings> {
    let url = reader.parse_if_set(&WEBHOOK_URL, "an http or https URL", |text| text.parse().ok());
    let token = reader.parse_if_set(&WEBHOOK_TOKEN, "visible ASCII characters", |text| text.parse().ok());
    Some(WebhookSettings::new(url?, token))
}
