//! The round's mining clock as this page can know it: the server's last word,
//! and the time since.
//!
//! What is shown and what is promised are two things. That this page mines sets the
//! clock going, as everybody sees; but the server hears of it late on a bad line, and
//! may not count this page at all. So a hash is handed in by the time for which the
//! server's own word stands: a submission that comes slightly too early costs a
//! try, and the server speaks every two seconds.

use puzzle::mining_clock::MiningClock;
use std::time::Duration;

/// An estimate of the server's mining clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RoundClock {
    /// What the server's clock said when it was last heard.
    heard: Duration,
    /// The mining time since, as it seems.
    seeming: MiningClock,
    /// The mining time since, as far as the server's word goes.
    vouched: MiningClock,
}

impl RoundClock {
    /// The clock as the server tells it at `now`.
    pub(super) fn heard(mining_time: f64, running: bool, now: Duration) -> Self {
        let mut since = MiningClock::default();
        since.set_running(running, now);
        let heard = Duration::try_from_secs_f64(mining_time).unwrap_or_default();
        Self { heard, seeming: since, vouched: since }
    }

    /// The mining time at `now`, as it seems.
    pub(super) fn elapsed(&self, now: Duration) -> Duration {
        self.heard + self.seeming.elapsed(now)
    }

    /// True while somebody seems to mine at `now`.
    pub(super) fn is_running(&self, now: Duration) -> bool {
        self.seeming.is_running(now)
    }

    /// This page mines from `now` on: the clock seems to run.
    pub(super) fn joined(&mut self, now: Duration) {
        self.seeming.set_running(true, now);
    }

    /// The server will not count this page any more, and nobody else that is known
    /// of mines: the clock stands until it is heard of again.
    pub(super) fn left_alone(&mut self, now: Duration) {
        self.seeming.set_running(false, now);
        self.vouched.set_running(false, now);
    }

    /// The server's clock was at `mining_time`, says its answer that comes at `now`.
    pub(super) fn corrected(&mut self, mining_time: Duration, now: Duration) {
        self.heard = mining_time;
        for since in [&mut self.seeming, &mut self.vouched] {
            let running = since.is_running(now);
            *since = MiningClock::default();
            since.set_running(running, now);
        }
    }

    /// When the clock will surely show `mining_time`, if it goes on as the server
    /// has said; `None` if it stands still before that.
    pub(super) fn moment_of(&self, mining_time: Duration, now: Duration) -> Option<Duration> {
        let missing = mining_time.saturating_sub(self.heard + self.vouched.elapsed(now));
        (missing.is_zero() || self.vouched.is_running(now)).then(|| now + missing)
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
        clock = RoundClock::heard(12.5, true, seconds(110));
        assert_eq!(clock.elapsed(seconds(112)), Duration::from_millis(14_500));
        assert_eq!(clock.moment_of(seconds(20), seconds(112)), Some(Duration::from_millis(117_500)));
    }

    #[test]
    fn what_this_page_does_itself_is_shown_and_not_relied_on() {
        let mut clock = RoundClock::heard(5.0, false, seconds(100));
        clock.joined(seconds(100));
        assert_eq!((clock.elapsed(seconds(110)), clock.is_running(seconds(110))), (seconds(15), true));
        assert_eq!(clock.moment_of(seconds(6), seconds(110)), None);
        assert_eq!(clock.moment_of(seconds(5), seconds(110)), Some(seconds(110)));
        clock.corrected(seconds(7), seconds(110));
        assert_eq!((clock.elapsed(seconds(111)), clock.moment_of(seconds(8), seconds(111))), (seconds(8), None));
    }

    #[test]
    fn stands_when_the_only_miner_leaves() {
        let mut clock = RoundClock::heard(5.0, true, seconds(100));
        clock.left_alone(seconds(103));
        assert_eq!((clock.elapsed(seconds(110)), clock.is_running(seconds(110))), (seconds(8), false));
        assert_eq!(clock.moment_of(seconds(8), seconds(110)), Some(seconds(110)));
        assert_eq!(clock.moment_of(seconds(9), seconds(110)), None);
    }

    #[test]
    fn nonsense_from_the_server_counts_as_zero() {
        for nonsense in [f64::NAN, -1.0, f64::INFINITY] {
            assert_eq!(RoundClock::heard(nonsense, true, seconds(5)).elapsed(seconds(6)), seconds(1));
        }
    }
}
