//! What time it is. Injected, so that tests decide.

use std::time::{Duration, Instant, SystemTime};

/// A source of both kinds of time.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time since some fixed moment: for every duration.
    fn now(&self) -> Duration;

    /// Time of day: for records that people read, and for nothing else.
    fn time_of_day(&self) -> SystemTime;
}

/// `time` as RFC 3339 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`.
/// What lies beyond the year 9999 is written as its end.
pub fn rfc3339_milliseconds(time: SystemTime) -> String {
    format!("{:.3}", timestamp(time))
}

/// `time` as a moment of the calendar; the end of the year 9999 if it lies beyond.
pub(crate) fn timestamp(time: SystemTime) -> jiff::Timestamp {
    jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::MAX)
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn time_of_day(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that stands still until it is told to move.
#[derive(Debug, Default)]
pub struct ManualClock {
    now_ms: std::sync::atomic::AtomicU64,
}

impl ManualClock {
    /// Moves both times on.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.now_ms.fetch_add(by, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_millis(self.now_ms.load(std::sync::atomic::Ordering::SeqCst))
    }

    fn time_of_day(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_milliseconds_whatever_they_are() {
        let after = |duration| rfc3339_milliseconds(SystemTime::UNIX_EPOCH + duration);
        assert_eq!(after(Duration::ZERO), "1970-01-01T00:00:00.000Z");
        assert_eq!(after(Duration::from_nanos(1_999_999)), "1970-01-01T00:00:00.001Z");
        assert_eq!(after(Duration::from_secs(1 << 40)), "9999-12-30T22:00:00.999Z");
    }
}
