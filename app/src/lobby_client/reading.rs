//! Reading the queue: over the live connection while it stands, by polls otherwise.

use super::event::Effect;
use crate::{
    error::{ApiError, ErrorCode},
    wire::lobby::{LobbyBatch, LobbyEvent},
};
use puzzle::back_off::BackOff;
use std::time::Duration;

/// How long a long poll waits, in seconds.
pub(super) const POLL_SECONDS: u32 = 25;

/// How far the queue was read, and how it is read on.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The live connection stands.
    is_live: bool,
    /// The place up to which the queue was read.
    after: u64,
    /// A poll is under way.
    polling: bool,
    /// When to poll again, after a failure.
    poll_at: Option<Duration>,
    back_off: BackOff,
    /// The last poll succeeded.
    polled: bool,
    /// The live connection brings events.
    brings_events: bool,
    /// Everything before them was read.
    caught_up: bool,
    /// What came while it was not.
    held: Vec<(u64, LobbyEvent)>,
}

/// What a poll has brought.
#[derive(Debug)]
pub(super) enum Polled {
    /// These events, perhaps none.
    Events(Vec<LobbyEvent>),
    /// The session has ended.
    Ended,
}

impl Reading {
    /// True while the live connection stands.
    pub(super) const fn is_live(&self) -> bool {
        self.is_live
    }

    /// True if everything that happened is known, as far as anybody can tell.
    pub(super) const fn is_current(&self) -> bool {
        if self.follows() { self.caught_up } else { self.polled }
    }

    /// When to poll again, after a failure.
    pub(super) const fn deadline(&self) -> Option<Duration> {
        self.poll_at
    }

    /// The live connection stands, or does not any more; true if that is new. What it
    /// brings has to be asked for anew.
    pub(super) fn connection_changed(&mut self, is_live: bool) -> bool {
        let is_new = is_live != self.is_live;
        if is_new {
            self.is_live = is_live;
            self.brings_events = false;
            self.caught_up = false;
            self.held.clear();
        }
        is_new
    }

    /// The visitor is in the lobby, and what was before is known.
    pub(super) fn begin_after(&mut self, last_id: u64) {
        self.after = self.after.max(last_id);
        self.polled = true;
    }

    /// The visitor is not in the lobby any more.
    pub(super) fn end(&mut self) {
        *self = Self { is_live: self.is_live, ..Self::default() };
    }

    /// A command got no answer: whether it arrived, the next poll tells.
    pub(super) const fn doubt(&mut self) {
        if !self.follows() {
            self.polled = false;
        }
    }

    /// The poll to make at `now`, if one is needed and none is under way.
    pub(super) fn poll(&mut self, now: Duration) -> Option<Effect> {
        if self.poll_at.is_some_and(|at| at <= now) {
            self.poll_at = None;
        }
        if self.polling || self.poll_at.is_some() || (self.follows() && self.caught_up) {
            return None;
        }
        self.polling = true;
        let seconds = if self.follows() { 0 } else { POLL_SECONDS };
        Some(Effect::Poll { after: self.after, seconds })
    }

    /// The answer to [`Effect::Poll`], while the visitor is in the lobby. `random` is
    /// in 0 … 1.
    pub(super) fn polled(&mut self, result: Result<LobbyBatch, ApiError>, now: Duration, random: f64) -> Polled {
        self.polling = false;
        match result {
            Ok(batch) => {
                self.back_off.succeeded();
                self.polled = true;
                self.after = self.after.max(batch.last_id);
                let is_all = batch.messages.is_empty();
                let mut events = batch.messages;
                if is_all && self.follows() {
                    self.caught_up = true;
                    for (id, event) in std::mem::take(&mut self.held) {
                        self.after = self.after.max(id);
                        events.push(event);
                    }
                }
                Polled::Events(events)
            }
            Err(error) if error.code == ErrorCode::NotLoggedIn => Polled::Ended,
            Err(error) => {
                self.polled = false;
                self.poll_at = Some(now + self.back_off.failed(error.asked_wait(), random));
                Polled::Events(Vec::new())
            }
        }
    }

    /// A poll has ended that nobody waits for any more.
    pub(super) const fn poll_ended(&mut self) {
        self.polling = false;
    }

    /// The live connection brought an event; returned if it is to be taken now.
    pub(super) fn heard(&mut self, id: u64, event: LobbyEvent) -> Option<LobbyEvent> {
        if !self.is_live {
            return None;
        }
        self.brings_events = true;
        if self.caught_up {
            self.after = self.after.max(id);
            Some(event)
        } else {
            self.held.push((id, event));
            None
        }
    }

    const fn follows(&self) -> bool {
        self.is_live && self.brings_events
    }
}
