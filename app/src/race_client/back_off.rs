//! How long to wait before trying again: twice as long each time, with a random
//! part, so that a thousand pages do not come back in the same instant.

use std::time::Duration;

/// Counts attempts that failed in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BackOff {
    failures: u32,
}

impl BackOff {
    const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(30);

    /// Another attempt failed: how long to wait now. `random` is in 0 … 1.
    ///
    /// The wait is drawn evenly between half and all of 1, 2, 4, … 30 s.
    pub(crate) fn failed(&mut self, random: f64) -> Duration {
        let longest = Self::FIRST.saturating_mul(1 << self.failures.min(5)).min(Self::LONGEST);
        self.failures = self.failures.saturating_add(1);
        longest.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0))
    }

    /// An attempt succeeded.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_half_a_minute_and_starts_anew_after_a_success() {
        let mut back_off = BackOff::default();
        let waits: Vec<_> = (0..7).map(|_| back_off.failed(1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(back_off.failed(0.0), Duration::from_secs(15));
        back_off.succeeded();
        assert_eq!(back_off.failed(0.0), Duration::from_millis(500));
    }
}
