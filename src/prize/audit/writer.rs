//! The thread that owns the audit file.
//!
//! It keeps the records that are not on disk yet in their order and writes them
//! from the front. It ends when every handle to the log is gone or shut down, and
//! then names in the log what it could not write. It never holds more records than
//! [`super::AuditLog`] lets through and never writes a newer one before an older.

use super::{error::AuditError, file::AuditFile};
use crate::clock::Clock;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};
use tokio::sync::{oneshot, watch};

/// How many records share one write at most, so that it stays a few megabytes
/// even for the longest records.
const MOST_AT_ONCE: usize = 256;

/// The answer to whoever waits.
type Answer = oneshot::Sender<Result<(), AuditError>>;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    /// Write one more record.
    Append(Pending),
    /// Try again what failed, and look after the file.
    Retry(Answer),
}

/// A record that is not on disk yet.
#[derive(Debug)]
pub(super) struct Pending {
    /// The record in JSON, without line breaks.
    pub(super) line: String,
    /// Names its code in the log of the process.
    pub(super) code_digest: String,
    /// Whoever waits for the first attempt; none after it.
    pub(super) answer: Option<Answer>,
}

/// What the writer says of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct WriterState {
    /// True if the last access to the file succeeded. If so, no record is left over.
    pub(super) succeeded: bool,
    /// When, on the monotonic clock, the access now under way began.
    pub(super) busy_since: Option<Duration>,
    /// How many accesses failed since the start.
    pub(super) failed_writes: u64,
}

impl Default for WriterState {
    fn default() -> Self {
        Self { succeeded: true, busy_since: None, failed_writes: 0 }
    }
}

/// The thread's own state.
pub(super) struct Writer {
    file: AuditFile,
    clock: Arc<dyn Clock>,
    /// Records that are not on disk yet, oldest first.
    backlog: VecDeque<Pending>,
    /// Those who asked for a retry and have no answer yet.
    retries: Vec<Answer>,
    /// As many as `backlog` holds and the channel carries; shared with the handles.
    waiting: Arc<AtomicUsize>,
    /// Records that were given up; shared with the handles.
    lost: Arc<AtomicU64>,
    /// Tells the handles how it goes; dropped at the end.
    state: watch::Sender<WriterState>,
}

impl Writer {
    pub(super) fn new(
        file: AuditFile,
        clock: Arc<dyn Clock>,
        waiting: Arc<AtomicUsize>,
        lost: Arc<AtomicU64>,
        state: watch::Sender<WriterState>,
    ) -> Self {
        Self { file, clock, backlog: VecDeque::new(), retries: Vec::new(), waiting, lost, state }
    }

    /// Works until every sender of `commands` is gone.
    pub(super) fn run(mut self, commands: &Receiver<Command>, retry_every: Duration) {
        loop {
            match commands.recv_timeout(retry_every) {
                Ok(command) => self.take(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            // Whatever has come meanwhile shares the write.
            while let Ok(command) = commands.try_recv() {
                self.take(command);
            }
            self.work();
        }
        if !self.backlog.is_empty() {
            self.work();
        }
        for pending in self.backlog.drain(..) {
            self.lost.fetch_add(1, Ordering::Relaxed);
            let code_digest = pending.code_digest;
            tracing::error!(code_digest, "an audit record is lost: it could not be written before the end");
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Append(pending) => self.backlog.push_back(pending),
            Command::Retry(answer) => self.retries.push(answer),
        }
    }

    /// Writes the backlog, or looks after the file if there is none, and says how
    /// that went: first in the state, so that whoever gets an answer sees the state
    /// that goes with it.
    fn work(&mut self) {
        let began = self.clock.now();
        self.state.send_modify(|state| state.busy_since = Some(began));
        let mut written = Vec::new();
        let outcome = self.write_backlog(&mut written).map_err(Arc::new);
        let succeeded = outcome.is_ok();
        let before = *self.state.borrow();
        self.state.send_replace(WriterState {
            succeeded,
            busy_since: None,
            failed_writes: before.failed_writes + u64::from(!succeeded),
        });
        let verdict = match outcome {
            Ok(()) => {
                if !before.succeeded {
                    tracing::info!("the audit log can be written again; nothing waits any more");
                }
                Ok(())
            }
            Err(error) => {
                // Said once per trouble and once per record, not at every retry.
                if before.succeeded {
                    tracing::error!(path = %self.file.path().display(), %error, "the audit log cannot be written");
                }
                Err(AuditError::NotYetWritten(error))
            }
        };
        for answer in written {
            let _ = answer.send(Ok(()));
        }
        for pending in &mut self.backlog {
            if let Some(answer) = pending.answer.take() {
                let code_digest = &pending.code_digest;
                tracing::error!(code_digest, "an audit record is not written yet; it is kept for retry");
                let _ = answer.send(verdict.clone());
            }
        }
        for answer in self.retries.drain(..) {
            let _ = answer.send(verdict.clone());
        }
    }

    /// Adds to `written` whoever waits for a record that is on disk now.
    fn write_backlog(&mut self, written: &mut Vec<Answer>) -> std::io::Result<()> {
        if self.backlog.is_empty() {
            return self.file.check();
        }
        while !self.backlog.is_empty() {
            let count = self.backlog.len().min(MOST_AT_ONCE).min(self.file.room());
            self.file.append(self.backlog.iter().take(count).map(|pending| pending.line.as_str()))?;
            self.waiting.fetch_sub(count, Ordering::AcqRel);
            written.extend(self.backlog.drain(..count).filter_map(|pending| pending.answer));
        }
        Ok(())
    }
}
