//! Reads the ledger of a directory that this process does not have, for tools beside the
//! server.
//!
//! Nothing is written, and the directory's lock is not asked for: SQLite's own locks keep
//! a reader and the server's writer apart, also while one of them comes or goes. What a
//! crash has left in the write-ahead log is read as well.

use super::{
    failure::store_error,
    open::{open_read_only, refuse_other_schema},
    read,
    settings::{DATABASE, OpenError},
};
use crate::ledger::{
    error::{Fault, StoreError},
    rows::RecordedWin,
    values::Digest,
};
use std::path::Path;

/// The newest win of the first of these codes that was won, by their SHA-256.
///
/// # Errors
/// [`OpenError`]: also where there is no ledger, or one of another version.
pub fn find_win(directory: &Path, codes: &[Digest]) -> Result<Option<RecordedWin>, OpenError> {
    let path = directory.join(DATABASE);
    if !path.exists() {
        return Err(StoreError::new(Fault::Io, "looking a code up", &path, "there is no ledger").into());
    }
    let failed = |error: rusqlite::Error| store_error("looking a code up", &path, &error, None);
    let connection = open_read_only(&path).map_err(failed)?;
    refuse_other_schema(&connection, &path)?;
    for code in codes {
        if let Some(win) = read::win_with_code(&connection, *code).map_err(failed)? {
            return Ok(Some(win));
        }
    }
    Ok(None)
}
