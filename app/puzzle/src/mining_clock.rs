//! The time during which at least one miner is active.
//!
//! The caller says what time it is, on a monotonic clock of its own; a moment
//! that lies before one already seen counts as that one, so that the mining time
//! never runs backwards.

use std::time::Duration;

/// A stopwatch for a round: runs while anybody mines, pauses while nobody does.
///
/// How long somebody is known to mine is often known in advance, so the clock can
/// be told when to stop: it then stops at that very moment, however late anybody
/// looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct MiningClock {
    /// Mining time gathered before the current stretch.
    gathered: Duration,
    /// The current stretch; `None` while paused.
    stretch: Option<Stretch>,
    /// The latest moment at which anything changed.
    changed_at: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    since: Duration,
    /// Nobody is known to mine from here on.
    until: Duration,
}

impl MiningClock {
    /// A paused clock that has gathered so much before.
    pub const fn resumed(gathered: Duration) -> Self {
        Self { gathered, stretch: None, changed_at: Duration::ZERO }
    }

    /// The mining time at `now`.
    pub fn elapsed(&self, now: Duration) -> Duration {
        let stretch =
            self.stretch.map_or(Duration::ZERO, |Stretch { since, until }| now.min(until).saturating_sub(since));
        self.gathered + stretch
    }

    /// True while somebody mines.
    pub fn is_running(&self, now: Duration) -> bool {
        self.stretch.is_some_and(|stretch| now < stretch.until)
    }

    /// Runs from `now` on if `active`, pauses otherwise.
    pub fn set_running(&mut self, active: bool, now: Duration) {
        self.run_until(if active { Duration::MAX } else { now }, now);
    }

    /// Runs from `now` to `until`, which replaces whatever end was known before;
    /// pauses if that lies behind.
    pub fn run_until(&mut self, until: Duration, now: Duration) {
        self.changed_at = self.changed_at.max(now);
        let now = self.changed_at;
        self.gathered = self.elapsed(now);
        self.stretch = (now < until).then_some(Stretch { since: now, until });
    }

    /// Begins a new round at `now`: the time starts at zero, and the clock
    /// goes on running if it ran.
    pub fn restart(&mut self, now: Duration) {
        self.changed_at = self.changed_at.max(now);
        let now = self.changed_at;
        self.gathered = Duration::ZERO;
        self.stretch =
            self.stretch.filter(|stretch| now < stretch.until).map(|stretch| Stretch { since: now, ..stretch });
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
        assert!(clock.is_running(seconds(510)));
        assert_eq!(clock.elapsed(seconds(512)), seconds(2));
    }

    #[test]
    fn stops_at_the_moment_that_was_known_before() {
        let mut clock = MiningClock::default();
        clock.run_until(seconds(10), seconds(4));
        assert!(clock.is_running(seconds(9)) && !clock.is_running(seconds(10)));
        assert_eq!(clock.elapsed(seconds(100)), seconds(6));
        // A later end in time goes on, one that comes too late begins anew.
        clock.run_until(seconds(20), seconds(9));
        assert_eq!(clock.elapsed(seconds(15)), seconds(11));
        clock.run_until(seconds(40), seconds(30));
        assert_eq!(clock.elapsed(seconds(30)), seconds(16));
        assert_eq!(clock.elapsed(seconds(35)), seconds(21));
        clock.run_until(seconds(33), seconds(32));
        assert_eq!(clock.elapsed(seconds(99)), seconds(19));
        clock.restart(seconds(99));
        assert!(!clock.is_running(seconds(99)));
        assert_eq!(clock.elapsed(seconds(200)), seconds(0));
    }

    proptest! {
        #[test]
        fn never_runs_backwards_nor_faster_than_the_wall(
            events in prop::collection::vec((0u64..1000, 0u64..1500), 1..50), odd in 0usize..50,
        ) {
            let mut events = events;
            events.sort();
            // One event arrives late, as from a thread that lost its turn.
            if let Some(late) = events.get(odd).copied() {
                events.push(late);
            }
            let mut clock = MiningClock::default();
            let (mut last_now, mut last) = (Duration::ZERO, Duration::ZERO);
            for (at, until) in events {
                let now = last_now.max(Duration::from_millis(at));
                let elapsed = clock.elapsed(now);
                prop_assert!(last <= elapsed && elapsed - last <= now - last_now);
                clock.run_until(Duration::from_millis(until), Duration::from_millis(at));
                prop_assert_eq!(clock.elapsed(now), elapsed);
                (last_now, last) = (now, elapsed);
            }
        }
    }
}
