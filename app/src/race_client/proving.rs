//! Shares: how the page proves to the server that it mines, so that its mining
//! counts.
//!
//! Every share is a hash found since the last one: the best of the round would
//! stay the same for longer and longer, and the server takes each hash once. Which
//! hash is shown makes no difference to the race; the best one goes on waiting for
//! its moment.

use super::turn::Turn;
use crate::wire::{ClientMessage, LARGEST_FRAME, Share};
use puzzle::{Hash, Nonce, RoundNumber, TraceData, VisitorId, proof::share_target};
use std::time::Duration;

/// What is there to be shown, and when.
#[derive(Debug, Default)]
pub(super) struct Proving {
    /// From one share to the next, as the server has it; `None` until it says so.
    interval: Option<Duration>,
    /// The lowest hash of this round and trace since the last share, if it is low
    /// enough for one.
    found: Option<(Hash, Nonce)>,
    /// The next share is due then.
    due_at: Duration,
}

impl Proving {
    /// When a share is to be sent, if there is one. The first one is due as soon as
    /// there is one: until then the server may not count this miner.
    pub(super) fn due(&self) -> Option<Duration> {
        (self.interval.is_some() && self.found.is_some()).then_some(self.due_at)
    }

    /// The server says how often shares are due, in seconds.
    pub(super) fn interval_told(&mut self, interval: f64) {
        self.interval = Duration::try_from_secs_f64(interval).ok();
    }

    /// A batch brought this hash.
    pub(super) fn keep_if_lower(&mut self, found: Option<(Hash, Nonce)>) {
        if let Some((hash, nonce)) = found
            && hash.is_below(&share_target())
            && self.found.is_none_or(|(lowest, _)| hash < lowest)
        {
            self.found = Some((hash, nonce));
        }
    }

    /// What was found belongs to another round or another trace.
    pub(super) fn start_over(&mut self) {
        self.found = None;
    }

    /// The server knows nothing of this session yet: the next share is due at once.
    pub(super) const fn begin_session(&mut self) {
        self.due_at = Duration::ZERO;
    }

    /// The share that is due, which counts as sent. `None` if there is none, or if the
    /// server would close the connection on a message of that size.
    pub(super) fn take(
        &mut self,
        round: RoundNumber,
        visitor_id: VisitorId,
        trace_data: TraceData,
        turn: &Turn,
    ) -> Option<ClientMessage> {
        let interval = self.interval?;
        let (hash, nonce) = self.found.take()?;
        self.due_at = turn.now + interval;
        let share = ClientMessage::Share(Share { round, visitor_id, nonce, trace_data, hash });
        serde_json::to_string(&share).is_ok_and(|text| text.len() <= LARGEST_FRAME).then_some(share)
    }
}
