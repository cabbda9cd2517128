//! The ledger of one process: SQLite in the data directory.
//!
//! `hashpass.db` is kept in WAL mode with `synchronous=FULL`: a commit is one flush of
//! the write-ahead log. One thread writes (`writer`), one reads (`reader`), each with a
//! connection of its own, so that no question keeps a win waiting. Transactions that
//! wait together share a flush; each succeeds or is refused by itself.
//!
//! When a write fails, nothing further is committed until a write succeeds that is
//! tried once a second; see [`Ledger::condition`]. If what failed was want of space,
//! the reserve (`reserve`) is given up to finish the transaction under way and, later,
//! to stop in good order.

mod apply;
mod change;
mod codes;
mod failure;
mod health;
mod look_up;
mod open;
mod read;
mod reader;
mod reserve;
mod settings;
mod writer;

pub use look_up::find_code;
pub use settings::{DATABASE, OpenError, SqliteSettings};

use super::{
    callers::{ApiKeyRow, KeptAnswer},
    codes::{CodeRecord, CodeStatus},
    contract::{Ledger, Reply},
    deliveries::{Delivery, DeliveryState, Due, Outbox},
    directory::DataDirectory,
    entry::{Entry, Head},
    error::{CommitError, Condition},
    rows::{ListedCode, RecordedWin, Recovered},
    transaction::{Committed, Transaction},
    values::{DeliveryId, Digest, Seq, WallTime},
};
use crate::clock::Clock;
use futures::future::BoxFuture;
use puzzle::RoundNumber;
use reader::Reader;
use std::sync::Arc;
use tokio::sync::watch;
use writer::Writer;

/// A cheap handle to the ledger. It is closed in good order by [`Ledger::close`];
/// without that, when the last handle is dropped and what was handed over is written.
#[derive(Clone)]
pub struct SqliteLedger {
    writer: Writer,
    reader: Reader,
    clock: Arc<dyn Clock>,
    /// Keeps the directory's lock.
    directory: DataDirectory,
}

impl std::fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteLedger").field("directory", &self.directory.path()).finish_non_exhaustive()
    }
}

impl SqliteLedger {
    /// Opens the database in `directory`, makes it if there is none and brings its
    /// schema up to date. Blocks on the disk; meant for the start.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(directory: &DataDirectory, clock: Arc<dyn Clock>, settings: SqliteSettings) -> Result<Self, OpenError> {
        let opened = open::open(directory.path())?;
        let reader = Reader::start(&opened.path, settings.most_waiting)?;
        let writer = Writer::start(opened, directory.path(), Arc::clone(&clock), settings)?;
        Ok(Self { writer, reader, clock, directory: directory.clone() })
    }

    /// Does something with the writer's connection; for tests.
    #[cfg(test)]
    pub(crate) async fn with_connection(&self, work: fn(&rusqlite::Connection)) {
        self.writer.with_connection(work).await;
    }
}

impl Ledger for SqliteLedger {
    fn commit(&self, transaction: Transaction) -> BoxFuture<'static, Result<Committed, CommitError>> {
        self.writer.commit(transaction)
    }

    fn condition(&self) -> watch::Receiver<Condition> {
        self.writer.condition()
    }

    fn recover(&self) -> Reply<Recovered> {
        let now = WallTime::from(self.clock.time_of_day());
        self.reader.ask("reading what a restart needs", move |connection| read::recover(connection, now))
    }

    fn head(&self) -> Reply<Head> {
        self.reader.ask("reading the head", |connection| Ok(read::progress(connection)?.head))
    }

    fn entries_after(&self, seq: Seq, limit: usize) -> Reply<Vec<Entry>> {
        self.reader.ask("reading entries", move |connection| read::entries_after(connection, seq, limit))
    }

    fn cursor(&self, name: &str) -> Reply<Seq> {
        let name = name.to_owned();
        self.reader.ask("reading a cursor", move |connection| read::cursor(connection, &name))
    }

    fn win(&self, round: RoundNumber) -> Reply<Option<RecordedWin>> {
        self.reader.ask("reading a win", move |connection| read::win_of_round(connection, round))
    }

    fn win_with_code(&self, code: Digest) -> Reply<Option<RecordedWin>> {
        self.reader.ask("looking a code up", move |connection| read::win_with_code(connection, code))
    }

    fn code(&self, code: Digest) -> Reply<Option<CodeRecord>> {
        self.reader.ask("reading what became of a code", move |connection| codes::code(connection, code))
    }

    fn codes_after(
        &self,
        round: RoundNumber,
        status: Option<CodeStatus>,
        now: WallTime,
        limit: usize,
    ) -> Reply<Vec<CodeRecord>> {
        self.reader.ask("reading codes", move |connection| codes::codes_after(connection, round, status, now, limit))
    }

    fn returnable_codes(&self, now: WallTime, limit: usize) -> Reply<Vec<RoundNumber>> {
        self.reader.ask("reading expired codes", move |connection| codes::returnable_codes(connection, now, limit))
    }

    fn active_key(&self, digest: Digest) -> Reply<Option<ApiKeyRow>> {
        self.reader.ask("reading a key", move |connection| codes::active_key(connection, digest))
    }

    fn api_keys(&self) -> Reply<Vec<ApiKeyRow>> {
        self.reader.ask("reading the keys", codes::api_keys)
    }

    fn kept_answer(&self, name: Digest) -> Reply<Option<KeptAnswer>> {
        self.reader.ask("reading an answer", move |connection| codes::kept_answer(connection, name))
    }

    fn wins_of(&self, session: &str, round: RoundNumber, limit: usize) -> Reply<Vec<RecordedWin>> {
        let session = session.to_owned();
        self.reader.ask("reading a session's wins", move |connection| read::wins_of(connection, &session, round, limit))
    }

    fn wins_after(&self, round: RoundNumber, limit: usize) -> Reply<Vec<RecordedWin>> {
        self.reader.ask("reading wins", move |connection| read::wins_after(connection, round, limit))
    }

    fn codes_left(&self, position: u64) -> Reply<Vec<ListedCode>> {
        self.reader.ask("reading the list of codes", move |connection| read::codes_left(connection, position))
    }

    fn due_deliveries(&self, now: WallTime, limit: usize) -> Reply<Due> {
        self.reader.ask("reading what is due", move |connection| read::due_deliveries(connection, now, limit))
    }

    fn deliveries_after(&self, id: DeliveryId, state: Option<DeliveryState>, limit: usize) -> Reply<Vec<Delivery>> {
        self.reader.ask("reading deliveries", move |connection| read::deliveries_after(connection, id, state, limit))
    }

    fn outbox(&self) -> Reply<Outbox> {
        self.reader.ask("counting deliveries", read::outbox)
    }

    fn delivery(&self, id: DeliveryId) -> Reply<Option<Delivery>> {
        self.reader.ask("reading a delivery", move |connection| read::delivery(connection, id))
    }

    fn close(&self, last: Transaction) -> BoxFuture<'static, Result<(), CommitError>> {
        let closed = self.writer.close(last);
        let reader = self.reader.clone();
        Box::pin(async move {
            reader.close().await;
            closed.await
        })
    }
}
