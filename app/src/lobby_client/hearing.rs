//! Reading the queue: over the live connection while it stands, by polls otherwise.

use super::{Effect, LobbyClient, POLL_SECONDS};
use crate::{
    error::{ApiError, ErrorCode},
    scene::lobby::Access,
    wire::lobby::{LobbyBatch, LobbyEvent},
};
use std::time::Duration;

impl LobbyClient {
    /// True if everything that happened is known, as far as anybody can tell.
    pub(super) fn is_current(&self) -> bool {
        if self.live && self.reading.seated { self.reading.caught_up } else { self.reading.polled }
    }

    /// Polls, if that is needed and not under way.
    pub(super) fn read_on(&mut self) {
        let follows = self.live && self.reading.seated;
        let idle = self.reading.polling || self.reading.poll_at.is_some() || (follows && self.reading.caught_up);
        if self.access == Access::Inside && !idle {
            self.reading.polling = true;
            let seconds = if follows { 0 } else { POLL_SECONDS };
            self.effects.push(Effect::Poll { after: self.reading.after, seconds });
        }
    }

    pub(super) fn polled(&mut self, result: Result<LobbyBatch, ApiError>, now: Duration) {
        self.reading.polling = false;
        if self.access != Access::Inside {
            return;
        }
        match result {
            Ok(batch) => {
                self.reading.back_off.succeeded();
                self.reading.polled = true;
                let is_all = batch.messages.is_empty();
                self.reading.after = self.reading.after.max(batch.last_id);
                for event in batch.messages {
                    self.take(event);
                }
                if is_all && self.live && self.reading.seated {
                    self.reading.caught_up = true;
                    for (id, event) in std::mem::take(&mut self.reading.held) {
                        self.follow(id, event);
                    }
                }
            }
            Err(error) if error.code == ErrorCode::NotLoggedIn => self.thrown_out(),
            Err(error) => {
                self.reading.polled = false;
                let wait = self.reading.back_off.failed(error.asked_wait(), self.random());
                self.reading.poll_at = Some(now + wait);
            }
        }
    }

    /// The live connection brought an event.
    pub(super) fn heard(&mut self, id: u64, event: LobbyEvent) {
        if !self.live || self.access != Access::Inside {
            return;
        }
        self.reading.seated = true;
        if self.reading.caught_up {
            self.follow(id, event);
        } else {
            self.reading.held.push((id, event));
        }
    }

    fn follow(&mut self, id: u64, event: LobbyEvent) {
        self.reading.after = self.reading.after.max(id);
        self.take(event);
    }
}
