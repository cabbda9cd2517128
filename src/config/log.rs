//! What the process logs, and how.

use super::{
    reader::Reader,
    variable::{Optional, WithDefault},
};
use crate::logging::{LogFormat, LogSettings};

pub(super) const RUST_LOG: WithDefault = WithDefault::new(
    "RUST_LOG",
    "info",
    "what is logged: a level (off, error, warn, info, debug, trace) or target=level, several separated by commas",
);

pub(super) const LOG_FORMAT: WithDefault = WithDefault::new("HASHPASS_LOG_FORMAT", "text", "text or json");

pub(super) const DISABLE_UVLOOP: Optional =
    Optional::new("HASHPASS_DISABLE_UVLOOP", "accepted for old deployments, without effect");

/// What is logged, and how.
pub(super) fn log(reader: &mut Reader<'_>) -> LogSettings {
    LogSettings {
        filter: reader.parse(&RUST_LOG, "levels and target=level, separated by commas", |text| text.parse().ok()),
        format: reader.choice(&LOG_FORMAT, &[("text", LogFormat::Text), ("json", LogFormat::Json)]),
    }
}

/// True if the variable of old deployments is set.
pub(super) fn mentions_uvloop(reader: &mut Reader<'_>) -> bool {
    reader.text_if_set(&DISABLE_UVLOOP).is_some()
}
