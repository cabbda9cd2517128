//! Stamps: SHA-256 proof of work that makes sending cheap for one and dear for
//! many, after Hashcash (Adam Back, "Hashcash: a denial of service
//! counter-measure", 2002).
//!
//! A stamp is one line of six fields:
//!
//! | field | session stamp | channel stamp |
//! |---|---|---|
//! | version | `1` | `1` |
//! | bits | how many leading zero bits its hash is said to have | the same |
//! | date | `YYMMDD` or `YYMMDDhhmmss`, UTC | the same |
//! | resource | the server's name | the channel's name |
//! | binding | empty | hex SHA-256 of the message's body |
//! | counter | printable ASCII that gives the hash those bits | the same |
//!
//! `1:20:261121:hashpass::…`. It is good if the SHA-256 of the whole line starts
//! with at least as many zero bits as it states; that takes 2^bits hashes on average.
//!
//! A stamp can be judged here only as far as it can be without memory: whoever
//! accepts one must also spend its [`StampHash`], once and for all, before anything
//! is given for it. That hash covers every character, so a second spelling of the
//! same claim (`020` bits, a date with the hour) is a different stamp that needs a
//! proof of its own, and nobody gains by it.
//!
//! This module knows no store and no clock; `now` is a parameter. A stamp is no
//! proof of a human being, and it tells nothing about who made it.

mod bits;
pub mod channel;
mod date;
pub mod mint;
pub mod session;
mod stamp_hash;

pub use bits::Bits;
pub use mint::{Minter, Prefix};
pub use stamp_hash::StampHash;

use std::time::Duration;

/// A stamp that is longer than this many bytes is refused unread.
pub const MAX_LENGTH: usize = 512;

/// A stamp is refused when the last second of its date is longer ago than this.
pub const MAX_AGE: Duration = Duration::from_hours(48);

/// A stamp is refused when the first second of its date is further ahead than this.
pub const MAX_LEAD: Duration = Duration::from_hours(1);

/// The longest time from the first moment at which a stamp can be accepted to the
/// last one: that of a `YYMMDD` date, which names 24 hours. A store of spent stamps
/// must keep them for at least so long.
pub const LONGEST_LIFE: Duration = Duration::from_hours(1 + 24 + 48);

/// Whole seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

/// Why a stamp is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is none, though one is asked for.
    #[error("a stamp is needed and there is none")]
    Missing,
    /// It is longer than [`MAX_LENGTH`].
    #[error("a stamp is at most {MAX_LENGTH} bytes long")]
    TooLong,
    /// It has not exactly six fields.
    #[error("a stamp has exactly six fields, separated by colons")]
    Fields,
    /// Its first field is not `1`.
    #[error("the stamp's version is not 1")]
    Version,
    /// Its second field is no number of bits.
    #[error("the stamp's bits are not an integer from 0 to 256")]
    MalformedBits,
    /// It states too few bits.
    #[error("the stamp claims {stated} bits, and {required} are required")]
    Bits {
        /// What the stamp says.
        stated: u16,
        /// What was asked for.
        required: Bits,
    },
    /// A session stamp for another server.
    #[error("the stamp is for another resource")]
    Resource,
    /// A session stamp with something in its fifth field.
    #[error("the fifth field of a session stamp is empty")]
    Extension,
    /// A channel stamp for another channel.
    #[error("the stamp is for another channel")]
    Channel,
    /// Its third field is no date.
    #[error("the stamp's date is not YYMMDD or YYMMDDhhmmss")]
    MalformedDate,
    /// Its date is longer ago than [`MAX_AGE`].
    #[error("the stamp has expired: its date is more than 48 hours ago")]
    Expired,
    /// Its date is further ahead than [`MAX_LEAD`].
    #[error("the stamp's date lies in the future: dates are UTC")]
    FromTheFuture,
    /// A channel stamp that is bound to no message.
    #[error("the stamp has no body hash")]
    MissingBodyHash,
    /// A channel stamp for another message.
    #[error("the stamp is for another message: its body hash differs")]
    BodyHash,
    /// Its last field is empty, or not printable ASCII.
    #[error("the stamp's counter is not printable ASCII")]
    Counter,
    /// Its hash has fewer bits than it states.
    #[error("the stamp claims {stated} zero bits, and its hash has {found}")]
    Proof {
        /// What the stamp says.
        stated: u16,
        /// What its hash starts with.
        found: u16,
    },
    /// It was accepted once before. Never found here: for whoever keeps the store.
    #[error("the stamp was used before")]
    Spent,
}

