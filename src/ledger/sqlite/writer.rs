//! The thread that writes, and the handle to it.

use super::{
    apply::{apply, write_progress},
    change::ApplyError,
    failure::{probe, store_error},
    health::Health,
    open::Opened,
    read,
    reserve::Reserve,
    settings::SqliteSettings,
};
use crate::{
    clock::Clock,
    ledger::{
        error::{CommitError, Condition, Fault, Refused, StoreError},
        fault,
        transaction::{Committed, Transaction},
        values::WallTime,
    },
};
use futures::future::BoxFuture;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError},
    },
    time::{Duration, Instant},
};
use tokio::sync::{oneshot, watch};

/// How many transactions share a flush at most.
const GROUP: usize = 256;

/// After so many changes the write-ahead log is copied into the database as soon as
/// nobody waits …
const CHECKPOINT_AFTER: usize = 500;

/// … and after so many even if somebody does: the log would grow without bound.
const CHECKPOINT_AT_LATEST: usize = 5000;

type Answer<T> = oneshot::Sender<Result<T, CommitError>>;

/// What the thread is asked to do.
enum Command {
    Commit(Job),
    Close {
        last: Transaction,
        answer: Answer<()>,
    },
    #[cfg(test)]
    WithConnection(fn(&Connection), oneshot::Sender<()>),
}

/// A transaction with its way back.
struct Job {
    transaction: Transaction,
    answer: Answer<Committed>,
}

/// A cheap handle to the thread, which ends when it is closed, or when the last handle
/// is dropped and what was handed over is written.
#[derive(Clone)]
pub(super) struct Writer {
    commands: SyncSender<Command>,
    condition: watch::Receiver<Condition>,
    path: Arc<PathBuf>,
}

impl Writer {
    pub(super) fn start(
        opened: Opened,
        directory: &Path,
        clock: Arc<dyn Clock>,
        settings: SqliteSettings,
    ) -> Result<Self, StoreError> {
        let Opened { connection, path } = opened;
        let path = Arc::new(path);
        let (commands, waiting) = mpsc::sync_channel(settings.most_waiting);
        let (health, condition) = Health::new(Arc::clone(&clock), Arc::clone(&path));
        let mut thread = Thread {
            connection,
            path: Arc::clone(&path),
            directory: directory.to_owned(),
            reserve: Reserve::new(directory, settings.reserve_bytes),
            clock,
            health,
            not_copied: 0,
        };
        thread.hold_reserve();
        std::thread::Builder::new()
            .name("ledger-writer".to_owned())
            .spawn(move || thread.run(&waiting, settings.probe_every))
            .map_err(|error| StoreError::from_io("starting the writer", &path, &error))?;
        Ok(Self { commands, condition, path })
    }

    pub(super) fn condition(&self) -> watch::Receiver<Condition> {
        self.condition.clone()
    }

    pub(super) fn commit(&self, transaction: Transaction) -> BoxFuture<'static, Result<Committed, CommitError>> {
        self.hand_over(|answer| Command::Commit(Job { transaction, answer }))
    }

    pub(super) fn close(&self, last: Transaction) -> BoxFuture<'static, Result<(), CommitError>> {
        self.hand_over(|answer| Command::Close { last, answer })
    }

    /// At once, so that the order of the calls is the order of the commits.
    fn hand_over<T: Send + 'static>(
        &self,
        command: impl FnOnce(Answer<T>) -> Command,
    ) -> BoxFuture<'static, Result<T, CommitError>> {
        let (answer, answered) = oneshot::channel();
        let sent = self.commands.try_send(command(answer)).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::overloaded(&self.path),
            TrySendError::Disconnected(_) => StoreError::closed(&self.path),
        });
        let path = Arc::clone(&self.path);
        Box::pin(async move {
            sent?;
            answered.await.unwrap_or_else(|_| Err(StoreError::closed(&path).into()))
        })
    }

    #[cfg(test)]
    pub(super) async fn with_connection(&self, work: fn(&Connection)) {
        let (done, waiting) = oneshot::channel();
        let sent = self.commands.try_send(Command::WithConnection(work, done));
        assert!(sent.is_ok() && waiting.await.is_ok(), "the writer has ended");
    }
}

