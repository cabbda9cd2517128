//! The store's thread: jobs in their order, committed in groups, answered afterwards.

use super::{
    error::StoreError,
    failures::Failures,
    room::{Room, make_room},
    write::Write,
};
use rusqlite::{Connection, TransactionBehavior};
use std::{sync::Arc, thread};
use tokio::sync::{mpsc, oneshot};

/// How many jobs may wait for the thread.
const MOST_WAITING_JOBS: usize = 8192;

/// How many jobs are committed together.
const MOST_JOBS_OF_A_COMMIT: usize = 256;

/// What is done after the commit, told whether it succeeded.
pub(super) type Afterwards = Box<dyn FnOnce(bool) + Send>;

/// Something to be done with the connection.
pub(super) struct Job {
    pub(super) work: Box<dyn FnOnce(&Connection) -> Afterwards + Send>,
    /// True if it is written even where space is scarce, because the race's gate needs it.
    pub(super) is_for_the_gate: bool,
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
        let work = Box::new(move |connection: &Connection| -> Afterwards {
            let done = apply_all(connection, writes).inspect_err(|error| failures.complain(error)).is_ok();
            Box::new(move |committed| {
                let stored = done && committed;
                if !stored {
                    failures.diverge();
                }
                then(stored);
                let _ = answer.send(stored);
            })
        });
        self.permit.send(Job { work, is_for_the_gate: false });
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
pub(super) fn start(
    mut connection: Connection,
    mut room: Room,
    failures: Arc<Failures>,
) -> std::io::Result<mpsc::Sender<Job>> {
    let (jobs, mut waiting) = mpsc::channel::<Job>(MOST_WAITING_JOBS);
    thread::Builder::new().name("lobby-store".into()).spawn(move || {
        while let Some(job) = waiting.blocking_recv() {
            // A panic rolls its transaction back and drops the answers: everybody
            // who waits for one gets an error.
            let group = std::panic::AssertUnwindSafe(|| work(&mut connection, &mut room, job, &mut waiting, &failures));
            if std::panic::catch_unwind(group).is_err() {
                failures.diverge();
                let _ = connection.pragma_update(None, "query_only", false);
                tracing::error!("the lobby's store panicked; its thread goes on");
            }
        }
    })?;
    Ok(jobs)
}

/// Does a job and those that wait behind it, commits, then answers.
fn work(
    connection: &mut Connection,
    room: &mut Room,
    first: Job,
    waiting: &mut mpsc::Receiver<Job>,
    failures: &Failures,
) {
    let scarcity = room.look(connection);
    failures.note_scarcity(scarcity);
    // A commit of its own: where even this fails, the jobs are to be told by themselves.
    if scarcity.is_none()
        && let Err(error) = make_room(connection, room.pages())
    {
        failures.complain(&error);
    }
    let mut first = Some(first);
    let mut afterwards = Vec::new();
    let outcome = (|| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        while afterwards.len() < MOST_JOBS_OF_A_COMMIT
            && let Some(job) = first.take().or_else(|| waiting.try_recv().ok())
        {
            let for_the_gate = job.is_for_the_gate;
            let may_write = scarcity.is_none_or(|scarcity| for_the_gate && !scarcity.holds_for_the_gate());
            afterwards.push(done(job, &transaction, may_write)?);
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
        afterwards.extend(done(job, connection, false));
    }
    for then in afterwards {
        then(outcome.is_ok());
    }
}

/// Does a job; one that may not write can read all the same.
fn done(job: Job, connection: &Connection, may_write: bool) -> rusqlite::Result<Afterwards> {
    if may_write {
        return Ok((job.work)(connection));
    }
    connection.pragma_update(None, "query_only", true)?;
    let afterwards = (job.work)(connection);
    connection.pragma_update(None, "query_only", false)?;
    Ok(afterwards)
}
