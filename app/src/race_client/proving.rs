//! Shares: how the page proves to the server that it mines, so that its mining
//! counts.
//!
//! Every share is a hash found since the last one: the best of the round would
//! stay the same for longer and longer, and the server takes each hash once. Which
//! hash is shown makes no difference to the race; the best one goes on waiting for
//! its moment.

use super::{Effect, RaceClient};
use crate::wire::{ClientMessage, LARGEST_FRAME, Share};
use puzzle::{Hash, Nonce, proof::share_target};
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
    /// The server says how often shares are due.
    pub(super) fn informed(&mut self, interval: f64) {
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
    pub(super) fn begin_session(&mut self) {
        self.due_at = Duration::ZERO;
    }
}

impl RaceClient {
    /// When a share is to be sent, as far as can be told now. The first one is due
    /// as soon as there is one: until then the server may not count this miner.
    pub(super) fn share_due(&self) -> Option<Duration> {
        let may_prove = self.mining.as_ref().is_some_and(|work| work.running)
            && self.link.is_informed()
            && self.round_is_fresh
            && !self.round_is_over
            && !self.entry.trace_is_stale
            && self.entry.may_take_part();
        (may_prove && self.proving.interval.is_some() && self.proving.found.is_some()).then_some(self.proving.due_at)
    }

    pub(super) fn prove_when_due(&mut self, now: Duration) {
        if self.share_due().is_none_or(|due| now < due) {
            return;
        }
        let identity = self.entry.visitor.clone().zip(self.entry.trace.clone());
        let (Some((hash, nonce)), Some((visitor_id, trace_data)), Some(interval)) =
            (self.proving.found.take(), identity, self.proving.interval)
        else {
            return;
        };
        self.proving.due_at = now + interval;
        let share = ClientMessage::Share(Share { round: self.round.round, visitor_id, nonce, trace_data, hash });
        // The server closes a connection on which a larger message comes.
        if serde_json::to_string(&share).is_ok_and(|text| text.len() <= LARGEST_FRAME) {
            self.effects.push(Effect::Send(share));
        }
    }
}
