//! The drop as the page shows it.

use crate::wire::{DropLimits, DropNews, DropState, OverReason};
use std::time::Duration;

/// The drop as the page shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DropScene {
    /// The state.
    pub state: DropState,
    /// Why it is over, if it is.
    pub reason: Option<OverReason>,
    /// Codes in all, if there is a limit.
    pub supply: Option<u64>,
    /// Codes that are left, if there is a limit.
    pub left: Option<u64>,
    /// When it opens, RFC 3339 in UTC.
    pub opens_at: Option<String>,
    /// When it closes.
    pub closes_at: Option<String>,
    /// How long that takes.
    pub opens_in: Option<Duration>,
    /// How long it takes until it closes.
    pub closes_in: Option<Duration>,
    /// How much one person may win.
    pub limits: DropLimits,
}

impl DropScene {
    /// The drop as it was told so long ago.
    pub fn new(news: &DropNews, age: Duration) -> Self {
        let DropNews { drop, limits, opens_in, closes_in } = news;
        let left = |seconds: &Option<f64>| {
            let told = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            told.map(|told| told.saturating_sub(age))
        };
        Self {
            state: drop.state,
            reason: drop.reason,
            supply: drop.supply,
            left: drop.left,
            opens_at: drop.opens_at.clone(),
            closes_at: drop.closes_at.clone(),
            opens_in: left(opens_in),
            closes_in: left(closes_in),
            limits: *limits,
        }
    }

    /// True if there is anything to say: where the race runs for ever, there is not.
    pub fn has_news(&self) -> bool {
        self.state != DropState::Open
            || self.left.is_some()
            || self.closes_in.is_some()
            || self.limits != DropLimits::default()
    }

    /// How long it takes until it opens or closes by itself.
    pub const fn next_in(&self) -> Option<Duration> {
        match self.state {
            DropState::Scheduled => self.opens_in,
            DropState::Open => self.closes_in,
            DropState::Paused | DropState::Over => None,
        }
    }
}
