//! How often one connection, one client or everybody together may do something:
//! a token bucket, for those who are known already and need no table.

use std::time::Duration;

/// A bucket that fills at a steady rate up to its burst. It may go into debt: then
/// it says how long whoever took from it has to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    level: f64,
    at: Duration,
}

impl Bucket {
    /// A full bucket.
    pub(crate) const fn full(burst: f64, now: Duration) -> Self {
        Self { level: burst, at: now }
    }

    fn fill(&mut self, rate: f64, burst: f64, now: Duration) {
        self.level = (self.level + now.saturating_sub(self.at).as_secs_f64() * rate).min(burst);
        self.at = now;
    }

    /// Takes one if there is one.
    ///
    /// # Errors
    /// How long until there is one.
    pub(crate) fn take(&mut self, rate: f64, burst: f64, now: Duration) -> Result<(), Duration> {
        self.take_with_debt(rate, burst, Duration::ZERO, now).map(|_| ())
    }

    /// Takes one, into debt if need be, and says how long to wait before using it.
    ///
    /// # Errors
    /// How long until the wait would be no longer than `patience`.
    pub(crate) fn take_with_debt(
        &mut self,
        rate: f64,
        burst: f64,
        patience: Duration,
        now: Duration,
    ) -> Result<Duration, Duration> {
        self.fill(rate, burst, now);
        let wait = Duration::from_secs_f64(((1.0 - self.level) / rate).max(0.0));
        if patience < wait {
            return Err(wait - patience);
        }
        self.level -= 1.0;
        Ok(wait)
    }

    /// Takes more for something that turned out to cost more than one, into debt if need be.
    pub(crate) fn charge(&mut self, cost: f64) {
        self.level -= cost;
    }

    /// Puts one back that was not used.
    pub(crate) fn put_back(&mut self) {
        self.level += 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_a_burst_refills_and_tells_the_wait() {
        let mut bucket = Bucket::full(2.0, Duration::ZERO);
        assert_eq!(bucket.take(1.0, 2.0, Duration::ZERO), Ok(()));
        assert_eq!(bucket.take(1.0, 2.0, Duration::ZERO), Ok(()));
        assert_eq!(bucket.take(1.0, 2.0, Duration::ZERO), Err(Duration::from_secs(1)));
        assert_eq!(bucket.take(1.0, 2.0, Duration::from_secs(1)), Ok(()));
        bucket.put_back();
        assert_eq!(bucket.take(1.0, 2.0, Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn debt_delays_and_ends() {
        let mut bucket = Bucket::full(1.0, Duration::ZERO);
        let mut take = || bucket.take_with_debt(2.0, 1.0, Duration::from_secs(1), Duration::ZERO);
        let milliseconds = Duration::from_millis;
        assert_eq!(take(), Ok(Duration::ZERO));
        assert_eq!(take(), Ok(milliseconds(500)));
        assert_eq!(take(), Ok(milliseconds(1000)));
        assert_eq!(take(), Err(milliseconds(500)));
    }
}