impl Rejection {
    /// A stable word for programs.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::TooLong => "too_long",
            Self::Fields => "fields",
            Self::Version => "version",
            Self::MalformedBits => "malformed_bits",
            Self::Bits { .. } => "insufficient_bits",
            Self::Resource => "resource",
            Self::Extension => "extension",
            Self::Channel => "channel",
            Self::MalformedDate => "malformed_date",
            Self::Expired => "expired",
            Self::FromTheFuture => "future",
            Self::MissingBodyHash => "missing_body_hash",
            Self::BodyHash => "body_hash",
            Self::Counter => "counter",
            Self::Proof { .. } => "proof",
            Self::Spent => "spent",
        }
    }
}

/// Judges a stamp of either kind; `own` are the checks of its kind, which stand
/// between those that both begin and end with. `None` if no stamp is required: then
/// none is looked at, and none is to be spent.
fn judge(
    stamp: Option<&str>,
    required: Bits,
    own: impl FnOnce(&Fields<'_>) -> Result<(), Rejection>,
) -> Result<Option<StampHash>, Rejection> {
    if required.is_none() {
        return Ok(None);
    }
    let stamp = stamp.ok_or(Rejection::Missing)?;
    let fields = Fields::read(stamp, required)?;
    own(&fields)?;
    fields.prove(stamp).map(Some)
}

/// The six fields of a stamp, of which version and bits are already judged.
struct Fields<'a> {
    /// Stated leading zero bits: 0 … 256.
    stated: u16,
    date: &'a str,
    resource: &'a str,
    /// The fifth field: the body hash of a channel stamp.
    binding: &'a str,
    counter: &'a str,
}

impl<'a> Fields<'a> {
    /// The checks that both kinds of stamp begin with.
    fn read(stamp: &'a str, required: Bits) -> Result<Self, Rejection> {
        if MAX_LENGTH < stamp.len() {
            return Err(Rejection::TooLong);
        }
        let mut fields = stamp.split(':');
        let mut next = || fields.next().ok_or(Rejection::Fields);
        let (version, bits, date, resource, binding, counter) = (next()?, next()?, next()?, next()?, next()?, next()?);
        if fields.next().is_some() {
            return Err(Rejection::Fields);
        }
        if version != "1" {
            return Err(Rejection::Version);
        }
        let digits = (1..=3).contains(&bits.len()) && bits.bytes().all(|c| c.is_ascii_digit());
        let stated = bits.parse().ok().filter(|bits| digits && *bits <= 256).ok_or(Rejection::MalformedBits)?;
        if stated < u16::from(required.get()) {
            return Err(Rejection::Bits { stated, required });
        }
        Ok(Self { stated, date, resource, binding, counter })
    }

    /// The checks that both kinds end with: the counter's alphabet and the proof.
    fn prove(&self, stamp: &str) -> Result<StampHash, Rejection> {
        if self.counter.is_empty() || !self.counter.bytes().all(|c| c.is_ascii_graphic()) {
            return Err(Rejection::Counter);
        }
        let hash = StampHash::of(stamp);
        let found = hash.zero_bits();
        if found < self.stated {
            return Err(Rejection::Proof { stated: self.stated, found });
        }
        Ok(hash)
    }
}

#[cfg(test)]
mod tests;
