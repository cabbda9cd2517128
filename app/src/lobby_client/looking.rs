//! Reading `#lobby` without being in it, which anybody may: the page asks every few
//! seconds whether there is something new, while the visitor has the lobby in sight.
//!
//! It asks without a session, also where the race has one, so that the same answer is
//! good for everybody; and it says which lines it knows, so that they are not sent again.

use super::event::Effect;
use crate::{
    error::ApiError,
    wire::lobby::{LobbyBatch, LobbyEvent},
};
use puzzle::back_off::BackOff;
use std::time::Duration;

/// Between two looks, on average: pages that were opened together do not ask together.
const INTERVAL: Duration = Duration::from_secs(8);

/// Looking at what others say.
#[derive(Debug)]
pub(super) struct Looking {
    /// What the server calls the lines that are known.
    known: String,
    under_way: bool,
    /// When it is time for the next look.
    next_at: Duration,
    back_off: BackOff,
}

impl Default for Looking {
    /// The lines that came with the page are as good as a look.
    fn default() -> Self {
        Self { known: String::new(), under_way: false, next_at: INTERVAL, back_off: BackOff::default() }
    }
}

impl Looking {
    /// When to look again, unless the answer to the last look is on its way.
    pub(super) fn due(&self) -> Option<Duration> {
        (!self.under_way).then_some(self.next_at)
    }

    /// Looks.
    pub(super) fn look(&mut self) -> Effect {
        self.under_way = true;
        Effect::Look { known: self.known.clone() }
    }

    /// The answer to [`Effect::Look`]; returns the lines, if they are others than those
    /// known. `random` is in 0 … 1.
    pub(super) fn looked(
        &mut self,
        result: Result<Option<(String, LobbyBatch)>, ApiError>,
        now: Duration,
        random: f64,
    ) -> Vec<LobbyEvent> {
        self.under_way = false;
        match result {
            Ok(answer) => {
                self.back_off.succeeded();
                self.next_at = now + INTERVAL.mul_f64(0.5 + random);
                let Some((known, lines)) = answer else { return Vec::new() };
                self.known = known;
                lines.messages
            }
            Err(error) => {
                self.next_at = now + self.back_off.failed(error.asked_wait(), random).max(INTERVAL);
                Vec::new()
            }
        }
    }
}
