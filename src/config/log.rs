//! What the process logs, and how.

use super::{
    reader::Reader,
    variable::{Optional, WithDefault},
};

pub(super) const RUST_LOG: WithDefault = WithDefault::new("RUST_LOG", "info,memory_serve=warn", "what is logged");

pub(super) const LOG_FORMAT: WithDefault = WithDefault::new("HASHPASS_LOG_FORMAT", "text", "text or json");

pub(super) const DISABLE_UVLOOP: Optional =
    Optional::new("HASHPASS_DISABLE_UVLOOP", "accepted for old deployments, without effect");

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// What is logged, in the language of `tracing`'s filters.
pub(super) fn filter(reader: &mut Reader<'_>) -> String {
    reader.text(&RUST_LOG).to_owned()
}

/// How it is written.
pub(super) fn format(reader: &mut Reader<'_>) -> LogFormat {
    reader.choice(&LOG_FORMAT, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
}

/// True if the variable of old deployments is set.
pub(super) fn mentions_uvloop(reader: &mut Reader<'_>) -> bool {
    reader.text_if_set(&DISABLE_UVLOOP).is_some()
}
