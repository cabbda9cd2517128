//! One event on its way through the client: the moment at which it is handled, and
//! what is to be done about it. The parts of the client take it along and add to it;
//! none of them keeps it.

use super::event::Effect;
use crate::scene::Note;
use std::time::Duration;

/// An event that is being handled.
#[derive(Debug)]
pub(super) struct Turn {
    /// When it is handled, since the page was opened.
    pub(super) now: Duration,
    random: fn() -> f64,
    effects: Vec<Effect>,
}

impl Turn {
    /// Nothing is to be done yet. `random` gives numbers in 0 … 1.
    pub(super) const fn new(now: Duration, random: fn() -> f64) -> Self {
        Self { now, random, effects: Vec::new() }
    }

    /// Has something done, after all that was asked for before.
    pub(super) fn ask(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Writes into the log panel.
    pub(super) fn write(&mut self, note: Note) {
        self.ask(Effect::Write(note));
    }

    /// A random number in 0 … 1.
    pub(super) fn random(&self) -> f64 {
        (self.random)()
    }

    /// All that is to be done, in order.
    pub(super) fn into_effects(self) -> Vec<Effect> {
        self.effects
    }
}
