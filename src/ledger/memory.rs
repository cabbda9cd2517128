//! The ledger that forgets: everything in memory, nothing on disk.
//!
//! For tests, as the measure that the other stores are held against, and for those who
//! want the race without any file. It keeps the newest [`MOST_ENTRIES`] entries and the
//! wins among them, so that it does not grow without bound. Deliveries
//! are kept until they are forgotten on purpose, as in every store.

mod apply;
mod codes;
mod tables;

use super::{
    body::Won,
    callers::{ApiKeyRow, KeptAnswer},
    codes::{CodeRecord, CodeStatus},
    contract::{Ledger, Reply},
    deliveries::{Delivery, DeliveryState, Due, Outbox},
    entry::{Entry, Head},
    error::{CommitError, Condition, StoreError},
    rows::{ListedCode, RecordedWin, Recovered},
    transaction::{Committed, Transaction},
    values::{DeliveryId, Digest, Seq, WallTime},
};
use crate::clock::Clock;
use futures::{FutureExt, future::BoxFuture};
use puzzle::RoundNumber;
use std::{
    future::ready,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tables::Tables;
use tokio::sync::watch;

/// How many entries are kept, at one or two kilobytes each: some 10,000 rounds.
pub const MOST_ENTRIES: usize = 20_000;

/// What stands for the path in errors.
const PATH: &str = "the ledger in memory";

/// A ledger in memory.
pub struct MemoryLedger {
    /// None after the end.
    tables: Mutex<Option<Tables>>,
    condition: watch::Sender<Condition>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryLedger").finish_non_exhaustive()
    }
}

impl MemoryLedger {
    /// An empty ledger.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::keeping(MOST_ENTRIES, clock)
    }

    /// An empty ledger that keeps so many entries.
    pub(super) fn keeping(entries: usize, clock: Arc<dyn Clock>) -> Self {
        let condition = watch::channel(Condition::Ok).0;
        Self { tables: Mutex::new(Some(Tables::keeping(entries))), condition, clock }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Tables>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask<T: Send + 'static>(&self, question: impl FnOnce(&Tables) -> T) -> Reply<T> {
        let answer = self.lock().as_ref().map(question).ok_or_else(closed);
        ready(answer).boxed()
    }

    fn now(&self) -> WallTime {
        self.clock.time_of_day().into()
    }
}

fn closed() -> StoreError {
    StoreError::closed(Path::new(PATH))
}

impl Ledger for MemoryLedger {
    fn commit(&self, transaction: Transaction) -> BoxFuture<'static, Result<Committed, CommitError>> {
        let now = self.now();
        let outcome = match &mut *self.lock() {
            Some(tables) => tables.commit(&transaction, now).map_err(CommitError::Refused),
            None => Err(closed().into()),
        };
        ready(outcome).boxed()
    }

    fn condition(&self) -> watch::Receiver<Condition> {
        self.condition.subscribe()
    }

    fn recover(&self) -> Reply<Recovered> {
        let now = self.now();
        self.ask(|tables| tables.recover(now))
    }

    fn head(&self) -> Reply<Head> {
        self.ask(|tables| tables.progress.head)
    }

    fn entries_after(&self, seq: Seq, limit: usize) -> Reply<Vec<Entry>> {
        self.ask(|tables| tables.entries_after(seq, limit))
    }

    fn cursor(&self, name: &str) -> Reply<Seq> {
        self.ask(|tables| tables.cursor(name))
    }

    fn win(&self, round: RoundNumber) -> Reply<Option<RecordedWin>> {
        self.ask(|tables| tables.win(round))
    }

    fn win_with_code(&self, code: Digest) -> Reply<Option<RecordedWin>> {
        let is_code = |won: &Won| Digest::of(&[won.code.as_str().as_bytes()]) == code;
        self.ask(|tables| tables.newest_wins(RoundNumber(0), 1, is_code).pop())
    }

    fn code(&self, code: Digest) -> Reply<Option<CodeRecord>> {
        self.ask(|tables| tables.code(&code))
    }

    fn codes_after(
        &self,
        round: RoundNumber,
        status: Option<CodeStatus>,
        now: WallTime,
        limit: usize,
    ) -> Reply<Vec<CodeRecord>> {
        self.ask(|tables| tables.codes_after(round, status, now, limit))
    }

    fn returnable_codes(&self, now: WallTime, limit: usize) -> Reply<Vec<RoundNumber>> {
        self.ask(|tables| tables.returnable_codes(now, limit))
    }

    fn active_key(&self, digest: Digest) -> Reply<Option<ApiKeyRow>> {
        self.ask(|tables| tables.active_key(&digest))
    }

    fn api_keys(&self) -> Reply<Vec<ApiKeyRow>> {
        self.ask(|tables| tables.api_keys.values().cloned().collect())
    }

    fn kept_answer(&self, name: Digest) -> Reply<Option<KeptAnswer>> {
        self.ask(|tables| tables.answers.get(&name).cloned())
    }

    fn wins_of(&self, session: &str, round: RoundNumber, limit: usize) -> Reply<Vec<RecordedWin>> {
        self.ask(|tables| tables.newest_wins(round, limit, |won| won.session == session))
    }

    fn wins_after(&self, round: RoundNumber, limit: usize) -> Reply<Vec<RecordedWin>> {
        self.ask(|tables| tables.wins_after(round, limit))
    }

    fn codes_left(&self, position: u64) -> Reply<Vec<ListedCode>> {
        self.ask(|tables| tables.codes_left(position))
    }

    fn due_deliveries(&self, now: WallTime, limit: usize) -> Reply<Due> {
        self.ask(|tables| tables.due(now, limit))
    }

    fn deliveries_after(&self, id: DeliveryId, state: Option<DeliveryState>, limit: usize) -> Reply<Vec<Delivery>> {
        self.ask(|tables| tables.deliveries_after(id, state, limit))
    }

    fn outbox(&self) -> Reply<Outbox> {
        self.ask(Tables::outbox)
    }

    fn delivery(&self, id: DeliveryId) -> Reply<Option<Delivery>> {
        self.ask(|tables| tables.deliveries.get(&id).cloned())
    }

    fn close(&self, last: Transaction) -> BoxFuture<'static, Result<(), CommitError>> {
        let committed = self.commit(last);
        *self.lock() = None;
        self.condition.send_replace(Condition::Failing { since: self.now(), cause: closed() });
        committed.map(|outcome| outcome.map(drop)).boxed()
    }
}
