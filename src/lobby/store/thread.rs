//! The store's thread: jobs in their order, committed in groups, answered afterwards.

use super::{error::StoreError, write::Write};
use crate::lock::lock;
use rusqlite::{Connection, TransactionBehavior};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

/// How many jobs may wait for the thread.
const MOST_WAITING_JOBS: usize = 8192;

/// How many jobs are committed together.
const MOST_JOBS_OF_A_COMMIT: usize = 256;

/// How often failures are logged at most.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// What is done after the commit, told whether it succeeded.
pub(super) type Afterwards = Box<dyn FnOnce(bool) + Send>;
pub(super) type Job = Box<dyn FnOnce(&Connection) -> Afterwards + Send>;

/// Failures: logged once a minute, and remembered until they were made good.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// When the last line was logged.
    last: Mutex<Option<Instant>>,
    unsaid: AtomicU64,
    /// True if memory and database may differ.
    diverged: AtomicBool,
}

impl Failures {
    pub(super) fn complain(&self, error: &rusqlite::Error) {
        let now = Instant::now();
        let mut last = lock(&self.last);
        if last.is_some_and(|last| now.saturating_duration_since(last) < COMPLAINT_INTERVAL) {
            self.unsaid.fetch_add(1, Ordering::Relaxed);
            return;
        }
        *last = Some(now);
        let more_since_the_last_line = self.unsaid.swap(0, Ordering::Relaxed);
        tracing::error!(%error, more_since_the_last_line, "the lobby's database failed: what is sent is refused");
    }

    pub(super) fn diverge(&self) {
        self.diverged.store(true, Ordering::SeqCst);
    }

    /// True if something was not written; it is then for the caller to write it.
    pub(super) fn take_divergence(&self) -> bool {
        self.diverged.swap(false, Ordering::SeqCst)
    }
}

/// A place in the queue, taken before something is decided that must be written.
#[derive(Debug)]
pub(in super::super) struct Slot<'a> {
    pub(super) permit: mpsc::Permit<'a, Job>,
    pub(super) failures: &'a Arc<Failures>,
}

/// Writes on their way into the database.
#[derive(Debug)]
#[must_use = "nothing is stored before this says so"]
pub(in super::super) struct Written(Option<oneshot::Receiver<bool>>);

impl Written {
    /// There was nothing to write.
    pub(in super::super) const fn nothing() -> Self {
        Self(None)
    }

    /// Waits until it is committed.
    pub(in super::super) async fn stored(self) -> Result<(), StoreError> {
        let stored = match self.0 {
            Some(stored) => stored.await.unwrap_or(false),
            None => true,
        };
        if stored { Ok(()) } else { Err(StoreError::Failed) }
    }

    /// For what is told to nobody as done, and made good later if it fails.
    pub(in super::super) fn without_waiting(self) {}
}

impl Slot<'_> {
    /// Puts writes into the queue, all or none of which are done; never waits. `then`
    /// is called on the store's thread, in the order of the queue, and told whether
    /// they were committed.
    pub(in super::super) fn write(self, writes: Vec<Write>, then: impl FnOnce(bool) + Send + 'static) -> Written {
        let (answer, stored) = oneshot::channel();
        let failures = self.failures.clone();
        self.permit.send(Box::new(move |connection| {
            let done = apply_all(connection, writes).inspect_err(|error| failures.complain(error)).is_ok();
            Box::new(move |committed| {
                let stored = done && committed;
                if !stored {
                    failures.diverge();
                }
                then(stored);
                let _ = answer.send(stored);
            })
        }));
        Written(Some(stored))
    }
}

fn apply_all(connection: &Connection, writes: Vec<Write>) -> rusqlite::Result<()> {
    if writes.is_empty() {
        return Ok(());
    }
    let run = |sql: &str| connection.prepare_cached(sql)?.execute([]).map(drop);
    run("SAVEPOINT job")?;
    let outcome = writes.into_iter().try_for_each(|write| write.apply(connection));
    // A full disk takes the whole transaction back: then there is no savepoint any more.
    if outcome.is_err() && !connection.is_autocommit() {
        run("ROLLBACK TO job")?;
    }
    if !connection.is_autocommit() {
        run("RELEASE job")?;
    }
    outcome
}

/// Starts the thread, which ends once the last sender is dropped and everything is done.
pub(super) fn start(mut connection: Connection, failures: Arc<Failures>) -> std::io::Result<mpsc::Sender<Job>> {
    let (jobs, mut waiting) = mpsc::channel::<Job>(MOST_WAITING_JOBS);
    thread::Builder::new().name("lobby-store".into()).spawn(move || {
        while let Some(job) = waiting.blocking_recv() {
            // A panic rolls its transaction back and drops the answers: everybody
            // who waits for one gets an error.
            let group = std::panic::AssertUnwindSafe(|| work(&mut connection, job, &mut waiting, &failures));
            if std::panic::catch_unwind(group).is_err() {
                failures.diverge();
                tracing::error!("the lobby's store panicked; its thread goes on");
            }
        }
    })?;
    Ok(jobs)
}

/// Does a job and those that wait behind it, commits, then answers.
fn work(connection: &mut Connection, first: Job, waiting: &mut mpsc::Receiver<Job>, failures: &Failures) {
    let mut first = Some(first);
    let mut afterwards = Vec::new();
    let outcome = (|| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        while afterwards.len() < MOST_JOBS_OF_A_COMMIT
            && let Some(job) = first.take().or_else(|| waiting.try_recv().ok())
        {
            afterwards.push(job(&transaction));
            // The transaction was taken back: without it the next job would be
            // committed although it is told that it was not.
            if transaction.is_autocommit() {
                break;
            }
        }
        transaction.commit()
    })();
    if let Err(error) = &outcome {
        failures.complain(error);
    }
    // The transaction could not even begin: the job is done without one, to be told so.
    if let Some(job) = first {
        afterwards.push(job(connection));
    }
    for then in afterwards {
        then(outcome.is_ok());
    }
}
