//! What can go wrong with the audit log.

use std::{io, path::PathBuf, sync::Arc};

/// Why a record is not on disk, or the log not open.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuditError {
    /// The data directory or the file in it cannot be made ready. At start this
    /// is a reason not to start.
    #[error("The audit log {path} cannot be opened: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: Arc<io::Error>,
    },
    /// The write failed. The record is kept and tried again.
    #[error("The audit record is not written yet: {0}")]
    NotYetWritten(Arc<io::Error>),
    /// More records wait than may; this one is not kept.
    #[error("Too many audit records wait to be written")]
    TooManyWaiting,
    /// The log was shut down; the record is not kept.
    #[error("The audit log is closed")]
    Closed,
    /// The record cannot be put into JSON.
    #[error("The audit record cannot be put into JSON: {0}")]
    Unwritable(Arc<serde_json::Error>),
}
