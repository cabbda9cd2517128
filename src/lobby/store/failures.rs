//! What the store could not do: logged once a minute, and remembered until it was made
//! good.

use super::room::Scarcity;
use crate::{clock::Clock, lock::lock};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// How often failures are logged at most.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// Failures of one store.
pub(in super::super) struct Failures {
    /// Where the database is, for the log.
    database: String,
    clock: Arc<dyn Clock>,
    /// When the last line was logged.
    last: Mutex<Option<Duration>>,
    unsaid: AtomicU64,
    /// True if memory and database may differ.
    diverged: AtomicBool,
    /// Why nothing is written, if that was decided and did not fail by itself.
    scarcity: Mutex<Option<Scarcity>>,
}

impl std::fmt::Debug for Failures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Failures").field("database", &self.database).finish_non_exhaustive()
    }
}

impl Failures {
    pub(super) fn new(database: String, clock: Arc<dyn Clock>) -> Self {
        let (last, unsaid, diverged) = (Mutex::default(), AtomicU64::default(), AtomicBool::default());
        Self { database, clock, last, unsaid, diverged, scarcity: Mutex::default() }
    }

    /// Has a failure logged, unless one was within the last minute.
    pub(super) fn complain(&self, error: &rusqlite::Error) {
        let now = self.clock.now();
        let mut last = lock(&self.last);
        if last.is_some_and(|last| now.saturating_sub(last) < COMPLAINT_INTERVAL) {
            self.unsaid.fetch_add(1, Ordering::Relaxed);
            return;
        }
        *last = Some(now);
        let more_since_the_last_line = self.unsaid.swap(0, Ordering::Relaxed);
        let database = &self.database;
        let cause = lock(&self.scarcity).map_or_else(|| error.to_string(), |scarcity| scarcity.to_string());
        let code = error.sqlite_error().map(|error| error.extended_code);
        tracing::error!(
            error = %cause, code, %database, more_since_the_last_line,
            "the lobby's database is not written: what is sent is refused"
        );
    }

    pub(super) fn note_scarcity(&self, scarcity: Option<Scarcity>) {
        *lock(&self.scarcity) = scarcity;
    }

    pub(super) fn is_scarce(&self) -> bool {
        lock(&self.scarcity).is_some()
    }

    pub(super) fn diverge(&self) {
        self.diverged.store(true, Ordering::SeqCst);
    }

    /// True if something was not written.
    pub(super) fn has_diverged(&self) -> bool {
        self.diverged.load(Ordering::SeqCst)
    }

    /// The same; it is then for the caller to write it.
    pub(super) fn take_divergence(&self) -> bool {
        self.diverged.swap(false, Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{captured_log::CapturedLog, clock::ManualClock};
    use rusqlite::{Error, ffi};

    #[test]
    fn a_full_disk_is_logged_once_a_minute_however_much_is_refused() {
        let clock = Arc::new(ManualClock::default());
        let failures = Failures::new("/srv/lobby.db".to_owned(), clock.clone());
        let (log, _guard) = CapturedLog::start();
        let full = Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), Some("database or disk is full".to_owned()));
        for _ in 0..1280 {
            failures.complain(&full);
            clock.advance(Duration::from_millis(125));
        }
        let text = log.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "160 seconds: {text}");
        assert!(lines.iter().all(|line| line.contains("disk is full") && line.contains("/srv/lobby.db")), "{text}");
        assert!(lines[0].contains("more_since_the_last_line=0"), "{text}");
        assert!(lines[1].contains("more_since_the_last_line=479"), "what was not said is counted: {text}");
    }

    #[test]
    fn where_space_is_scarce_the_log_says_so() {
        let failures = Failures::new("/srv/lobby.db".to_owned(), Arc::new(ManualClock::default()));
        let (log, _guard) = CapturedLog::start();
        failures.note_scarcity(Some(Scarcity::Space { free: 1000, floor: 2000 }));
        failures.complain(&Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY), None));
        assert!(log.text().contains("1000 bytes are free"), "{}", log.text());
    }
}
