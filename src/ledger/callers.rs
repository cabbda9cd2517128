//! Other servers that call this one: the keys that they show, and what they were
//! answered.

use super::values::{Digest, WallTime};
use std::time::Duration;

/// For so long the same request under the same name is given the same answer.
pub const ANSWER_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// A key that is made for another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What operators call it. It is never given to another key.
    pub name: String,
    /// SHA-256 of the key itself, which is kept nowhere.
    pub digest: Digest,
    /// What it is good for. A text, because what scopes are is decided by the rooms above.
    pub scopes: String,
}

/// A key of another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// What it was made as.
    pub key: NewKey,
    /// When it was made.
    pub created_at: WallTime,
    /// When it was used last, to a minute or so.
    pub last_used_at: Option<WallTime>,
    /// Since when it is good for nothing.
    pub revoked_at: Option<WallTime>,
}

/// An answer that is to be given again to whoever asks the same under the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAnswer {
    /// SHA-256 of who asked and of the name that they gave the request.
    pub name: Digest,
    /// SHA-256 of what was asked for.
    pub request: Digest,
    /// Why it was not done, in the words of the room above; `None` if it was.
    pub refusal: Option<String>,
}

/// An answer that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// What was answered to what.
    pub answer: NewAnswer,
    /// When.
    pub at: WallTime,
}

impl KeptAnswer {
    /// True if it still holds at `now`.
    pub fn holds(&self, now: WallTime) -> bool {
        now < self.at.after(ANSWER_LIFE)
    }
}
