//! Trying again, with longer and longer waits, until a time is up.

use puzzle::back_off::BackOff;
use std::time::{Duration, Instant};

/// The first wait is at most this: somebody sits at the terminal and waits, too.
pub(crate) const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Attempts until a time is up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    until: Instant,
    back_off: BackOff,
}

impl Patience {
    /// Patience for so long from now on.
    pub(crate) fn of(limit: Duration) -> Self {
        Self { until: Instant::now() + limit, back_off: BackOff::beginning_with(FIRST_WAIT) }
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

    #[tokio::test]
    async fn patience_ends() {
        assert!(!Patience::of(Duration::from_secs(5)).wait(Duration::from_secs(60)).await);
        assert!(Patience::of(Duration::from_secs(60)).wait(Duration::ZERO).await);
    }
}
