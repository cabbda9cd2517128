//! When something is decided.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Both times at the moment of a decision.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Moment {
    pub(in super::super) now: Duration,
    pub(in super::super) wall: SystemTime,
}

impl Moment {
    /// Whole seconds since 1970.
    pub(in super::super) fn seconds(self) -> u64 {
        self.wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}
