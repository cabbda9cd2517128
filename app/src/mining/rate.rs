//! Hashes per second, over the last seconds.
//!
//! Hashes come in batches, a few per second at most, so counting those inside a
//! window would jump by a whole batch. The meter counts from the end of one batch
//! to the end of another instead, which is exact for workers that never rest.
//! It reads no clock: the caller says what time it is, counted from any moment.

use std::{collections::VecDeque, time::Duration};

/// How far the meter looks back. Long enough for a slow phone to finish a few
/// hashes, short enough to follow a change of the number of workers.
pub const WINDOW: Duration = Duration::from_secs(8);

/// Measures a rate of hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateMeter {
    /// When batches ended, oldest first, and how many hashes each had. The first
    /// entry only marks the beginning: its hashes came before.
    batches: VecDeque<(Duration, u32)>,
}

impl RateMeter {
    /// A meter that begins to measure at `now`.
    pub fn started_at(now: Duration) -> Self {
        Self { batches: VecDeque::from([(now, 0)]) }
    }

    /// Counts a batch that ended at `now`.
    pub fn record(&mut self, now: Duration, hashes: u32) {
        self.batches.push_back((now, hashes));
        self.forget_before(now.saturating_sub(WINDOW));
    }

    /// Hashes per second in the window that ends at `now`; 0 while nothing is
    /// known, and when nothing has come for the length of a window.
    pub fn rate(&self, now: Duration) -> f64 {
        let (Some((begin, _)), Some((end, _))) = (self.batches.front(), self.batches.back()) else { return 0.0 };
        if WINDOW < now.saturating_sub(*end) {
            return 0.0;
        }
        let seconds = end.saturating_sub(*begin).as_secs_f64();
        let hashes: f64 = self.batches.iter().skip(1).map(|(_, hashes)| f64::from(*hashes)).sum();
        if 0.0 < seconds { hashes / seconds } else { 0.0 }
    }

    /// Drops what lies before `begin`, but keeps two entries: a device that needs
    /// longer than a window for a hash has a rate too.
    fn forget_before(&mut self, begin: Duration) {
        while 2 < self.batches.len() && self.batches.front().is_some_and(|(end, _)| *end < begin) {
            self.batches.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(value: u64) -> Duration {
        Duration::from_millis(value)
    }

    #[test]
    fn steady_work_has_an_exact_rate_from_the_first_batch_on() {
        let mut meter = RateMeter::started_at(milliseconds(1000));
        assert_eq!(meter.rate(milliseconds(1100)), 0.0);
        for i in 1..200 {
            let now = milliseconds(1000 + 125 * i);
            meter.record(now, 1);
            assert!((meter.rate(now) - 8.0).abs() < 1e-9, "{i}");
        }
    }

    #[test]
    fn the_rate_follows_within_a_window() {
        let mut meter = RateMeter::started_at(Duration::ZERO);
        for i in 1..=100 {
            meter.record(milliseconds(100 * i), 1);
        }
        for i in 1..=50 {
            meter.record(milliseconds(10_000 + 200 * i), 1);
        }
        let rate = meter.rate(milliseconds(20_000));
        assert!((rate - 5.0).abs() < 0.2, "{rate}");
    }

    #[test]
    fn silence_ends_the_rate() {
        let mut meter = RateMeter::started_at(Duration::ZERO);
        meter.record(milliseconds(500), 2);
        assert_eq!(meter.rate(milliseconds(8_500)), 4.0);
        assert_eq!(meter.rate(milliseconds(8_501)), 0.0);
    }

    #[test]
    fn a_very_slow_device_has_a_rate_too() {
        let mut meter = RateMeter::started_at(Duration::ZERO);
        meter.record(milliseconds(20_000), 1);
        meter.record(milliseconds(40_000), 1);
        assert_eq!(meter.rate(milliseconds(40_000)), 0.05);
    }

    #[test]
    fn without_a_beginning_there_is_no_rate() {
        assert_eq!(RateMeter::default().rate(milliseconds(1)), 0.0);
        let mut meter = RateMeter::default();
        meter.record(milliseconds(5), 3);
        assert_eq!(meter.rate(milliseconds(5)), 0.0);
    }
}
