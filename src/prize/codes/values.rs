//! What comes in of a code, and what is said of it.

use crate::ledger::{CodeEnd, Digest, Refused, StoreError};
use puzzle::invite_code::{CodePrefix, InvalidCode, InviteCode};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest text that goes with a use of a code, in bytes.
const LONGEST_REMARK: usize = 200;

/// A code as somebody has typed it: it may be one.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedCode(pub(super) String);

impl TypedCode {
    /// The code, if the text can be one.
    ///
    /// # Errors
    /// [`InvalidCode`].
    pub fn new(text: &str) -> Result<Self, InvalidCode> {
        InviteCode::listed(text).map(|_| Self(text.to_owned()))
    }

    /// The codes that may be meant, by their SHA-256: first exactly this one, then the
    /// derived ones that it was typed off from.
    pub fn meant(&self, prefix: &CodePrefix) -> Vec<Digest> {
        let Self(text) = self;
        let ours = CodePrefix::default();
        let derived = [prefix, &ours].map(|prefix| prefix.read(text));
        let derived: Vec<_> = derived.into_iter().flatten().collect();
        let meant = [text.as_str()].into_iter().chain(derived.iter().map(InviteCode::as_str));
        meant.map(|code| Digest::of(&[code.as_bytes()])).collect()
    }
}

impl fmt::Debug for TypedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedCode(…)")
    }
}

/// A text that goes with the use of a code: for what it is used, or why it is made
/// worthless.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remark(pub(super) String);

/// The text is too long, or holds what a person could not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("has at most {LONGEST_REMARK} bytes and no control characters")]
pub struct InvalidRemark;

impl Remark {
    /// The remark, if the text can be one.
    ///
    /// # Errors
    /// [`InvalidRemark`].
    pub fn new(text: String) -> Result<Self, InvalidRemark> {
        let is_one = text.len() <= LONGEST_REMARK && !text.chars().any(char::is_control);
        if is_one { Ok(Self(text)) } else { Err(InvalidRemark) }
    }
}

/// Why a code is not used, or not made worthless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NotDone {
    /// Nobody has won it.
    #[error("nobody has won this code")]
    Unknown,
    /// It is not valid any more.
    #[error("the code is {0}")]
    Ended(CodeEnd),
}

/// Why there is no such answer.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The code is in the way.
    #[error(transparent)]
    NotDone(#[from] NotDone),
    /// Something else was asked for with this idempotency key, less than a day ago.
    #[error("this idempotency key came with another request less than a day ago")]
    KeyReused,
    /// The ledger cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger cannot hold what was asked for.
    #[error("the ledger refuses: {0}")]
    Refused(Refused),
}
