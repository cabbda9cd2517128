//! Why the store could not be opened, or did not do something.

use crate::{gate::stamps::SpendError, ledger::directory::DirectoryError};

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    /// SQLite refuses to open or to prepare it.
    #[error("the database cannot be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The directory cannot be made.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The file cannot be made or restricted, or no thread started.
    #[error("the database cannot be prepared: {0}")]
    File(#[from] std::io::Error),
    /// A newer version of this program has written it.
    #[error("the database has version {found}, and this program knows versions up to {known}")]
    NewerVersion {
        /// The file's version.
        found: usize,
        /// Ours.
        known: usize,
    },
}

/// Why the store did not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too many jobs wait already.
    #[error("the lobby is busy: try again in a moment")]
    Busy,
    /// The disk or SQLite failed; the log says more.
    #[error("the lobby cannot store anything at the moment, so nothing was done: try again later")]
    Failed,
}

impl From<SpendError> for StoreError {
    fn from(error: SpendError) -> Self {
        match error {
            SpendError::Busy => Self::Busy,
            SpendError::Failed => Self::Failed,
        }
    }
}
