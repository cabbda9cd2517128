//! Opening the database: rights, settings, migrations, a look at its end.

use super::{
    failure::store_error,
    read, reserve,
    settings::{DATABASE, OpenError},
};
use crate::ledger::{
    directory::{DirectoryError, flush_directory, private, restrict_if_present},
    error::{Fault, StoreError},
};
use rusqlite::{Connection, OpenFlags, Result, TransactionBehavior};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The versions of the schema, oldest first; `user_version` counts those applied.
const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];

/// How long to wait for another program that holds the file.
const BUSY_LIMIT: Duration = Duration::from_secs(1);

/// How many statements a connection keeps prepared: more than there are.
const STATEMENTS: usize = 96;

/// To what the write-ahead log is cut when it begins anew.
const LOG_BYTES: i64 = 16 * 1024 * 1024;

/// A database that is ready to be written.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
}

pub(super) fn open(directory: &Path) -> Result<Opened, OpenError> {
    let path = directory.join(DATABASE);
    prepare_files(directory, &path)?;
    let failed = |operation: &'static str| {
        let path = path.clone();
        move |error: rusqlite::Error| store_error(operation, &path, &error, None)
    };
    let mut connection = connect(&path).map_err(failed("opening the database"))?;
    // Before anything is written: a newer version may use other settings, too.
    refuse_newer_schema(&connection, &path)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(failed("turning the write-ahead log on"))?;
    if mode != "wal" {
        return Err(StoreError::new(
            Fault::Other,
            "turning the write-ahead log on",
            &path,
            format!("the file system does not allow it: the mode is still {mode}"),
        )
        .into());
    }
    configure(&connection).map_err(failed("setting the database up"))?;
    migrate(&mut connection).map_err(failed("bringing the schema up to date"))?;
    if !read::is_complete(&connection).map_err(failed("reading the end of the chain"))? {
        let why = "the last entry is not the one that the ledger ends with";
        return Err(StoreError::new(Fault::Damaged, "reading the end of the chain", &path, why).into());
    }
    // A process that was killed again and again never came to copy its log into the database.
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .map_err(failed("copying the write-ahead log into the database"))?;
    flush_directory(directory).map_err(|source| DirectoryError::io(directory, "flushing the directory", source))?;
    Ok(Opened { connection, path })
}

/// A connection that only reads. It has to be opened after the one that writes.
pub(super) fn open_reader(path: &Path) -> Result<Connection> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A connection that cannot write, whoever has the directory.
pub(super) fn open_read_only(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_LIMIT)?;
    Ok(connection)
}

/// Makes the file and takes everything away from others. SQLite gives the files beside
/// it the rights that the database has.
fn prepare_files(directory: &Path, path: &Path) -> Result<(), DirectoryError> {
    if !path.exists() {
        private()
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|source| DirectoryError::io(path, "creating the database", source))?;
    }
    for name in [DATABASE, "hashpass.db-wal", "hashpass.db-shm", reserve::NAME] {
        let file = directory.join(name);
        restrict_if_present(&file).map_err(|source| DirectoryError::io(&file, "restricting the file", source))?;
    }
    fs::metadata(path).map(drop).map_err(|source| DirectoryError::io(path, "finding the database", source))
}

fn connect(path: &Path) -> Result<Connection> {
    // Not more threads than one at a time use a connection.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_LIMIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn configure(connection: &Connection) -> Result<()> {
    // A commit is flushed before it counts.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // The writer copies the log into the database itself, when nobody waits.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))
}

fn refuse_newer_schema(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    let found = schema(connection).map_err(|error| store_error("reading the schema", path, &error, None))?;
    if known < found { Err(OpenError::NewerSchema { path: path.to_owned(), found, known }) } else { Ok(()) }
}

/// Refuses what another version has written: this one would not read it aright.
pub(super) fn refuse_other_schema(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    refuse_newer_schema(connection, path)?;
    let found = schema(connection).map_err(|error| store_error("reading the schema", path, &error, None))?;
    if u32::try_from(MIGRATIONS.len()).is_ok_and(|known| found < known) {
        let why = "an older version has written it: start the server once, which brings it up to date";
        return Err(StoreError::new(Fault::Other, "reading the schema", path, why).into());
    }
    Ok(())
}

fn schema(connection: &Connection) -> Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn migrate(connection: &mut Connection) -> Result<()> {
    let applied = schema(connection)?;
    for (number, migration) in (1_u32..).zip(MIGRATIONS) {
        if applied < number {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", number)?;
            transaction.commit()?;
        }
    }
    Ok(())
}