/// What the thread owns.
struct Thread {
    connection: Connection,
    path: Arc<PathBuf>,
    directory: PathBuf,
    reserve: Reserve,
    clock: Arc<dyn Clock>,
    health: Health,
    /// Changes that are in the write-ahead log only.
    not_copied: usize,
}

impl Thread {
    fn run(mut self, commands: &Receiver<Command>, probe_every: Duration) {
        let mut next_probe = Instant::now() + probe_every;
        let mut next = None;
        loop {
            let command = match next.take() {
                Some(command) => command,
                None => match commands.recv_timeout(next_probe.saturating_duration_since(Instant::now())) {
                    Ok(command) => command,
                    Err(RecvTimeoutError::Timeout) => {
                        self.look_after();
                        self.copy_log(1);
                        next_probe = Instant::now() + probe_every;
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                },
            };
            match command {
                Command::Commit(job) => {
                    let group;
                    (group, next) = gather(job, commands);
                    self.commit(group);
                    if next.is_none() {
                        self.copy_log(CHECKPOINT_AFTER);
                    }
                }
                Command::Close { last, answer } => {
                    let _ = answer.send(self.close(last));
                    return;
                }
                #[cfg(test)]
                Command::WithConnection(work, done) => {
                    work(&self.connection);
                    let _ = done.send(());
                }
            }
            // However busy it is.
            if next_probe <= Instant::now() {
                self.look_after();
                next_probe = Instant::now() + probe_every;
            }
        }
    }

    /// Commits a group and answers everybody in it: the condition first, so that
    /// whoever is answered sees the one that goes with the answer.
    fn commit(&mut self, group: Vec<Job>) {
        fault::point("ledger.before_begin");
        let outcome = match self.health.cause() {
            Some(cause) => Err(cause),
            None => self.write(&group.iter().map(|job| &job.transaction).collect::<Vec<_>>()),
        };
        fault::point("ledger.after_commit");
        match outcome {
            Ok(outcomes) => {
                self.not_copied += group.iter().map(|job| job.transaction.changes().len()).sum::<usize>();
                for (job, outcome) in group.into_iter().zip(outcomes) {
                    let _ = job.answer.send(outcome.map_err(CommitError::Refused));
                }
            }
            Err(error) => {
                for job in group {
                    let _ = job.answer.send(Err(error.clone().into()));
                }
            }
        }
        fault::point("ledger.after_answer");
        self.copy_log(CHECKPOINT_AT_LATEST);
    }

    /// Writes transactions whatever the condition is, with the reserve if it must be,
    /// and says how the store fares afterwards.
    fn write(&mut self, group: &[&Transaction]) -> Result<Vec<Result<Committed, Refused>>, StoreError> {
        let now = WallTime::from(self.clock.time_of_day());
        let error = match try_group(&mut self.connection, group, now) {
            Ok(outcomes) => return Ok(outcomes),
            Err(error) => error,
        };
        let cause = self.failed("committing", &error);
        // From here on the store counts as failing, even if the reserve helps.
        if cause.fault() == Fault::Full && self.reserve.release() {
            return try_group(&mut self.connection, group, now).map_err(|error| self.failed("committing", &error));
        }
        Err(cause)
    }

    /// Takes note that the store fails.
    fn failed(&mut self, operation: &'static str, error: &rusqlite::Error) -> StoreError {
        let system = match error.sqlite_error_code() {
            // Nothing is wrong with the disk.
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => None,
            _ => probe(&self.directory).err(),
        };
        let cause = store_error(operation, &self.path, error, system.as_ref());
        self.health.fails(cause.clone());
        cause
    }

    /// Tries the store again if it fails: it works again when the reserve is there and a write
    /// is durable. That write also takes the place of whatever a failed commit has left
    /// in the log, so that no restart can find it there.
    fn look_after(&mut self) {
        if self.health.cause().is_none() {
            return;
        }
        // The reserve comes first: while there is no space for it, no try may use up what
        // was released for the stop.
        if !self.hold_reserve() {
            return;
        }
        match self.connection.execute("UPDATE race SET probes = probes + 1", []) {
            Ok(_) => self.health.recovers(),
            Err(error) => drop(self.failed("trying to write", &error)),
        }
    }

    /// Makes sure of the reserve; without one the store counts as failing.
    fn hold_reserve(&mut self) -> bool {
        match self.reserve.hold() {
            Ok(()) => true,
            Err(error) => {
                self.health.fails(StoreError::from_io("keeping the reserve", self.reserve.path(), &error));
                false
            }
        }
    }

    /// Copies the write-ahead log into the database if it holds at least so many
    /// changes. What cannot be copied now is copied later; nothing is lost by it.
    fn copy_log(&mut self, at_least: usize) {
        if self.not_copied < at_least {
            return;
        }
        self.not_copied = 0;
        if let Err(error) = checkpoint(&self.connection, "PASSIVE") {
            tracing::warn!(path = %self.path.display(), %error, "the write-ahead log cannot be copied yet");
        }
        fault::point("ledger.after_checkpoint");
    }

    fn close(mut self, last: Transaction) -> Result<(), CommitError> {
        let outcome = if last.is_empty() { Ok(()) } else { self.write_last(&last) };
        let copied = checkpoint(&self.connection, "TRUNCATE");
        let closed = self.connection.close().map_err(|(_, error)| error);
        if let Err(error) = copied.and(closed) {
            tracing::warn!(path = %self.path.display(), %error, "the write-ahead log stays for the next start");
        }
        outcome
    }

    fn write_last(&mut self, last: &Transaction) -> Result<(), CommitError> {
        // The stop is what the reserve is for.
        if self.health.cause().is_some() {
            self.reserve.release();
        }
        for outcome in self.write(&[last])? {
            outcome?;
        }
        Ok(())
    }
}

/// Takes what waits behind a job and can share its flush, and the first command that
/// cannot.
fn gather(first: Job, commands: &Receiver<Command>) -> (Vec<Job>, Option<Command>) {
    let mut group = vec![first];
    while group.len() < GROUP {
        match commands.try_recv() {
            Ok(Command::Commit(job)) => group.push(job),
            Ok(other) => return (group, Some(other)),
            Err(_) => break,
        }
    }
    (group, None)
}

/// Commits a group as one. Each transaction is accepted or refused by itself; an error
/// means that none of them has any effect.
fn try_group(
    connection: &mut Connection,
    group: &[&Transaction],
    now: WallTime,
) -> rusqlite::Result<Vec<Result<Committed, Refused>>> {
    let mut whole = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut progress = read::progress(&whole)?;
    let mut outcomes = Vec::with_capacity(group.len());
    for transaction in group {
        let mut moved = progress;
        moved.begin(now);
        let part = whole.savepoint()?;
        let outcome = match apply(&part, &mut moved, transaction) {
            Ok(()) => {
                part.commit()?;
                progress = moved;
                Ok(Committed { at: moved.at, head: moved.head })
            }
            Err(ApplyError::Refused(refused)) => {
                // It is rolled back when it is dropped.
                part.finish()?;
                Err(refused)
            }
            Err(ApplyError::Store(error)) => return Err(error),
        };
        outcomes.push(outcome);
    }
    if group.iter().zip(&outcomes).any(|(transaction, outcome)| outcome.is_ok() && !transaction.is_empty()) {
        write_progress(&whole, &progress)?;
    }
    fault::point("ledger.before_commit");
    whole.commit()?;
    Ok(outcomes)
}

fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<()> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))
}
