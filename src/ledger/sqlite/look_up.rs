//! Reads the ledger of a directory that this process does not have, for tools beside the
//! server.
//!
//! Nothing is written, and the directory's lock is not asked for: SQLite's own locks keep
//! a reader and the server's writer apart, also while one of them comes or goes. What a
//! crash has left in the write-ahead log is read as well.

use super::{
    codes,
    failure::store_error,
    open::{open_read_only, refuse_other_schema},
    settings::{DATABASE, OpenError},
};
use crate::ledger::{
    codes::CodeRecord,
    error::{Fault, StoreError},
    values::Digest,
};
use std::path::Path;

/// The first of these codes that was won, by their SHA-256, as it stands.
///
/// # Errors
/// [`OpenError`]: also where there is no ledger, or one of another version.
pub fn find_code(directory: &Path, meant: &[Digest]) -> Result<Option<CodeRecord>, OpenError> {
    let path = directory.join(DATABASE);
    if !path.exists() {
        return Err(StoreError::new(Fault::Io, "looking a code up", &path, "there is no ledger").into());
    }
    let failed = |error: rusqlite::Error| store_error("looking a code up", &path, &error, None);
    let connection = open_read_only(&path).map_err(failed)?;
    refuse_other_schema(&connection, &path)?;
    for code in meant {
        let found = codes::code(&connection, *code).map_err(failed)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
