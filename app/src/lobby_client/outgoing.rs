//! What the visitor has written and what is not answered yet.

use crate::wire::lobby::LobbyRequest;
use puzzle::back_off::BackOff;
use std::{collections::VecDeque, time::Duration};

/// What is on its way.
#[derive(Debug, Default)]
pub(super) struct Speaking {
    pub(super) waiting: VecDeque<Outgoing>,
    /// Messages whose stamps are being minted.
    pub(super) unstamped: Vec<Outgoing>,
    pub(super) in_flight: Option<Outgoing>,
    /// When to go on, after a failure.
    pub(super) send_at: Option<Duration>,
    pub(super) back_off: BackOff,
    /// Messages that are not answered yet: mark, and the line's key.
    pub(super) marks: VecDeque<(String, u64)>,
    /// The channel that is joined next comes to the front.
    pub(super) select_next: bool,
    /// The visitor leaves every channel.
    pub(super) leaves: bool,
}

/// A command on its way.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) request: LobbyRequest,
    /// The conversation that it was given in.
    pub(super) tab: String,
    /// The line that shows it, if it is a message.
    pub(super) line: Option<u64>,
    /// How often it was stamped.
    pub(super) stamps: u32,
}

impl Speaking {
    /// The line that a mark belongs to.
    pub(super) fn key_of(&self, mark: &str) -> Option<u64> {
        self.marks.iter().find(|(known, _)| known == mark).map(|(_, key)| *key)
    }
}
