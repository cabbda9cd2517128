//! Entries: gapless, and each chained to the one before by a hash.
//!
//! The **canonical text** of an entry is this JSON, without any space or line
//! break outside the body's own texts, in UTF-8:
//!
//! ```json
//! {"seq":7,"at":1769860800000,"kind":"won","round":3,"body":{"session":"…", … }}
//! ```
//!
//! with `at` in milliseconds since 1970 and `body` exactly as it was stored. The
//! `chain` of an entry is SHA-256 over the 32 bytes of the chain before it (32 zero
//! bytes before the first) followed by the bytes of the canonical text. So nothing
//! in any entry, its number and its time included, can be changed, left out or put
//! elsewhere without every later `chain` being another one. What is hashed is the
//! text and not its meaning: nobody who checks needs to write a number the way we do.

use super::{
    body::{Body, Kind},
    values::{Digest, Seq, WallTime},
};
use puzzle::RoundNumber;

/// One entry of the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number.
    pub seq: Seq,
    /// When it was committed, by the ledger's clock, which never goes back.
    pub at: WallTime,
    /// The round it is about; 0 if it is about none.
    pub round: RoundNumber,
    /// What it says.
    pub body: Body,
    /// Its place in the chain.
    pub chain: Digest,
    /// The body as it is stored.
    text: String,
}

impl Entry {
    /// The entry that follows upon one whose chain is `previous`.
    ///
    /// # Errors
    /// If the body cannot be written as JSON and read back.
    pub(super) fn chained(
        previous: &Digest,
        seq: Seq,
        at: WallTime,
        round: RoundNumber,
        body: Body,
    ) -> Result<Self, serde_json::Error> {
        let text = body.to_text()?;
        let chain = chain(previous, &canonical(seq, at, body.kind(), round, &text));
        Ok(Self { seq, at, round, body, chain, text })
    }

    /// An entry as the store has it. Whether its chain is right is for
    /// [`verify_chain`](crate::ledger::verify_chain) to say.
    ///
    /// # Errors
    /// If the text is none of the kind.
    pub(super) fn stored(
        seq: Seq,
        at: WallTime,
        kind: Kind,
        round: RoundNumber,
        text: String,
        chain: Digest,
    ) -> Result<Self, serde_json::Error> {
        let body = Body::from_text(kind, &text)?;
        Ok(Self { seq, at, round, body, chain, text })
    }

    /// The body as it is stored: JSON.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text that the chain covers.
    pub fn canonical(&self) -> String {
        canonical(self.seq, self.at, self.body.kind(), self.round, &self.text)
    }

    /// True if this entry is the next one after `before`, and its chain is right.
    pub fn follows(&self, before: &Head) -> bool {
        self.seq == before.seq.next() && before.at <= self.at && self.chain == chain(&before.chain, &self.canonical())
    }
}

fn canonical(seq: Seq, at: WallTime, kind: Kind, round: RoundNumber, text: &str) -> String {
    let at = at.milliseconds();
    format!(r#"{{"seq":{seq},"at":{at},"kind":"{kind}","round":{round},"body":{text}}}"#)
}

fn chain(previous: &Digest, canonical: &str) -> Digest {
    Digest::of(&[previous.as_bytes(), canonical.as_bytes()])
}

/// Where the chain ends: the newest entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 before the first.
    pub seq: Seq,
    /// Its chain; zeros before the first.
    pub chain: Digest,
    /// When it was committed.
    pub at: WallTime,
}

impl Head {
    /// Before the first entry.
    pub const START: Self = Self { seq: Seq(0), chain: Digest::ZERO, at: WallTime::from_milliseconds(0) };
}

impl From<&Entry> for Head {
    fn from(entry: &Entry) -> Self {
        Self { seq: entry.seq, chain: entry.chain, at: entry.at }
    }
}
