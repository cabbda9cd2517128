//! The round's mining clock as this page can know it: the server's last word,
//! and the time since.

use puzzle::mining_clock::MiningClock;
use std::time::Duration;

/// An estimate of the server's mining clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RoundClock {
    /// What the server's clock said when it was last heard.
    heard: Duration,
    /// The mining time since.
    since: MiningClock,
}

impl RoundClock {
    /// The clock as the server tells it at `now`.
    pub(super) fn heard(mining_time: f64, running: bool, now: Duration) -> Self {
        let mut since = MiningClock::default();
        since.set_running(running, now);
        Self { heard: Duration::try_from_secs_f64(mining_time).unwrap_or_default(), since }
    }

    /// The mining time at `now`.
    pub(super) fn elapsed(&self, now: Duration) -> Duration {
        self.heard + self.since.elapsed(now)
    }

    /// True while somebody mines, as far as is known at `now`.
    pub(super) fn is_running(&self, now: Duration) -> bool {
        self.since.is_running(now)
    }

    /// Learns at `now` whether anybody mines.
    pub(super) fn set_running(&mut self, running: bool, now: Duration) {
        self.since.set_running(running, now);
    }

    /// When the clock will show `mining_time`, if it goes on as it does now;
    /// `None` if it stands still before that.
    pub(super) fn moment_of(&self, mining_time: Duration, now: Duration) -> Option<Duration> {
        let missing = mining_time.saturating_sub(self.elapsed(now));
        (missing.is_zero() || self.is_running(now)).then(|| now + missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn goes_on_from_what_the_server_said_while_somebody_mines() {
        let mut clock = RoundClock::heard(12.5, false, seconds(100));
        assert_eq!(clock.elapsed(seconds(110)), Duration::from_millis(12_500));
        assert_eq!(clock.moment_of(seconds(20), seconds(110)), None);
        assert_eq!(clock.moment_of(seconds(12), seconds(110)), Some(seconds(110)));
        clock.set_running(true, seconds(110));
        assert_eq!(clock.elapsed(seconds(112)), Duration::from_millis(14_500));
        assert_eq!(clock.moment_of(seconds(20), seconds(112)), Some(Duration::from_millis(117_500)));
    }

    #[test]
    fn nonsense_from_the_server_counts_as_nought() {
        for nonsense in [f64::NAN, -1.0, f64::INFINITY] {
            assert_eq!(RoundClock::heard(nonsense, true, seconds(5)).elapsed(seconds(6)), seconds(1));
        }
    }
}
