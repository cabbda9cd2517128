//! Channel stamps, `1:bits:YYMMDD:channel:bodyhash:counter`: what a message to a
//! channel costs whose operators ask for it.
//!
//! A stamp is bound to one channel and one body, so that it cannot be made ahead
//! for messages yet to be thought of. Names of channels are compared without
//! regard to ASCII case, as everywhere in the lobby.

use super::{Bits, Prefix, Rejection, StampHash, Timestamp, date, judge};
use crate::hex::hex_newtype;
use sha2::{Digest, Sha256};

/// SHA-256 of a message's body.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BodyHash([u8; 32]);

hex_newtype!(BodyHash, 32, "body hash must be 64 lower-case hex digits");

/// The hash of a body: that of its lines as a compact JSON array of strings, such
/// as `["hello"]`, written as ECMAScript's `JSON.stringify` writes it: no spaces,
/// and nothing escaped but `"`, `\` and control characters.
pub fn body_hash(lines: &[String]) -> BodyHash {
    let json = serde_json::Value::from_iter(lines.iter().map(String::as_str)).to_string();
    BodyHash(Sha256::digest(json).into())
}

/// The other hash that is accepted, for clients without JSON at hand: that of the
/// lines joined by line feeds.
fn joined_hash(lines: &[String]) -> BodyHash {
    BodyHash(Sha256::digest(lines.join("\n")).into())
}

/// Judges a stamp for a message of `body` to `channel` at `now`. `None` if no stamp
/// is required: then none is looked at, and none is to be spent.
///
/// # Errors
/// The first reason not to accept it, in the order: missing, length, six fields,
/// version, bits, date, channel, body hash, counter, proof. Whether it was
/// [spent](Rejection::Spent) is the caller's to find out.
pub fn check(
    stamp: Option<&str>,
    required: Bits,
    channel: &str,
    body: &[String],
    now: Timestamp,
) -> Result<Option<StampHash>, Rejection> {
    judge(stamp, required, |fields| {
        date::check(fields.date, now)?;
        if !fields.resource.eq_ignore_ascii_case(channel) {
            return Err(Rejection::Channel);
        }
        if fields.binding.is_empty() {
            return Err(Rejection::MissingBodyHash);
        }
        let bound = fields.binding.parse::<BodyHash>().map_err(|_| Rejection::BodyHash)?;
        if bound != body_hash(body) && bound != joined_hash(body) {
            return Err(Rejection::BodyHash);
        }
        Ok(())
    })
}

/// What a stamp for a message of `body` to `channel` begins with when it is minted
/// at `now`. A channel with a colon in its name has no stamps: [`check`] refuses them.
pub fn prefix(required: Bits, channel: &str, body: &[String], now: Timestamp) -> Prefix {
    Prefix::new(required, format!("1:{required}:{}:{channel}:{}:", date::day_of(now), body_hash(body)))
}

#[cfg(test)]
mod tests;
