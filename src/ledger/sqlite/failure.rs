//! SQLite's errors, as the ledger's.

use crate::ledger::{
    directory::{private, restrict},
    error::{Fault, StoreError},
};
use rusqlite::{Error, ErrorCode};
use std::{
    fs,
    io::{self, Write},
    path::Path,
};

/// The file that is written to learn what the operating system says.
const PROBE: &str = "hashpass.probe";

/// `error` as it is told to others. SQLite keeps the operating system's number to
/// itself, so `system`, what the system says to a write of our own, is asked for it.
pub(super) fn store_error(
    operation: &'static str,
    path: &Path,
    error: &Error,
    system: Option<&io::Error>,
) -> StoreError {
    let fault = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Fault::Full,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Fault::ReadOnly,
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => system.map_or(Fault::Io, Fault::of_io),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Fault::Damaged,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fault::Busy,
        None if matches!(error, Error::FromSqlConversionFailure(..) | Error::IntegralValueOutOfRange(..)) => {
            Fault::Damaged
        }
        _ => Fault::Other,
    };
    let text = match system {
        Some(system) => format!("{error}; the system says: {system}"),
        None => error.to_string(),
    };
    let code = error.sqlite_extended_error_code();
    StoreError::new(fault, operation, path, text).with_codes(system.and_then(io::Error::raw_os_error), code)
}

/// Tries to write some pages into the directory and says what the system answers.
pub(super) fn probe(directory: &Path) -> io::Result<()> {
    let path = directory.join(PROBE);
    let written = (|| {
        let mut file = private().create(true).truncate(true).open(&path)?;
        restrict(&path)?;
        file.write_all(&[0x5a; 16 * 1024])?;
        file.sync_all()
    })();
    // It is of no use to anybody, and the space may be needed.
    let _ = fs::remove_file(&path);
    written
}
