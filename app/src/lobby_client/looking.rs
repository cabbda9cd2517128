//! Reading `#lobby` without being in it, which anybody may: the page asks every few
//! seconds whether there is something new, while the visitor has the lobby in sight.
//!
//! It asks as nobody in particular, also when the race knows the visitor: whoever
//! merely reads costs the lobby one comparison, and nothing is sent that is known.

use super::{Effect, LobbyClient};
use crate::{error::ApiError, scene::lobby::Access, wire::lobby::LobbyBatch};
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

impl LobbyClient {
    /// When to look again; never while nobody looks, or while everything is heard.
    pub(super) fn look_at(&self) -> Option<Duration> {
        let reads = !matches!(self.access, Access::Inside | Access::Closed);
        (reads && self.in_sight && !self.looking.under_way).then_some(self.looking.next_at)
    }

    /// Looks, if it is time to.
    pub(super) fn look_on(&mut self, now: Duration) {
        if self.look_at().is_some_and(|at| at <= now) {
            self.looking.under_way = true;
            self.effects.push(Effect::Look { known: self.looking.known.clone() });
        }
    }

    pub(super) fn looked(&mut self, result: Result<Option<(String, LobbyBatch)>, ApiError>, now: Duration) {
        self.looking.under_way = false;
        let wait = match result {
            Ok(news) => {
                self.looking.back_off.succeeded();
                if let Some((known, lines)) = news {
                    self.looking.known = known;
                    self.add_news(lines.messages);
                }
                INTERVAL.mul_f64(0.5 + self.random())
            }
            Err(error) => self.looking.back_off.failed(error.asked_wait(), self.random()).max(INTERVAL),
        };
        self.looking.next_at = now + wait;
    }
}
