//! Opening the database: rights, settings, migrations, and its bounds.

use super::{
    Database,
    bounds::{Bounds, Pages},
    error::OpenStoreError,
    room::{LOCK_PATIENCE, Room, make_room, move_log},
};
use crate::ledger::directory::{create_directory, private, restrict_if_present};
use rusqlite::{Connection, TransactionBehavior};
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

/// The versions of the schema, oldest first; `user_version` counts those applied.
const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql"), include_str!("schema_2.sql")];

/// Opens the database within its bounds.
pub(super) fn open(database: &Database, bounds: Bounds) -> Result<(Connection, Room), OpenStoreError> {
    let (mut connection, log) = match database {
        Database::Memory => (Connection::open_in_memory()?, None),
        Database::File(path) => {
            prepare_files(path)?;
            (Connection::open(path)?, Some(beside(path, "-wal")))
        }
    };
    connection.busy_timeout(LOCK_PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A commit is flushed before it counts: what was acknowledged is there after a
    // power cut as well. What has gathered is flushed together.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    migrate(&mut connection)?;
    let size = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages = Pages::within(bounds.bytes, size);
    keep_within(&connection, pages)?;
    Ok((connection, Room::new(bounds, pages, log)))
}

/// Bounds the database and its log. One that is larger, because it could be before, loses
/// its oldest history and is written anew; that may take a while.
fn keep_within(connection: &Connection, pages: Pages) -> Result<(), OpenStoreError> {
    let set = |name, value: u64| connection.pragma_update_and_check(None, name, value, |_| Ok(()));
    set("wal_autocheckpoint", pages.log)?;
    set("journal_size_limit", pages.longest_log())?;
    let count = || connection.pragma_query_value(None, "page_count", |row| row.get::<_, u64>(0));
    if pages.most < count()? {
        tracing::warn!(
            pages = count()?,
            most = pages.most,
            "the lobby's database is larger than HASHPASS_LOBBY_MAX_BYTES allows: its oldest history is deleted"
        );
        while make_room(connection, pages)? {}
        let compacted = connection.execute_batch("VACUUM").and_then(|()| move_log(connection));
        if let Err(error) = compacted {
            // It grows no further all the same.
            tracing::warn!(%error, "the lobby's database could not be made smaller");
        }
    }
    set("max_page_count", pages.most)?;
    Ok(())
}

/// Makes the file and takes everything away from others, whatever the umask. SQLite
/// gives the files beside it the rights that the database has.
fn prepare_files(path: &Path) -> Result<(), OpenStoreError> {
    if let Some(directory) = path.parent().filter(|directory| *directory != Path::new("")) {
        create_directory(directory)?;
    }
    if !path.exists() {
        private().create(true).truncate(false).open(path).map_err(named(path))?;
    }
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        restrict_if_present(&file).map_err(named(&file))?;
    }
    Ok(())
}

/// The file beside the database with this ending.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// The error with the name of the file.
fn named(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    let path = path.to_owned();
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn migrate(connection: &mut Connection) -> Result<(), OpenStoreError> {
    let applied: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if MIGRATIONS.len() < applied {
        return Err(OpenStoreError::NewerVersion { found: applied, known: MIGRATIONS.len() });
    }
    for (at, migration) in MIGRATIONS.iter().enumerate().skip(applied) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", at + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
