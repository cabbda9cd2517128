//! The lobby's memory on disk: SQLite behind one thread.
//!
//! The lobby decides in its own memory; nobody is told that something is done before it
//! is flushed to the disk. Everything goes through one bounded queue to one
//! thread with one connection: SQLite has a single writer anyway, reads are by
//! index and bounded, and with one queue everybody reads what they have written. What has
//! gathered in the queue is committed together, and everybody who waits is answered
//! after the commit. A full queue refuses; the race never waits for anything here.
//!
//! The disk is the race's first of all. The database with its log stays within a budget
//! (`bounds`), for which the oldest history is deleted (`room`), and while little space
//! is free nothing is written but the stamps that the race's gate spends, some 160 bytes
//! a session.

mod bounds;
mod clean;
mod error;
mod failures;
mod load;
mod numbers;
mod open;
mod room;
mod spent;
mod thread;
mod write;

pub use bounds::Bounds;
pub use error::{OpenStoreError, StoreError};
pub use load::Loaded;
pub use spent::StampKind;

pub(super) use load::{LOBBY_ID, MOST_RECENT, SessionRow, StoredChannel, StoredClient, StoredLine, StoredMember};
pub(super) use thread::{Slot, Written};
pub(super) use write::{ChannelRow, Living, Write};

use crate::gate::stamps::{SpendError, SpentStamps};
use clean::Cleaned;
use failures::Failures;
use futures::{FutureExt, TryFutureExt, future::BoxFuture};
use puzzle::stamp::StampHash;
use rusqlite::{Connection, params};
use spent::{Spending, Spent};
use std::{fmt, path::PathBuf, sync::Arc};
use thread::{Afterwards, Job};
use tokio::sync::{mpsc, oneshot};

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// In memory, gone with the process.
    Memory,
    /// In this file.
    File(PathBuf),
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str(":memory:"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A cheap handle to the store.
#[derive(Clone)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
    failures: Arc<Failures>,
    spent: Arc<Spent>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database within the usual bounds, brings its schema up to date and starts
    /// the thread, which ends once the last handle is dropped and everything is written.
    ///
    /// # Errors
    /// [`OpenStoreError`].
    pub fn open(database: &Database) -> Result<Self, OpenStoreError> {
        Self::open_within(database, Bounds::default())
    }

    /// The same within other bounds. A database that is larger loses its oldest history.
    ///
    /// # Errors
    /// [`OpenStoreError`].
    pub fn open_within(database: &Database, bounds: Bounds) -> Result<Self, OpenStoreError> {
        let failures = Arc::new(Failures::new(database.to_string(), bounds.clock.clone()));
        let (connection, room) = open::open(database, bounds)?;
        let spent = Arc::new(Spent::load(&connection, room.pages().most_stamps())?);
        let jobs = thread::start(connection, room, failures.clone())?;
        Ok(Self { jobs, failures, spent })
    }

    /// Takes a place in the queue.
    pub(super) fn reserve(&self) -> Result<Slot<'_>, StoreError> {
        let permit = self.jobs.try_reserve().map_err(|_| StoreError::Busy)?;
        Ok(Slot { permit, failures: &self.failures })
    }

    /// Does something with the connection and waits until it is committed.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call_for(false, work, |_| {}).await
    }

    /// The same; `then` is told of what was committed, in the order of the commits,
    /// before the caller is. For the gate it is written even where space is scarce.
    async fn call_for<T: Send + 'static>(
        &self,
        is_for_the_gate: bool,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, result) = oneshot::channel();
        let failures = self.failures.clone();
        let work = Box::new(move |connection: &Connection| -> Afterwards {
            let outcome = work(connection).map_err(|error| {
                failures.complain(&error);
                StoreError::Failed
            });
            Box::new(move |committed| {
                let outcome = if committed { outcome } else { Err(StoreError::Failed) };
                if let Ok(outcome) = &outcome {
                    then(outcome);
                }
                let _ = answer.send(outcome);
            })
        });
        self.jobs.try_send(Job { work, is_for_the_gate }).map_err(|_| StoreError::Busy)?;
        result.await.unwrap_or(Err(StoreError::Failed))
    }

    /// True if something could not be written since this was asked last, and can be now:
    /// then the database must be told how everything is.
    pub(super) async fn must_be_told_everything(&self) -> bool {
        // An empty job finds out whether there is room again.
        self.failures.has_diverged()
            && self.settled().await.is_ok()
            && !self.failures.is_scarce()
            && self.failures.take_divergence()
    }

    /// True if half of the places in the thread's queue are taken.
    pub(super) fn is_crowded(&self) -> bool {
        self.jobs.capacity() < self.jobs.max_capacity() / 2
    }

    /// How many more jobs the thread's queue would take; for tests.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.jobs.capacity()
    }

    /// Waits until everything that was written before is committed.
    pub(super) async fn settled(&self) -> Result<(), StoreError> {
        self.call(|_| Ok(())).await
    }

    /// Spends a stamp: true if it was not spent before. One atomic insert; of many
    /// at once exactly one is told true, and only when that is committed. A copy of one
    /// that was spent a short time ago does not get as far as the database.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Busy`] also when as many are remembered as there may
    /// be and none of them can be forgotten.
    pub async fn spend(&self, kind: StampKind, stamp: StampHash, now: u64) -> Result<bool, StoreError> {
        if self.spent.is_known(kind, stamp) {
            return Ok(false);
        }
        let spent = (self.spent.clone(), self.spent.clone());
        let insert = move |connection: &Connection| spent.0.insert(connection, kind, stamp, now);
        let then = move |spending: &Spending| spent.1.note(kind, stamp, *spending);
        match self.call_for(kind.is_for_the_gate(), insert, then).await?.outcome {
            Some(is_new) => Ok(is_new),
            None => Err(StoreError::Busy),
        }
    }

    /// Gives a stamp back for which nothing was granted in the end.
    pub async fn give_back(&self, kind: StampKind, stamp: StampHash) {
        let spent = self.spent.clone();
        let delete = move |connection: &Connection| {
            let sql = format!("DELETE FROM {} WHERE stamp_hash = ?1", kind.table());
            connection.prepare_cached(&sql)?.execute(params![stamp.as_bytes()])
        };
        let then = move |deleted: &usize| spent.forget(kind, stamp, *deleted);
        if self.call_for(kind.is_for_the_gate(), delete, then).await.is_err() {
            tracing::warn!("a stamp stays spent although nothing was granted for it");
        }
    }

    /// How many stamps of messages one network may spend in an hour while many are
    /// remembered: at that rate the widest network that there is fills a quarter of the
    /// room in the time after which a stamp may be forgotten.
    pub(super) fn share_of_stamps(&self) -> u32 {
        self.spent.share_of_a_network()
    }

    /// What part of the room for spent stamps of a kind is taken, from 0 to 1.
    pub fn fullness(&self, kind: StampKind) -> f64 {
        self.spent.fullness(kind)
    }

    /// The newest `limit` messages of a target that are older than `before`, oldest
    /// first, each with its number.
    pub(super) async fn history(
        &self,
        target: String,
        before: u64,
        limit: u32,
    ) -> Result<Vec<(u64, String)>, StoreError> {
        self.call(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT seq, envelope FROM messages WHERE target = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
            )?;
            let before = i64::try_from(before).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![target, before, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let mut messages = rows.collect::<rusqlite::Result<Vec<(u64, String)>>>()?;
            messages.reverse();
            Ok(messages)
        })
        .await
    }

    /// Everything that the lobby starts with.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load(&self) -> Result<Loaded, StoreError> {
        let loaded = self.call(load::load).await?;
        // From here on the queues are in memory. Where they cannot be deleted, nothing
        // else can be written either that would make them wrong.
        if self.call(write::forget_queues).await.is_err() {
            self.failures.diverge();
        }
        Ok(loaded)
    }

    /// Every conversation that has messages.
    pub(super) async fn conversations(&self) -> Result<Vec<String>, StoreError> {
        self.call(|connection| {
            let mut statement = connection.prepare_cached("SELECT target FROM conversations")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })
        .await
    }

    /// One small step of cleaning up, for `target` and for what is
    /// too old; true if there was as much to do as fits into a step.
    pub(super) async fn clean(&self, now: u64, target: Option<String>, keep: u32) -> Result<bool, StoreError> {
        let spent = self.spent.clone();
        let forget = move |cleaned: &Cleaned| spent.forget_some(&cleaned.stamps);
        let clean = move |connection: &Connection| clean::clean(connection, now, target.as_deref(), keep);
        Ok(self.call_for(false, clean, forget).await?.is_more)
    }
}

/// Session stamps, for the gate.
impl SpentStamps for Store {
    fn spend(&self, stamp: StampHash, now: u64) -> BoxFuture<'_, Result<bool, SpendError>> {
        let spending = self.spend(StampKind::Session, stamp, now);
        spending
            .map_err(|error| match error {
                StoreError::Busy => SpendError::Busy,
                StoreError::Failed => SpendError::Failed,
            })
            .boxed()
    }

    fn give_back(&self, stamp: StampHash) -> BoxFuture<'_, ()> {
        self.give_back(StampKind::Session, stamp).boxed()
    }
}

/// True if the connection has a table of this name; for tests.
#[cfg(test)]
fn has_table(connection: &Connection, name: &str) -> bool {
    let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1";
    connection.query_row(sql, [name], |_| Ok(())).is_ok()
}

#[cfg(test)]
mod tests;
