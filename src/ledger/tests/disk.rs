//! Disks that are full or read-only, for real: a small tmpfs in a mount namespace of
//! its own, and a limit on the size of files.

use super::{
    child,
    samples::{opening, win},
};
use crate::{
    clock::SystemClock,
    ledger::{
        CommitError, Condition, DataDirectory, Fault, Head, Ledger, SqliteLedger, StoreError, Transaction,
        sqlite::{OpenError, SqliteSettings},
        verify_chain,
    },
};
use puzzle::RoundNumber;
use rlimit::Resource;
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::Command,
    sync::Arc,
    time::Duration,
};

/// `errno` of a full disk, of a file that is too large, of a read-only file system.
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

const SETTINGS: SqliteSettings =
    SqliteSettings { reserve_bytes: 4 * 1024 * 1024, probe_every: Duration::from_millis(50), most_waiting: 8192 };

fn open(directory: &Path) -> Result<SqliteLedger, OpenError> {
    let directory = DataDirectory::open(directory)?;
    SqliteLedger::open(&directory, Arc::new(SystemClock::default()), SETTINGS)
}

/// Runs a child with a tmpfs of 8 MiB in its directory. Where nobody may mount anything
/// nothing is tested here; the tests in `faults` are for everywhere.
fn run_on_a_small_disk(options: &str, test: &str) {
    let may_mount = Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success());
    if !may_mount {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display();
    let mount = format!("mount -t tmpfs -o size=8m,{options} none '{path}' && exec \"$@\"");
    let script = "setup=$1; shift; exec unshare -rm sh -c \"$setup\" sh \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", &mount]);
    child::run(child::continued(command, test, directory.path()));
}

/// Takes all the space that is left, but for `left` bytes.
fn fill(path: &Path, left: u64) {
    let mut file = File::create(path).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    let length = file.metadata().unwrap().len();
    file.set_len(length - left).unwrap();
}

fn store_error(outcome: Result<impl std::fmt::Debug, CommitError>) -> StoreError {
    match outcome {
        Err(CommitError::Store(error)) => error,
        other => panic!("the store should have failed: {other:?}"),
    }
}

/// Wins until the store says that it fails; how many wins succeeded, and why it fails.
async fn win_until_it_fails(ledger: &SqliteLedger) -> (u64, StoreError) {
    for round in 1.. {
        match ledger.commit(win(round, "a")).await {
            Ok(_) => {}
            Err(error) => return (round - 1, store_error(Err::<(), _>(error))),
        }
        if let Condition::Failing { cause, .. } = &*ledger.condition().borrow() {
            return (round, cause.clone());
        }
    }
    unreachable!("a disk that never fills")
}

#[test]
fn a_full_disk_stops_the_race_and_lets_it_go_on_when_there_is_space() {
    run_on_a_small_disk("rw", "disk::child_that_fills_the_disk");
}

#[tokio::test]
async fn child_that_fills_the_disk() {
    let Some(directory) = child::directory() else { return };
    let ledger = open(&directory).unwrap();
    ledger.commit(opening()).await.unwrap();
    let ballast = directory.join("ballast");
    fill(&ballast, 64 * 1024);
    let (won, cause) = win_until_it_fails(&ledger).await;
    assert_eq!((cause.fault(), cause.os_error()), (Fault::Full, Some(ENOSPC)), "{cause}");
    // The reserve has finished the transaction that found no space, and no other one.
    assert!(0 < won);
    assert_eq!(ledger.wins_after(RoundNumber(0), usize::MAX).await.unwrap().len() as u64, won);
    let reserve = directory.join("hashpass.reserve");
    let held = || fs::metadata(&reserve).is_ok_and(|file| file.len() == SETTINGS.reserve_bytes);
    assert!(!held());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(store_error(ledger.commit(win(won + 1, "a")).await).fault(), Fault::Full);
    fs::remove_file(&ballast).unwrap();
    let mut condition = ledger.condition();
    let works = condition.wait_for(Condition::is_ok);
    tokio::time::timeout(Duration::from_secs(20), works).await.unwrap().unwrap();
    assert!(held());
    ledger.commit(win(won + 1, "a")).await.unwrap();
    verify_chain(&ledger, Head::START).await.unwrap();
}

