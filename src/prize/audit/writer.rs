//! The thread that reads the wins from the ledger and owns the audit file.
//!
//! It reads a page of entries, writes the records of the wins among them and moves its
//! cursor behind them; only then it reads the next page. So at most one page can be in
//! the file while the cursor does not say so yet, whatever ends the process. Whenever
//! that may be so, at the start and after every failure, the newest records of the file
//! tell which ones are there already.

use super::{file::AuditFile, record::AuditRecord, settings::AuditSettings};
use crate::{
    clock::Clock,
    ledger::{
        Body, Change, CommitError, Condition, Entry, Fault, Ledger, Refused, Reply, Seq, StoreError, Transaction, fault,
    },
};
use futures::executor::block_on;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// The name of the cursor in the ledger.
pub(super) const CURSOR: &str = "audit";

/// How many entries are read at once: half as many wins, at one or two kilobytes each.
pub(super) const PAGE: usize = 512;

/// The disk is left alone for no longer than this after a write.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// What the writer says of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct WriterState {
    /// True if the last access to the file succeeded.
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

/// How far a step has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There may be more to do.
    Done,
    /// There is nothing to do until somebody wins.
    Idle,
    /// It failed, which is logged, and is to be tried again after a while.
    Failed,
    /// The ledger is closed.
    Closed,
}

/// The thread's own state.
pub(super) struct Writer {
    file: AuditFile,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    look_every: Duration,
    rest: u32,
    stop: Arc<AtomicBool>,
    /// Tells the handle how it goes; dropped at the end.
    state: watch::Sender<WriterState>,
    /// Where the cursor stands; none until the ledger has said so.
    cursor: Option<Seq>,
    /// The last entry that the file is done with; never before the cursor.
    written: Seq,
    /// True if the file may hold records of entries after `written`.
    is_in_doubt: bool,
}

impl Writer {
    pub(super) fn new(
        file: AuditFile,
        ledger: Arc<dyn Ledger>,
        settings: &AuditSettings,
        clock: Arc<dyn Clock>,
        stop: Arc<AtomicBool>,
        state: watch::Sender<WriterState>,
    ) -> Self {
        let AuditSettings { look_every, rest, .. } = *settings;
        let (cursor, written, is_in_doubt) = (None, Seq(0), true);
        Self { file, ledger, clock, look_every, rest, stop, state, cursor, written, is_in_doubt }
    }

    /// Works until it is told to stop, the handle is gone or the ledger is closed.
    pub(super) fn run(mut self, woken: &Receiver<()>) {
        loop {
            // Before the step: what was committed before the end is still written.
            let stops = self.stop.load(Ordering::Acquire);
            let began = Instant::now();
            let pause = match self.step() {
                Step::Closed => return,
                Step::Idle | Step::Failed if stops => return,
                Step::Idle => self.look_every,
                Step::Failed => {
                    // New wins must not bring the next try on.
                    if self.sleep(woken, self.look_every) { continue } else { return }
                }
                Step::Done if stops => continue,
                Step::Done => {
                    let rest = began.elapsed().saturating_mul(self.rest).min(LONGEST_REST);
                    if self.sleep(woken, rest) { continue } else { return }
                }
            };
            if let Err(RecvTimeoutError::Disconnected) = woken.recv_timeout(pause) {
                return;
            }
        }
    }

