//! What an operator decides about the ledger, and the ledger opened by it.

use super::{
    contract::Ledger,
    directory::{DataDirectory, DirectoryError},
    memory::MemoryLedger,
    sqlite::{OpenError, SqliteLedger, SqliteSettings},
};
use crate::clock::Clock;
use std::{path::PathBuf, sync::Arc};

/// What an operator decides about the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerSettings {
    /// `HASHPASS_DATA_DIR`: everything that is kept stands in there.
    pub directory: PathBuf,
    /// `HASHPASS_STORE`: where the ledger is.
    pub store: Store,
}

/// Where a ledger is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// In a file of the data directory.
    Sqlite,
    /// In memory, gone with the process.
    Memory,
}

/// Why there is no ledger.
#[derive(Debug, thiserror::Error)]
pub enum OpenLedgerError {
    /// The data directory cannot be used, or another process uses it.
    #[error("the data directory {path} cannot be used: {source}")]
    Directory {
        /// `HASHPASS_DATA_DIR`.
        path: PathBuf,
        /// Why.
        source: DirectoryError,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] OpenError),
}

/// Takes the data directory for this process alone, and opens the ledger.
///
/// # Errors
/// [`OpenLedgerError`].
pub fn open(
    settings: &LedgerSettings,
    clock: Arc<dyn Clock>,
) -> Result<(DataDirectory, Arc<dyn Ledger>), OpenLedgerError> {
    let directory = DataDirectory::open(&settings.directory)
        .map_err(|source| OpenLedgerError::Directory { path: settings.directory.clone(), source })?;
    let ledger: Arc<dyn Ledger> = match settings.store {
        Store::Sqlite => Arc::new(SqliteLedger::open(&directory, clock, SqliteSettings::default())?),
        Store::Memory => Arc::new(MemoryLedger::new(clock)),
    };
    Ok((directory, ledger))
}
