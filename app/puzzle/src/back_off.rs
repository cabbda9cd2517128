//! How long to wait before trying again: twice as long each time, with a random
//! part, so that the thousand clients of a server that was restarted do not all come
//! back in the same instant.

use std::time::Duration;

/// No wait is longer than this, unless the server asks for more.
const LONGEST: Duration = Duration::from_secs(30);

/// Counts attempts that failed in a row.
#[derive(Clone, Copy, Debug)]
pub struct BackOff {
    /// The longest wait after the first failure.
    first: Duration,
    failures: u32,
}

impl Default for BackOff {
    /// Begins with at most one second.
    fn default() -> Self {
        Self::beginning_with(Duration::from_secs(1))
    }
}

impl BackOff {
    /// The first wait is at most `first`.
    pub const fn beginning_with(first: Duration) -> Self {
        Self { first, failures: 0 }
    }

    /// Another attempt failed: how long to wait now. `random` is in 0 … 1.
    ///
    /// The wait is drawn evenly between half and all of `first`, 2 · `first`,
    /// 4 · `first`, … 30 s, and is never shorter than `at_least`, which is what the
    /// server asked for.
    pub fn failed(&mut self, at_least: Duration, random: f64) -> Duration {
        let factor = 1u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let longest = self.first.saturating_mul(factor).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        longest.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0)).max(at_least)
    }

    /// An attempt succeeded.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING_ASKED: Duration = Duration::ZERO;

    #[test]
    fn doubles_up_to_half_a_minute_and_starts_anew_after_a_success() {
        let mut back_off = BackOff::default();
        let waits: Vec<_> = (0..7).map(|_| back_off.failed(NOTHING_ASKED, 1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(back_off.failed(NOTHING_ASKED, 0.0), Duration::from_secs(15));
        back_off.succeeded();
        assert_eq!(back_off.failed(NOTHING_ASKED, 0.0), Duration::from_millis(500));
    }

    #[test]
    fn doubles_up_to_half_a_minute_and_keeps_what_the_server_asks_for() {
        let mut back_off = BackOff::beginning_with(Duration::from_millis(500));
        let waits: Vec<_> = (0..8).map(|_| back_off.failed(Duration::ZERO, 1.0).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
        assert_eq!(back_off.failed(Duration::ZERO, 0.0), Duration::from_secs(15));
        assert_eq!(back_off.failed(Duration::from_secs(90), 1.0), Duration::from_secs(90));
        back_off.succeeded();
        assert_eq!(back_off.failed(Duration::ZERO, 0.0), Duration::from_millis(250));
    }

    #[test]
    fn the_wait_stays_half_a_minute_however_often_it_fails() {
        let mut back_off = BackOff::beginning_with(Duration::from_millis(1));
        let waits: Vec<_> = (0..100).map(|_| back_off.failed(NOTHING_ASKED, 1.0)).collect();
        assert!(waits.is_sorted());
        assert_eq!(waits.last(), Some(&LONGEST));
    }
}
