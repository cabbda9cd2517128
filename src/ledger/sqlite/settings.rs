//! How the store on disk behaves, and why it may not open.

use crate::ledger::{directory::DirectoryError, error::StoreError};
use std::{path::PathBuf, time::Duration};

/// The name of the database in the data directory.
pub const DATABASE: &str = "hashpass.db";

/// How the store behaves.
#[derive(Clone, Copy, Debug)]
pub struct SqliteSettings {
    /// How much space is kept for the moment when there is none.
    pub reserve_bytes: u64,
    /// How often a store that fails is tried again.
    pub probe_every: Duration,
    /// How many transactions may wait for the writer, and how many questions for the
    /// reader.
    pub most_waiting: usize,
}

impl Default for SqliteSettings {
    fn default() -> Self {
        Self { reserve_bytes: 4 * 1024 * 1024, probe_every: Duration::from_secs(1), most_waiting: 8192 }
    }
}

/// Why the ledger cannot be opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A newer version of this program has written the database.
    #[error(
        "{path} was written by a newer version of this program (its schema is {found}, and this version knows \
         schemas up to {known}): start that version, or give this one a data directory of its own"
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest that this version knows.
        known: u32,
    },
}
