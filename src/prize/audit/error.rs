//! What can go wrong with the audit log.

use std::{io, path::PathBuf, sync::Arc};

/// Why the log cannot be opened.
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
}
