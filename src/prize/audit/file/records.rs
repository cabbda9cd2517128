//! The records in the bytes of a file.

use puzzle::{RoundNumber, invite_code::InviteCode};
use serde::{Deserialize, de::IgnoredAny};

/// By what one record is told from all others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(in super::super) struct RecordName {
    /// The round that was won.
    pub(in super::super) round: RoundNumber,
    /// The prize.
    pub(in super::super) invite_code: InviteCode,
}

/// How many complete records `bytes` starts with, and the offset behind the last
/// one, or behind `[`. None if it does not start as an array of objects at all.
///
/// Any layout counts, so that a file which was formatted by hand goes on.
pub(super) fn complete_records(bytes: &[u8]) -> Option<(usize, usize)> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?,
    };
    let mut rest = skip_space(text).strip_prefix('[')?;
    let mut end = text.len() - rest.len();
    let mut records = 0;
    loop {
        let next = skip_space(rest);
        let next = if records == 0 { Some(next) } else { next.strip_prefix(',').map(skip_space) };
        let Some(next) = next.filter(|next| next.starts_with('{')) else { break };
        let mut values = serde_json::Deserializer::from_str(next).into_iter::<IgnoredAny>();
        let Some(Ok(_)) = values.next() else { break };
        rest = &next[values.byte_offset()..];
        end = text.len() - rest.len();
        records += 1;
    }
    Some((records, end))
}

/// The names of the records in a file; of what is no such array, none.
pub(super) fn names_in(bytes: &[u8]) -> Vec<RecordName> {
    let records: Vec<serde_json::Value> = serde_json::from_slice(bytes).unwrap_or_default();
    records.into_iter().filter_map(|record| serde_json::from_value(record).ok()).collect()
}

/// `text` without the white space of JSON at its start.
fn skip_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\r', '\n'])
}
