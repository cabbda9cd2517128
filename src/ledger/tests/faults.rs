//! A store that fails and comes back, without a disk that fails.

use super::{
    QUICK, SqliteLedger, Transaction,
    samples::{opening, token, win},
    sqlite,
};
use crate::{
    clock::ManualClock,
    ledger::{
        Change, CommitError, Condition, DataDirectory, Fault, Head, Ledger, Refused, StoreError,
        sqlite::SqliteSettings, verify_chain,
    },
};
use rusqlite::Connection;
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

/// Makes the store fail …
fn forbid_writing(connection: &Connection) {
    connection.pragma_update(None, "query_only", true).unwrap();
}

/// … and work again.
fn allow_writing(connection: &Connection) {
    connection.pragma_update(None, "query_only", false).unwrap();
}

fn forbid_growing(connection: &Connection) {
    let pages: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
}

fn allow_growing(connection: &Connection) {
    connection.pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(())).unwrap();
}

fn store_error(outcome: Result<impl std::fmt::Debug, CommitError>) -> StoreError {
    match outcome {
        Err(CommitError::Store(error)) => error,
        other => panic!("the store should have failed: {other:?}"),
    }
}

async fn wait_until_it_works(ledger: &SqliteLedger) {
    let mut condition = ledger.condition();
    let works = condition.wait_for(Condition::is_ok);
    tokio::time::timeout(Duration::from_secs(20), works).await.expect("it should work again").unwrap();
}

fn open() -> (SqliteLedger, Arc<ManualClock>, TempDir) {
    let clock = Arc::new(ManualClock::default());
    let directory = tempfile::tempdir().unwrap();
    (sqlite(directory.path(), clock.clone()), clock, directory)
}

#[tokio::test]
async fn a_store_that_may_not_be_written_comes_back_by_itself() {
    let (ledger, clock, _directory) = open();
    ledger.commit(opening()).await.unwrap();
    ledger.with_connection(forbid_writing).await;
    clock.advance(Duration::from_secs(7));
    let error = store_error(ledger.commit(win(1, "a")).await);
    assert_eq!((error.fault(), error.store_code()), (Fault::ReadOnly, Some(8)));
    match &*ledger.condition().borrow() {
        Condition::Failing { since, cause } => {
            assert_eq!((since.milliseconds(), cause.fault()), (7000, Fault::ReadOnly));
        }
        Condition::Ok => panic!("it should say that it fails"),
    }
    // It still reads, and what failed is not there.
    assert_eq!(ledger.wins_after(puzzle::RoundNumber(0), 10).await.unwrap(), []);
    assert_eq!(store_error(ledger.commit(win(1, "b")).await).fault(), Fault::ReadOnly);
    ledger.with_connection(allow_writing).await;
    wait_until_it_works(&ledger).await;
    ledger.commit(win(1, "b")).await.unwrap();
    assert_eq!(ledger.recover().await.unwrap().head, verify_chain(&ledger, Head::START).await.unwrap());
}

#[tokio::test]
async fn a_full_store_fails_whole_groups_and_comes_back_by_itself() {
    let (ledger, _clock, directory) = open();
    ledger.commit(opening()).await.unwrap();
    ledger.with_connection(forbid_growing).await;
    let commits: Vec<_> = (1..=100).map(|round| ledger.commit(win(round, "a"))).collect();
    let outcomes = futures::future::join_all(commits).await;
    let good = outcomes.iter().take_while(|outcome| outcome.is_ok()).count();
    // Groups that had room before are in, from the first that had none nobody is.
    for (index, outcome) in outcomes.into_iter().enumerate() {
        if good <= index {
            assert_eq!(store_error(outcome).fault(), Fault::Full);
        }
    }
    assert!(good < 100);
    assert_eq!(ledger.wins_after(puzzle::RoundNumber(0), 1000).await.unwrap().len(), good);
    ledger.with_connection(allow_growing).await;
    wait_until_it_works(&ledger).await;
    let reserve = directory.path().join("hashpass.reserve");
    assert_eq!(std::fs::metadata(reserve).unwrap().len(), QUICK.reserve_bytes, "the reserve is there again");
    ledger.commit(win(good as u64 + 1, "a")).await.unwrap();
    verify_chain(&ledger, Head::START).await.unwrap();
}

#[tokio::test]
async fn what_the_stop_commits_is_tried_even_while_the_store_fails() {
    let (ledger, _clock, directory) = open();
    ledger.commit(opening()).await.unwrap();
    ledger.with_connection(forbid_writing).await;
    store_error(ledger.commit(win(1, "a")).await);
    let error = store_error(ledger.close(win(1, "a")).await);
    assert_eq!(error.fault(), Fault::ReadOnly);
    drop(ledger);
    // It was closed all the same.
    let ledger = sqlite(directory.path(), Arc::new(ManualClock::default()));
    ledger.commit(win(1, "a")).await.unwrap();
}

#[tokio::test]
async fn another_program_that_writes_is_waited_for() {
    let (ledger, _clock, directory) = open();
    ledger.commit(opening()).await.unwrap();
    let other = Connection::open(directory.path().join("hashpass.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(store_error(ledger.commit(win(1, "a")).await).fault(), Fault::Busy);
    other.execute_batch("ROLLBACK").unwrap();
    wait_until_it_works(&ledger).await;
    ledger.commit(win(1, "a")).await.unwrap();
}

#[tokio::test]
async fn a_queue_that_is_full_refuses_and_loses_nothing_that_it_took() {
    let directory = tempfile::tempdir().unwrap();
    let data = DataDirectory::open(directory.path()).unwrap();
    let settings = SqliteSettings { most_waiting: 4, ..QUICK };
    let ledger = SqliteLedger::open(&data, Arc::new(ManualClock::default()), settings).unwrap();
    let spend = |number| ledger.commit(Transaction::new().with(Change::SpendToken(token(number, u64::MAX))));
    let outcomes = futures::future::join_all((0..500).map(spend)).await;
    let accepted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!((1..500).contains(&accepted));
    for outcome in outcomes {
        if outcome.is_err() {
            assert_eq!(store_error(outcome).fault(), Fault::Overloaded);
        }
    }
    assert!(ledger.condition().borrow().is_ok(), "that says nothing about the store");
    assert_eq!(ledger.recover().await.unwrap().tokens.len(), accepted);
}

#[tokio::test]
async fn a_refusal_is_no_failure_of_the_store() {
    let (ledger, _clock, _directory) = open();
    match ledger.commit(win(1, "a")).await {
        Err(CommitError::Refused(Refused::RoundNotRunning { .. })) => {}
        other => panic!("{other:?}"),
    }
    assert!(ledger.condition().borrow().is_ok());
}
