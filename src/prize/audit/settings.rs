//! The settings of the audit log.

use std::{path::PathBuf, time::Duration};

/// Where the log is, and its limits.
#[derive(Clone, Debug)]
pub struct AuditSettings {
    /// `HASHPASS_DATA_DIR`: the directory of the file.
    pub directory: PathBuf,
    /// After how many records the file is put away and a fresh one begins. Set by no
    /// variable: 1000.
    pub records_per_file: usize,
    /// How often the file and the ledger are looked after when nobody says that there
    /// is a new win, and how soon a failed write is tried again. Set by no variable:
    /// every 5 seconds.
    pub look_every: Duration,
    /// How many times as long as a write takes the disk is left alone after it, for at
    /// most a second. Set by no variable: 9, so that the log takes a tenth of the disk's
    /// time at most, however many wins there are.
    pub rest: u32,
}

impl AuditSettings {
    /// A log in this directory, with the limits that no variable sets.
    pub const fn new(directory: PathBuf) -> Self {
        Self { directory, records_per_file: 1000, look_every: Duration::from_secs(5), rest: 9 }
    }
}
