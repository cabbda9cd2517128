//! How the store fares, told to everybody who watches and to the log of the process.

use crate::{
    clock::Clock,
    ledger::{
        error::{Condition, StoreError},
        values::WallTime,
    },
};
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// How often the log of the process says that the store still fails.
const SAY_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// The writer's word on the store. When it is dropped, however the writer comes to its
/// end, the ledger is closed to everybody.
pub(super) struct Health {
    condition: watch::Sender<Condition>,
    clock: Arc<dyn Clock>,
    path: Arc<PathBuf>,
    /// When the log was last told that the store fails.
    said_at: Instant,
}

impl Health {
    pub(super) fn new(clock: Arc<dyn Clock>, path: Arc<PathBuf>) -> (Self, watch::Receiver<Condition>) {
        let (condition, receiver) = watch::channel(Condition::Ok);
        (Self { condition, clock, path, said_at: Instant::now() }, receiver)
    }

    /// Why the store fails, if it does.
    pub(super) fn cause(&self) -> Option<StoreError> {
        match &*self.condition.borrow() {
            Condition::Ok => None,
            Condition::Failing { cause, .. } => Some(cause.clone()),
        }
    }

    /// The store fails, for this cause now. The log hears of it at the first failure and
    /// then once a minute.
    pub(super) fn fails(&mut self, cause: StoreError) {
        let since = match &*self.condition.borrow() {
            Condition::Ok => None,
            Condition::Failing { since, .. } => Some(*since),
        };
        if since.is_none() || SAY_AGAIN_AFTER <= self.said_at.elapsed() {
            self.said_at = Instant::now();
            let (path, errno) = (cause.path().display(), cause.os_error());
            tracing::error!(%path, errno, error = %cause, "the ledger cannot be written: nobody can win until it can");
        }
        let since = since.unwrap_or_else(|| self.now());
        self.condition.send_replace(Condition::Failing { since, cause });
    }

    /// The store works again.
    pub(super) fn recovers(&self) {
        tracing::info!(path = %self.path.display(), "the ledger can be written again");
        self.condition.send_replace(Condition::Ok);
    }

    fn now(&self) -> WallTime {
        self.clock.time_of_day().into()
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        let (since, cause) = (self.now(), StoreError::closed(&self.path));
        self.condition.send_replace(Condition::Failing { since, cause });
    }
}
