//! The data directory: who may use it, who may read it, what a start finds in it.

use super::{
    QUICK, SqliteLedger, Transaction, child,
    samples::{ESTIMATE, client, opening, session, token, win},
    sqlite,
};
use crate::{
    clock::ManualClock,
    ledger::{
        Change, DataDirectory, Ledger,
        directory::DirectoryError,
        rows::{Counter, RoundState, StrikeRow},
        secret::load_or_create_secret,
        sqlite::{DATABASE, OpenError},
    },
};
use puzzle::RoundNumber;
use rusqlite::Connection;
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    sync::Arc,
    time::Duration,
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_second_process_is_refused_and_told_who_holds_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = sqlite(directory.path(), Arc::new(ManualClock::default()));
    child::run(child::command("files::child_that_comes_second", directory.path()));
    ledger.close(Transaction::new()).await.unwrap();
    // Closed, but not yet given back.
    DataDirectory::open(directory.path()).unwrap_err();
    drop(ledger);
    DataDirectory::open(directory.path()).unwrap();
}

#[test]
fn child_that_comes_second() {
    let Some(directory) = child::directory() else { return };
    let error = DataDirectory::open(&directory).unwrap_err();
    let parent = std::os::unix::process::parent_id();
    assert!(matches!(&error, DirectoryError::InUse { holder, .. } if *holder == Some(parent)), "{error:?}");
    let expected = format!(
        "The data directory {} is in use by the process {parent}: stop that one first, or give this one a directory \
         of its own",
        directory.display()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn nobody_else_may_read_anything_whatever_the_umask() {
    for umask in ["000", "022", "077", "777"] {
        let directory = tempfile::tempdir().unwrap();
        let setup = format!("umask {umask}; exec \"$@\"");
        child::run(child::command_in_shell(&setup, "files::child_with_a_umask", directory.path()));
    }
}

#[tokio::test]
async fn child_with_a_umask() {
    let Some(directory) = child::directory() else { return };
    let directory = directory.join("deeper").join("data");
    // What an older version, or a copy, has left open to others.
    let data = DataDirectory::open(&directory).unwrap();
    fs::write(directory.join("secret"), "00".repeat(32)).unwrap();
    fs::set_permissions(directory.join("secret"), fs::Permissions::from_mode(0o644)).unwrap();
    let ledger = SqliteLedger::open(&data, Arc::new(ManualClock::default()), QUICK).unwrap();
    ledger.commit(opening()).await.unwrap();
    load_or_create_secret(&data, "secret").unwrap();
    load_or_create_secret(&data, "fresh").unwrap();
    assert_eq!(mode(&directory), 0o700);
    let names = ["hashpass.db", "hashpass.db-shm", "hashpass.db-wal", "hashpass.lock", "hashpass.reserve"];
    let mut found: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    found.sort();
    assert_eq!(found, ["fresh"].into_iter().chain(names).chain(["secret"]).collect::<Vec<_>>());
    for name in found {
        assert_eq!(mode(&directory.join(&name)), 0o600, "{}", name.display());
    }
}

#[tokio::test]
async fn files_that_were_open_to_others_are_closed_to_them() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = sqlite(directory.path(), Arc::new(ManualClock::default()));
    ledger.commit(opening()).await.unwrap();
    ledger.close(Transaction::new()).await.unwrap();
    drop(ledger);
    for name in [DATABASE, "hashpass.lock", "hashpass.reserve"] {
        fs::set_permissions(directory.path().join(name), fs::Permissions::from_mode(0o666)).unwrap();
    }
    let ledger = sqlite(directory.path(), Arc::new(ManualClock::default()));
    ledger.commit(win(1, "a")).await.unwrap();
    for name in [DATABASE, "hashpass.db-wal", "hashpass.lock", "hashpass.reserve"] {
        assert_eq!(mode(&directory.path().join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_in_one_sentence_and_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(DATABASE);
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE future (x); PRAGMA user_version = 99").unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    let data = DataDirectory::open(directory.path()).unwrap();
    let error = SqliteLedger::open(&data, Arc::new(ManualClock::default()), QUICK).unwrap_err();
    assert!(matches!(error, OpenError::NewerSchema { found: 99, known: 3, .. }));
    let expected = format!(
        "{} was written by a newer version of this program (its schema is 99, and this version knows schemas up to \
         3): start that version, or give this one a data directory of its own",
        path.display()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(DATABASE), "a letter to somebody".repeat(100)).unwrap();
    let data = DataDirectory::open(directory.path()).unwrap();
    let error = SqliteLedger::open(&data, Arc::new(ManualClock::default()), QUICK).unwrap_err();
    assert!(error.to_string().contains("file is not a database"), "{error}");
}

#[tokio::test]
async fn a_restart_finds_everything() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let ledger = sqlite(directory.path(), clock.clone());
    ledger.commit(opening()).await.unwrap();
    let strike = StrikeRow { session: "b".to_owned(), count: 3, until: 9000.into() };
    let people = Transaction::new()
        .with(Change::PutSession(session("a")))
        .with(Change::PutClient(client(1, "a", 5000)))
        .with(Change::SpendToken(token(1, 5000)))
        .with(Change::PutStrike(strike))
        .with(Change::RaiseCounter { counter: Counter::Channels, to: 17 });
    ledger.commit(people).await.unwrap();
    for round in 1..=5 {
        ledger.commit(win(round, "a")).await.unwrap();
    }
    let mining_time = Duration::new(12, 345_678_901);
    let last = Transaction::new().with(Change::Snapshot { round: RoundNumber(6), mining_time });
    let before = ledger.recover().await.unwrap();
    ledger.close(last).await.unwrap();
    drop(ledger);
    let ledger = sqlite(directory.path(), clock);
    let mut after = ledger.recover().await.unwrap();
    let round = after.round.as_mut().unwrap();
    assert_eq!(round.opened.estimate, ESTIMATE);
    assert_eq!(round.state, RoundState::Running { mining_time, noted_at: 0.into() });
    round.state = before.round.as_ref().unwrap().state.clone();
    assert_eq!(after, before);
    assert_eq!(ledger.wins_of("a", RoundNumber(0), 10).await.unwrap().len(), 5);
    ledger.commit(win(6, "a")).await.unwrap();
}

#[test]
fn a_secret_is_made_once_and_never_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let data = DataDirectory::open(directory.path()).unwrap();
    let path = directory.path().join("hmac.secret");
    fs::write(path.with_added_extension("new"), "what a crash has left").unwrap();
    let secret = load_or_create_secret(&data, "hmac.secret").unwrap();
    assert_eq!(mode(&path), 0o600);
    assert!(!path.with_added_extension("new").exists());
    assert_eq!(load_or_create_secret(&data, "hmac.secret").unwrap(), secret);
    assert_ne!(load_or_create_secret(&data, "other.secret").unwrap(), secret);
    for bad in ["", "00", "not hex at all", &"0".repeat(66), "\u{e4}"] {
        fs::write(&path, bad).unwrap();
        let error = load_or_create_secret(&data, "hmac.secret").unwrap_err();
        assert!(matches!(error, DirectoryError::BadSecret { .. }), "{bad:?}: {error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), bad);
    }
    fs::write(&path, [0xff; 64]).unwrap();
    assert!(matches!(load_or_create_secret(&data, "hmac.secret"), Err(DirectoryError::BadSecret { .. })));
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = DataDirectory::open(&file.join("data")).unwrap_err().to_string();
    assert!(error.contains("/file: creating the directory failed"), "{error}");
    symlink(directory.path().join("nowhere"), directory.path().join("link")).unwrap();
    DataDirectory::open(&directory.path().join("link")).unwrap_err();
}
