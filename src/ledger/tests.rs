//! Every store against the same tests, and each against what only it can meet.

mod chain;
mod child;
mod codes;
mod crash;
mod disk;
mod faults;
mod files;
mod model;
mod outbox;
mod people;
mod redeeming;
mod rounds;
mod samples;

use super::{
    CommitError, Committed, DataDirectory, Ledger, MemoryLedger, Refused, SqliteLedger, Transaction,
    sqlite::SqliteSettings,
};
use crate::clock::{Clock, ManualClock};
use std::{path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

/// Makes a test of each function for both stores.
macro_rules! for_every_store {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::ledger::tests::Fixture::memory()).await;
            })*
        }

        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::ledger::tests::Fixture::sqlite()).await;
            })*
        }
    };
}
use for_every_store;

/// A ledger under test.
struct Fixture {
    ledger: Arc<dyn Ledger>,
    clock: Arc<ManualClock>,
    _directory: Option<TempDir>,
}

impl Fixture {
    fn memory() -> Self {
        let clock = Arc::new(ManualClock::default());
        Self { ledger: Arc::new(MemoryLedger::new(clock.clone())), clock, _directory: None }
    }

    fn sqlite() -> Self {
        let clock = Arc::new(ManualClock::default());
        let directory = tempfile::tempdir().unwrap();
        Self { ledger: Arc::new(sqlite(directory.path(), clock.clone())), clock, _directory: Some(directory) }
    }

    /// Commits a transaction that must succeed.
    async fn commit(&self, transaction: Transaction) -> Committed {
        self.ledger.commit(transaction).await.unwrap()
    }

    /// Commits a transaction that must be refused, and says why.
    async fn refuse(&self, transaction: Transaction) -> Refused {
        match self.ledger.commit(transaction).await {
            Err(CommitError::Refused(refused)) => refused,
            other => panic!("it should have been refused: {other:?}"),
        }
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// A small reserve, and no second to wait for a store to be tried again.
const QUICK: SqliteSettings =
    SqliteSettings { reserve_bytes: 256 * 1024, probe_every: Duration::from_millis(20), most_waiting: 8192 };

fn sqlite(directory: &Path, clock: Arc<dyn Clock>) -> SqliteLedger {
    let directory = DataDirectory::open(directory).unwrap();
    SqliteLedger::open(&directory, clock, QUICK).unwrap()
}
