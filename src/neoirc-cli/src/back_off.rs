//! How long to wait before trying again: longer each time, with a random part, so
//! that a thousand clients of a server that was restarted do not come back at once.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// Counts attempts that failed in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BackOff {
    failures: u32,
}

impl BackOff {
    /// Another attempt failed: how long to wait now. `random` is in 0 … 1.
    ///
    /// The wait is drawn evenly between half and all of 0.5, 1, 2, … 30 s, and is
    /// never shorter than `at_least`, which the server asked for.
    pub(crate) fn failed(&mut self, at_least: Duration, random: f64) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        longest.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0)).max(at_least)
    }

    /// An attempt succeeded.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }
}

/// Attempts until a time is up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    until: Instant,
    back_off: BackOff,
}

impl Patience {
    /// Patience for so long from now on.
    pub(crate) fn of(limit: Duration) -> Self {
        Self { until: Instant::now() + limit, back_off: BackOff::default() }
    }

    /// Waits before the next attempt; false if there is none any more.
    pub(crate) async fn wait(&mut self, at_least: Duration) -> bool {
        let wait = self.back_off.failed(at_least, rand::random());
        if self.until < Instant::now() + wait {
            return false;
        }
        tokio::time::sleep(wait).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_half_a_minute_and_keeps_what_the_server_asks_for() {
        let mut back_off = BackOff::default();
        let waits: Vec<_> = (0..8).map(|_| back_off.failed(Duration::ZERO, 1.0).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
        assert_eq!(back_off.failed(Duration::ZERO, 0.0), Duration::from_secs(15));
        assert_eq!(back_off.failed(Duration::from_secs(90), 1.0), Duration::from_secs(90));
        back_off.succeeded();
        assert_eq!(back_off.failed(Duration::ZERO, 0.0), Duration::from_millis(250));
    }

    #[tokio::test]
    async fn patience_ends() {
        assert!(!Patience::of(Duration::from_secs(5)).wait(Duration::from_secs(60)).await);
        assert!(Patience::of(Duration::from_secs(60)).wait(Duration::ZERO).await);
    }
}