    /// Sleeps until the time is over or the end has come, whoever wins. False if the
    /// handle is gone.
    fn sleep(&self, woken: &Receiver<()>, time: Duration) -> bool {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stop.load(Ordering::Acquire) {
                return true;
            }
            match woken.recv_timeout(left) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    /// Writes one page, or moves the cursor behind the one that was written, or looks
    /// after the file if there is nothing to write.
    pub(super) fn step(&mut self) -> Step {
        let outcome = match self.cursor {
            None => self.find_cursor(),
            Some(cursor) if cursor < self.written => self.move_cursor(cursor),
            Some(_) => self.write_page(),
        };
        outcome.unwrap_or_else(|error| {
            // The ledger says itself in the log that it fails.
            if error.fault() == Fault::Closed { Step::Closed } else { Step::Failed }
        })
    }

    fn find_cursor(&mut self) -> Result<Step, StoreError> {
        let cursor = self.ask(|ledger| ledger.cursor(CURSOR))?;
        (self.cursor, self.written) = (Some(cursor), self.written.max(cursor));
        Ok(Step::Done)
    }

    fn move_cursor(&mut self, from: Seq) -> Result<Step, StoreError> {
        let to = self.written;
        let moved = Change::MoveCursor { name: CURSOR.to_owned(), from, to };
        match block_on(self.ledger.commit(Transaction::new().with(moved))) {
            Ok(_) => {
                self.cursor = Some(to);
                Ok(Step::Done)
            }
            Err(CommitError::Refused(Refused::CursorMoved { at, .. })) => {
                // It moved although the answer said otherwise, or another instance
                // writes as well.
                (self.cursor, self.written, self.is_in_doubt) = (Some(at), at.max(to), true);
                Ok(Step::Done)
            }
            Err(CommitError::Refused(refused)) => {
                tracing::error!(%refused, "the audit log's place in the ledger cannot be noted");
                (self.cursor, self.is_in_doubt) = (None, true);
                Ok(Step::Failed)
            }
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    fn write_page(&mut self) -> Result<Step, StoreError> {
        let after = self.written;
        let entries = self.ask(|ledger| ledger.entries_after(after, PAGE))?;
        fault::point("audit.before_write");
        let succeeded = self.access(|writer| writer.write_records(&entries));
        fault::point("audit.after_write");
        Ok(match (succeeded, entries.is_empty()) {
            (false, _) => Step::Failed,
            (true, true) => Step::Idle,
            (true, false) => Step::Done,
        })
    }

    /// Writes the records of the wins among these entries, as many at once as the file
    /// has room for; if there are none it looks after the file.
    fn write_records(&mut self, entries: &[Entry]) -> io::Result<()> {
        let wins = entries.iter().filter_map(|entry| match &entry.body {
            Body::Won(won) => Some((entry.seq, AuditRecord::of(entry.at, entry.round, won))),
            _ => None,
        });
        let mut wins: Vec<(Seq, AuditRecord)> = wins.collect();
        if wins.is_empty() || self.is_in_doubt {
            self.file.check()?;
        }
        if !wins.is_empty() && self.is_in_doubt {
            let known = self.file.newest(PAGE)?;
            let is_known = |record: &AuditRecord| {
                known.iter().any(|name| name.round == record.round && name.invite_code == record.invite_code)
            };
            wins.retain(|(_, record)| !is_known(record));
        }
        // Until all is done: a failure may leave records in the file.
        self.is_in_doubt = true;
        let mut rest = wins.as_slice();
        while !rest.is_empty() {
            let (some, others) = rest.split_at(self.file.room().min(rest.len()));
            let lines: Vec<String> = some.iter().filter_map(|(_, record)| line(record)).collect();
            self.file.append(lines.iter().map(String::as_str))?;
            self.written = some.last().map_or(self.written, |(seq, _)| *seq);
            rest = others;
        }
        if let Some(last) = entries.last() {
            self.written = self.written.max(last.seq);
        }
        self.is_in_doubt = false;
        Ok(())
    }

    /// Does something with the file and says how that went.
    fn access(&mut self, work: impl FnOnce(&mut Self) -> io::Result<()>) -> bool {
        let began = self.clock.now();
        self.state.send_modify(|state| state.busy_since = Some(began));
        let outcome = work(self);
        let before = *self.state.borrow();
        let succeeded = outcome.is_ok();
        let failed_writes = before.failed_writes + u64::from(!succeeded);
        self.state.send_replace(WriterState { succeeded, busy_since: None, failed_writes });
        match outcome {
            Ok(()) if !before.succeeded => tracing::info!("the audit log can be written again"),
            // Said once per trouble, not at every try.
            Err(error) if before.succeeded => {
                let path = self.file.path().display();
                tracing::error!(%path, %error, "the audit log cannot be written; its records wait in the ledger");
            }
            _ => {}
        }
        succeeded
    }

    /// What the ledger says. While it fails there is nothing new to be read.
    fn ask<T>(&self, question: impl Fn(&dyn Ledger) -> Reply<T>) -> Result<T, StoreError> {
        if let Condition::Failing { cause, .. } = &*self.ledger.condition().borrow() {
            return Err(cause.clone());
        }
        block_on(question(self.ledger.as_ref()))
    }
}

/// The record in JSON, without line breaks.
fn line(record: &AuditRecord) -> Option<String> {
    serde_json::to_string(record)
        .inspect_err(|error| {
            let code_digest = record.invite_code.digest();
            tracing::error!(code_digest, round = record.round.0, %error, "a win cannot be put into the audit log");
        })
        .ok()
}
