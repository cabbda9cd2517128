//! Idempotency keys: what was decided under one is decided for a day.

use super::values::{CodeError, NotDone, TypedCode};
use crate::{
    ledger::{
        Change, Digest,
        callers::{KeptAnswer, NewAnswer},
    },
    prize::keys::Caller,
};

/// The longest idempotency key, in bytes.
const LONGEST: usize = 255;

/// What another server calls a request, so that it can send it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key, if the text can be one: 1 to 255 printable characters of ASCII.
    pub fn new(text: &str) -> Option<Self> {
        let is_one = (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        is_one.then(|| Self(text.to_owned()))
    }
}

/// A request under its name, as digests: nothing of it is kept but those.
pub(super) struct Request {
    name: Digest,
    request: Digest,
}

impl Request {
    /// What `caller` asks for under `key`. The name belongs to the caller's API key.
    pub(super) fn new(caller: &Caller, key: &IdempotencyKey, code: &TypedCode, parts: &[&str]) -> Self {
        let TypedCode(code) = code;
        // Lengths keep the parts apart.
        let of_part = |part: &&str| [&(part.len() as u64).to_be_bytes(), part.as_bytes()].concat();
        let request: Vec<u8> = [code.as_str()].iter().chain(parts).flat_map(of_part).collect();
        Self { name: Digest::of(&[caller.digest.as_bytes(), key.0.as_bytes()]), request: Digest::of(&[&request]) }
    }

    pub(super) const fn name(&self) -> Digest {
        self.name
    }

    /// Keeps that it was done.
    pub(super) fn done(&self) -> Change {
        self.keep(None)
    }

    /// Keeps why it was not done.
    pub(super) fn refused(&self, not_done: NotDone) -> Change {
        // Our own type: serialising it cannot fail.
        self.keep(Some(serde_json::to_string(&not_done).unwrap_or_default()))
    }

    fn keep(&self, refusal: Option<String>) -> Change {
        Change::KeepAnswer(NewAnswer { name: self.name, request: self.request, refusal })
    }

    /// What a kept answer says to this request; nothing if it was done.
    pub(super) fn answer(&self, kept: &KeptAnswer) -> Result<(), CodeError> {
        if kept.answer.request != self.request {
            return Err(CodeError::KeyReused);
        }
        match &kept.answer.refusal {
            None => Ok(()),
            // What cannot be read was written by another version, which knows more refusals.
            Some(text) => Err(CodeError::NotDone(serde_json::from_str(text).unwrap_or(NotDone::Unknown))),
        }
    }
}
