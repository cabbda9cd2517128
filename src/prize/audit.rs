//! The audit log: one record per win in `verify.json` in the data directory, a JSON
//! array that is valid whenever it is read.
//!
//! [`AuditLog`] is a handle to a thread of its own that reads the wins from the
//! [ledger](crate::ledger), in order, and writes a record of each into the file
//! (`file.rs`). How far it has come is a cursor in the ledger, which moves when records
//! are on disk. So a disk that cannot take them loses nothing and stops nothing: they
//! are written when it can. What a crash has left between the file and the cursor is
//! told by the newest records of the file: no record is written twice.
//!
//! The log never stops a code. It never deletes a byte of the file that it did not
//! write itself, and never shows a full code in the log of the process.

mod error;
mod file;
mod record;
mod settings;
#[cfg(test)]
mod tests;
mod writer;

pub use error::AuditError;
pub use record::AuditRecord;
pub use settings::AuditSettings;

use crate::{clock::Clock, ledger::Ledger};
use file::AuditFile;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};
use tokio::sync::watch;
use writer::{Writer, WriterState};

/// A write that takes longer than this counts as failing in [`AuditLog::status`].
const STALL_LIMIT: Duration = Duration::from_secs(5);

/// How the log fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditStatus {
    /// True if the last access to the file succeeded, none has been under way for
    /// longer than five seconds, and the writer lives.
    pub is_ok: bool,
    /// Accesses to the file that failed since the start, retries included.
    pub failed_writes: u64,
}

/// A handle to the audit log. The writer ends by [`AuditLog::shut_down`]; without it,
/// when the handle is dropped.
pub struct AuditLog {
    /// Tells the writer to look for wins: one unread word is enough.
    wake: mpsc::SyncSender<()>,
    /// True once the writer shall end.
    stop: Arc<AtomicBool>,
    /// What the writer says of itself; closed when it has ended.
    writer: watch::Receiver<WriterState>,
    /// For telling a write that hangs.
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuditLog").field(&self.status()).finish()
    }
}

impl AuditLog {
    /// Opens `verify.json` in its directory, both created if missing, repairs what a
    /// crash left, and starts the writer, which begins with the wins that are not in the
    /// log yet. Blocks on the disk; meant for the start.
    ///
    /// # Errors
    /// [`AuditError::Open`].
    pub fn open(ledger: Arc<dyn Ledger>, settings: AuditSettings, clock: Arc<dyn Clock>) -> Result<Self, AuditError> {
        let file = AuditFile::new(&settings.directory, settings.records_per_file, Arc::clone(&clock));
        Self::start(file, ledger, &settings, clock)
    }

    fn start(
        mut file: AuditFile,
        ledger: Arc<dyn Ledger>,
        settings: &AuditSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AuditError> {
        let path = file.path().to_owned();
        let cannot_open = |source| AuditError::Open { path, source: Arc::new(source) };
        if let Err(source) = file.check() {
            return Err(cannot_open(source));
        }
        let (wake, woken) = mpsc::sync_channel(1);
        let (state, writer) = watch::channel(WriterState::default());
        let stop = Arc::new(AtomicBool::new(false));
        let thread = Writer::new(file, ledger, settings, Arc::clone(&clock), Arc::clone(&stop), state);
        let started = std::thread::Builder::new().name("audit".to_owned()).spawn(move || thread.run(&woken));
        match started {
            Ok(_) => Ok(Self { wake, stop, writer, clock }),
            Err(source) => Err(cannot_open(source)),
        }
    }

    /// Has the writer look at once for wins that are not in the log yet. Never waits.
    pub fn wake(&self) {
        // If a word is unread already, it will find this win as well.
        let _ = self.wake.try_send(());
    }

    /// How the log fares, without waiting and without touching the disk.
    pub fn status(&self) -> AuditStatus {
        let state = *self.writer.borrow();
        let lives = self.writer.has_changed().is_ok();
        let hangs = state.busy_since.is_some_and(|since| STALL_LIMIT < self.clock.now().saturating_sub(since));
        AuditStatus { is_ok: lives && state.succeeded && !hangs, failed_writes: state.failed_writes }
    }

    /// Writes the records of all wins that were committed before, and returns when the
    /// writer has ended or `grace` is over, whichever is first. What could not be
    /// written is written after the next start.
    pub async fn shut_down(&self, grace: Duration) {
        self.stop.store(true, Ordering::Release);
        self.wake();
        let mut writer = self.writer.clone();
        let ended = async { while writer.changed().await.is_ok() {} };
        if tokio::time::timeout(grace, ended).await.is_err() {
            tracing::warn!("the audit log did not end in time; what it lacks is written after the next start");
        }
    }
}
