//! The life of a code after it was won: it is valid until it is redeemed, revoked or
//! expired, and never again.
//!
//! What became of a code is an entry ([`Redeemed`], [`Revoked`]); that it has expired is
//! a matter of the time that stands in its win. Pure, and the same for every store.

use super::{
    body::{Redeemed, Revoked},
    rows::RecordedWin,
    values::WallTime,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CodeStatus {
    /// It was won, and can be redeemed.
    Valid,
    /// It was used.
    Redeemed,
    /// Nobody used it in time.
    Expired,
    /// It was made worthless.
    Revoked,
}

impl CodeStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Valid, Self::Redeemed, Self::Expired, Self::Revoked];

    /// The word for it in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Redeemed => "redeemed",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// The status of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// What has ended the life of a code, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeEnd {
    /// It was used.
    Redeemed(WallTime),
    /// It was made worthless.
    Revoked(WallTime),
    /// Nobody used it in time.
    Expired(WallTime),
}

impl CodeEnd {
    /// How the code stands since then.
    pub const fn status(self) -> CodeStatus {
        match self {
            Self::Redeemed(_) => CodeStatus::Redeemed,
            Self::Revoked(_) => CodeStatus::Revoked,
            Self::Expired(_) => CodeStatus::Expired,
        }
    }
}

impl fmt::Display for CodeEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Redeemed(at) | Self::Revoked(at) | Self::Expired(at)) = self;
        write!(f, "{} at {at}", self.status().name())
    }
}

/// What is known of a code's end, from whatever a store keeps of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CodeTimes {
    pub(super) redeemed: Option<WallTime>,
    pub(super) revoked: Option<WallTime>,
    pub(super) expires_at: Option<WallTime>,
}

impl CodeTimes {
    /// What has ended the code by `now`.
    pub(super) fn end(self, now: WallTime) -> Option<CodeEnd> {
        let redeemed = self.redeemed.map(CodeEnd::Redeemed);
        let revoked = || self.revoked.map(CodeEnd::Revoked);
        let expired = || self.expires_at.filter(|expires_at| *expires_at <= now).map(CodeEnd::Expired);
        redeemed.or_else(revoked).or_else(expired)
    }
}

/// A code with all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct CodeRecord {
    /// How it was won.
    pub win: RecordedWin,
    /// When and for what it was used.
    pub redeemed: Option<(WallTime, Redeemed)>,
    /// When and why it was made worthless.
    pub revoked: Option<(WallTime, Revoked)>,
    /// True if it expired unused and counts as not given out any more.
    pub returned: bool,
}

impl CodeRecord {
    /// What has ended the code by `now`; `None` while it is valid.
    pub fn end(&self, now: WallTime) -> Option<CodeEnd> {
        let times = CodeTimes {
            redeemed: self.redeemed.as_ref().map(|(at, _)| *at),
            revoked: self.revoked.as_ref().map(|(at, _)| *at),
            expires_at: self.win.won.expires_at,
        };
        times.end(now)
    }

    /// How the code stands at `now`.
    pub fn status(&self, now: WallTime) -> CodeStatus {
        self.end(now).map_or(CodeStatus::Valid, CodeEnd::status)
    }
}
