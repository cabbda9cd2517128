//! The time during which at least one miner is active.
//!
//! The caller says what time it is, on a monotonic clock of its own; a moment
//! that lies before one already seen counts as that one, so that the mining time
//! never runs backwards.

use std::time::Duration;

/// A stopwatch for a round: runs while anybody mines, pauses while nobody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct MiningClock {
    /// Mining time gathered before the current stretch.
    gathered: Duration,
    /// The moment at which the current stretch began; `None` while paused.
    running_since: Option<Duration>,
}

impl MiningClock {
    /// The mining time at `now`.
    pub fn elapsed(&self, now: Duration) -> Duration {
        let stretch = self.running_since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        self.gathered + stretch
    }

    /// True while somebody mines.
    pub const fn is_running(&self) -> bool {
        self.running_since.is_some()
    }

    /// Runs from `now` on if `active`, pauses otherwise.
    pub fn set_running(&mut self, active: bool, now: Duration) {
        if active != self.is_running() {
            self.gathered = self.elapsed(now);
            self.running_since = active.then_some(now);
        }
    }

    /// Begins a new round at `now`: the time starts at nought, and the clock
    /// goes on running if it ran.
    pub fn restart(&mut self, now: Duration) {
        self.gathered = Duration::ZERO;
        self.running_since = self.running_since.map(|_| now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn counts_only_while_running() {
        let mut clock = MiningClock::default();
        assert_eq!(clock.elapsed(seconds(100)), seconds(0));
        clock.set_running(true, seconds(100));
        clock.set_running(true, seconds(105));
        assert_eq!(clock.elapsed(seconds(110)), seconds(10));
        clock.set_running(false, seconds(110));
        assert_eq!(clock.elapsed(seconds(500)), seconds(10));
        clock.set_running(true, seconds(500));
        assert_eq!(clock.elapsed(seconds(501)), seconds(11));
        clock.restart(seconds(510));
        assert!(clock.is_running());
        assert_eq!(clock.elapsed(seconds(512)), seconds(2));
    }

    proptest! {
        #[test]
        fn never_runs_backwards_nor_faster_than_the_wall(events in prop::collection::vec((0u64..1000, any::<bool>()), 1..50)) {
            let mut events = events;
            events.sort();
            let mut clock = MiningClock::default();
            let (mut last_now, mut last) = (Duration::ZERO, Duration::ZERO);
            for (at, active) in events {
                let now = Duration::from_millis(at);
                let elapsed = clock.elapsed(now);
                prop_assert!(last <= elapsed && elapsed - last <= now - last_now);
                clock.set_running(active, now);
                prop_assert_eq!(clock.elapsed(now), elapsed);
                (last_now, last) = (now, elapsed);
            }
        }
    }
}