#[test]
fn a_full_disk_has_space_for_an_orderly_stop() {
    run_on_a_small_disk("rw", "disk::child_that_stops_on_a_full_disk");
}

#[tokio::test]
async fn child_that_stops_on_a_full_disk() {
    let Some(directory) = child::directory() else { return };
    let ledger = open(&directory).unwrap();
    ledger.commit(opening()).await.unwrap();
    let ballast = directory.join("ballast");
    fill(&ballast, 16 * 1024);
    let (won, _) = win_until_it_fails(&ledger).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    ledger.close(win(won + 1, "a")).await.unwrap();
    drop(ledger);
    // The next start finds the disk full, says so, and wins nothing until there is space.
    let more = directory.join("more");
    fill(&more, 128 * 1024);
    let ledger = open(&directory).unwrap();
    assert_eq!(ledger.wins_after(RoundNumber(0), usize::MAX).await.unwrap().len() as u64, won + 1);
    let error = store_error(ledger.commit(win(won + 2, "a")).await);
    assert_eq!(
        (error.fault(), error.operation(), error.os_error()),
        (Fault::Full, "keeping the reserve", Some(ENOSPC))
    );
    fs::remove_file(&more).unwrap();
    fs::remove_file(&ballast).unwrap();
    let mut condition = ledger.condition();
    let works = condition.wait_for(Condition::is_ok);
    tokio::time::timeout(Duration::from_secs(20), works).await.unwrap().unwrap();
    ledger.commit(win(won + 2, "a")).await.unwrap();
    verify_chain(&ledger, Head::START).await.unwrap();
}

#[test]
fn a_read_only_disk_is_refused_at_the_start_by_name() {
    run_on_a_small_disk("ro", "disk::child_on_a_read_only_disk");
}

#[test]
fn child_on_a_read_only_disk() {
    let Some(directory) = child::directory() else { return };
    let error = open(&directory).unwrap_err().to_string();
    let place = directory.join("hashpass.lock");
    assert!(error.contains(&*place.to_string_lossy()) && error.contains(&format!("os error {EROFS}")), "{error}");
}

#[test]
fn a_file_that_may_not_grow_stops_the_race_until_it_may() {
    let directory = tempfile::tempdir().unwrap();
    // The signal that comes with the limit would end the process.
    child::run(child::command_in_shell("trap '' XFSZ; exec \"$@\"", "disk::child_with_a_limit", directory.path()));
}

#[tokio::test]
async fn child_with_a_limit() {
    let Some(directory) = child::directory() else { return };
    let ledger = open(&directory).unwrap();
    ledger.commit(opening()).await.unwrap();
    let (_, unlimited) = rlimit::getrlimit(Resource::FSIZE).unwrap();
    rlimit::setrlimit(Resource::FSIZE, 512 * 1024, unlimited).unwrap();
    let (won, cause) = win_until_it_fails(&ledger).await;
    assert!(matches!(cause.fault(), Fault::Full | Fault::Io), "{cause}");
    assert_eq!(ledger.wins_after(RoundNumber(0), usize::MAX).await.unwrap().len() as u64, won);
    rlimit::setrlimit(Resource::FSIZE, unlimited, unlimited).unwrap();
    let mut condition = ledger.condition();
    let works = condition.wait_for(Condition::is_ok);
    tokio::time::timeout(Duration::from_secs(20), works).await.unwrap().unwrap();
    ledger.commit(win(won + 1, "a")).await.unwrap();
    let head = verify_chain(&ledger, Head::START).await.unwrap();
    ledger.close(Transaction::new()).await.unwrap();
    drop(ledger);
    let ledger = open(&directory).unwrap();
    assert_eq!(ledger.head().await.unwrap(), head);
}
