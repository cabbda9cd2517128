//! The price of a session while the server is under attack.
//!
//! A session costs a stamp of so many bits, or nothing. When tables fill up or
//! submissions wait, the price rises by itself, a bit every ten seconds, which doubles
//! what each further session costs; when the pressure is gone it falls as it rose. Who
//! has a session pays nothing.

use crate::lock::lock;
use std::{collections::VecDeque, sync::Mutex, time::Duration};

/// The most that is added, in bits: 256 times the usual price.
const MOST_ADDED: u8 = 8;

/// Between two steps.
const STEP: Duration = Duration::from_secs(10);

/// So many steps back a price is still taken: a stamp is searched for at the price of a
/// moment ago, and must not be refused for having taken its time.
const STEPS_OF_GRACE: usize = 3;

/// How hard the server is pressed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pressure {
    /// What part of the fullest table that clients fill is taken by those who have shown
    /// no work, from 0 to 1.
    pub fullest_table: f64,
    /// For how long the oldest submission has been waiting for its verdict.
    pub oldest_submission: Duration,
}

impl Pressure {
    /// The price rises.
    fn is_high(self) -> bool {
        0.75 <= self.fullest_table || Duration::from_secs(2) <= self.oldest_submission
    }

    /// The price falls. Between the two it stays, so that it does not swing.
    fn is_low(self) -> bool {
        self.fullest_table < 0.5 && self.oldest_submission < Duration::from_secs(1)
    }
}

/// What is added to the usual price, as a value without a clock.
#[derive(Clone, Debug, Default)]
struct Added {
    bits: u8,
    /// When the last step was taken; `None` before the first.
    stepped_at: Option<Duration>,
    /// What was added at the last steps, newest last.
    before: VecDeque<u8>,
}

impl Added {
    fn observe(&mut self, pressure: Pressure, now: Duration) {
        if self.stepped_at.is_some_and(|at| now < at + STEP) {
            return;
        }
        let bits = if pressure.is_high() {
            (self.bits + 1).min(MOST_ADDED)
        } else if pressure.is_low() {
            self.bits.saturating_sub(1)
        } else {
            self.bits
        };
        if self.before.len() == STEPS_OF_GRACE {
            self.before.pop_front();
        }
        self.before.push_back(self.bits);
        self.bits = bits;
        self.stepped_at = Some(now);
    }

    fn lowest_of_late(&self) -> u8 {
        self.before.iter().copied().fold(self.bits, u8::min)
    }
}

/// What is added to the usual price, for all who ask for it and all who set it.
#[derive(Debug, Default)]
pub struct Price(Mutex<Added>);

impl Price {
    /// Takes note of the pressure; to be called every second or so. True if the price has
    /// changed.
    pub fn observe(&self, pressure: Pressure, now: Duration) -> bool {
        let mut added = lock(&self.0);
        let before = added.bits;
        added.observe(pressure, now);
        before != added.bits
    }

    /// How many bits are added now.
    pub fn added(&self) -> u8 {
        lock(&self.0).bits
    }

    /// How many bits more than usual a stamp must have that comes now: as many as it was
    /// told to have when the search for it began.
    pub(super) fn added_of_late(&self) -> u8 {
        lock(&self.0).lowest_of_late()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CALM: Pressure = Pressure { fullest_table: 0.1, oldest_submission: Duration::ZERO };
    const ATTACK: Pressure = Pressure { fullest_table: 0.9, ..CALM };

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_price_rises_a_bit_each_ten_seconds_and_falls_again() {
        let mut added = Added::default();
        let mut at = |from: u64, to: u64, pressure| {
            (from..to).for_each(|second| added.observe(pressure, seconds(second)));
            (added.bits, added.lowest_of_late())
        };
        assert_eq!(at(0, 100, CALM), (0, 0));
        assert_eq!(at(100, 101, ATTACK), (1, 0), "at once");
        assert_eq!(at(101, 110, ATTACK), (1, 0), "and not again so soon");
        assert_eq!(at(110, 140, ATTACK), (4, 1), "the price of a while ago is still taken");
        let waits = Pressure { oldest_submission: seconds(2), ..CALM };
        assert_eq!(at(140, 300, waits), (8, 8), "whatever it is that presses");
        let between = Pressure { fullest_table: 0.6, ..CALM };
        assert_eq!(at(300, 400, between), (8, 8));
        assert_eq!(at(400, 441, CALM), (3, 3));
        assert_eq!(at(441, 500, CALM), (0, 0));
    }

    proptest! {
        #[test]
        fn the_price_stays_within_its_bounds_and_moves_by_single_bits(
            pressures in proptest::collection::vec((0.0_f64..1.0, 0_u64..3_000, 0_u64..20), 0..100),
        ) {
            let (price, mut now, mut last) = (Price::default(), Duration::ZERO, 0);
            for (fullest_table, waiting, wait) in pressures {
                now += seconds(wait);
                let oldest_submission = Duration::from_millis(waiting);
                let changed = price.observe(Pressure { fullest_table, oldest_submission }, now);
                let added = price.added();
                prop_assert!(added <= MOST_ADDED && added.abs_diff(last) <= 1);
                prop_assert_eq!(changed, added != last);
                prop_assert!(price.added_of_late() <= added);
                last = added;
            }
        }
    }
}
