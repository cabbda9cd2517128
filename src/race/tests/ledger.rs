//! A ledger in memory that can be made slow, or to fail as a full disk does.

use crate::{
    clock::ManualClock,
    ledger::{
        CommitError, Committed, Condition, DeliveryId, Digest, Entry, Head, Ledger, MemoryLedger, Recovered, Reply,
        Seq, StoreError, Transaction, WallTime,
        callers::{ApiKeyRow, KeptAnswer},
        codes::{CodeRecord, CodeStatus},
        deliveries::{Delivery, DeliveryState, Due, Outbox},
        rows::{ListedCode, RecordedWin},
    },
};
use futures::{FutureExt, future::BoxFuture};
use puzzle::RoundNumber;
use std::sync::Arc;
use tokio::sync::watch;

/// How the ledger fares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Disk {
    Works,
    /// Nothing is answered.
    Hangs,
    /// Nothing is written.
    Full,
}

pub(super) struct TestLedger {
    memory: MemoryLedger,
    disk: watch::Sender<Disk>,
    condition: watch::Sender<Condition>,
}

impl TestLedger {
    pub(super) fn new(clock: Arc<ManualClock>) -> Self {
        let condition = watch::Sender::new(Condition::Ok);
        Self { memory: MemoryLedger::new(clock), disk: watch::Sender::new(Disk::Works), condition }
    }

    pub(super) fn set(&self, disk: Disk) {
        self.disk.send_replace(disk);
        if disk == Disk::Works {
            self.condition.send_replace(Condition::Ok);
        }
    }
}

impl Ledger for TestLedger {
    fn commit(&self, transaction: Transaction) -> BoxFuture<'static, Result<Committed, CommitError>> {
        let disk = *self.disk.borrow();
        match disk {
            Disk::Works => self.memory.commit(transaction),
            Disk::Full => {
                let error = StoreError::for_tests();
                self.condition.send_replace(Condition::Failing { since: WallTime::default(), cause: error.clone() });
                std::future::ready(Err(error.into())).boxed()
            }
            Disk::Hangs => {
                let committed = self.memory.commit(transaction);
                let mut disk = self.disk.subscribe();
                async move {
                    let _ = disk.wait_for(|disk| *disk == Disk::Works).await;
                    committed.await
                }
                .boxed()
            }
        }
    }

    fn condition(&self) -> watch::Receiver<Condition> {
        self.condition.subscribe()
    }

    fn recover(&self) -> Reply<Recovered> {
        self.memory.recover()
    }

    fn head(&self) -> Reply<Head> {
        self.memory.head()
    }

    fn entries_after(&self, seq: Seq, limit: usize) -> Reply<Vec<Entry>> {
        self.memory.entries_after(seq, limit)
    }

    fn cursor(&self, name: &str) -> Reply<Seq> {
        self.memory.cursor(name)
    }

    fn win(&self, round: RoundNumber) -> Reply<Option<RecordedWin>> {
        self.memory.win(round)
    }

    fn win_with_code(&self, code: Digest) -> Reply<Option<RecordedWin>> {
        self.memory.win_with_code(code)
    }

    fn code(&self, code: Digest) -> Reply<Option<CodeRecord>> {
        self.memory.code(code)
    }

    fn codes_after(
        &self,
        round: RoundNumber,
        status: Option<CodeStatus>,
        now: WallTime,
        limit: usize,
    ) -> Reply<Vec<CodeRecord>> {
        self.memory.codes_after(round, status, now, limit)
    }

    fn returnable_codes(&self, now: WallTime, limit: usize) -> Reply<Vec<RoundNumber>> {
        self.memory.returnable_codes(now, limit)
    }

    fn active_key(&self, digest: Digest) -> Reply<Option<ApiKeyRow>> {
        self.memory.active_key(digest)
    }

    fn api_keys(&self) -> Reply<Vec<ApiKeyRow>> {
        self.memory.api_keys()
    }

    fn kept_answer(&self, name: Digest) -> Reply<Option<KeptAnswer>> {
        self.memory.kept_answer(name)
    }

    fn wins_of(&self, session: &str, round: RoundNumber, limit: usize) -> Reply<Vec<RecordedWin>> {
        self.memory.wins_of(session, round, limit)
    }

    fn wins_after(&self, round: RoundNumber, limit: usize) -> Reply<Vec<RecordedWin>> {
        self.memory.wins_after(round, limit)
    }

    fn codes_left(&self, position: u64) -> Reply<Vec<ListedCode>> {
        self.memory.codes_left(position)
    }

    fn due_deliveries(&self, now: WallTime, limit: usize) -> Reply<Due> {
        self.memory.due_deliveries(now, limit)
    }

    fn deliveries_after(&self, id: DeliveryId, state: Option<DeliveryState>, limit: usize) -> Reply<Vec<Delivery>> {
        self.memory.deliveries_after(id, state, limit)
    }

    fn outbox(&self) -> Reply<Outbox> {
        self.memory.outbox()
    }

    fn delivery(&self, id: DeliveryId) -> Reply<Option<Delivery>> {
        self.memory.delivery(id)
    }

    fn close(&self, last: Transaction) -> BoxFuture<'static, Result<(), CommitError>> {
        self.memory.close(last)
    }
}
