//! The audit log: one record per win in `verify.json` in the data directory, a
//! JSON array that is valid after every write.
//!
//! [`AuditLog`] is a handle to a thread of its own that owns the file (`file.rs`)
//! and writes record after record, in the order in which they were handed over.
//! Records that wait together share one write and one flush to the disk. A write
//! that fails is logged and counted, and its records are tried again, first of
//! all, before any newer one: after every further record, every few seconds and
//! at shutdown. No record is written twice, even if a failed write had succeeded
//! in part or in whole.
//!
//! The log never stops a code: whoever appends decides how long to wait, and a
//! record whose writer gave up waiting is still written. It never reads its
//! records back, never deletes a byte that it did not write in the same moment,
//! and never shows a full code in the log of the process.

mod error;
mod file;
#[cfg(test)]
mod tests;
mod writer;

pub use error::AuditError;

use crate::clock::{Clock, rfc3339_milliseconds};
use app::wire::shortest_number;
use file::AuditFile;
use puzzle::{Hash, Nonce, RoundNumber, Seed, TraceData, VisitorId, invite_code::InviteCode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, SystemTime},
};
use tokio::sync::{oneshot, watch};
use writer::{Command, Pending, Writer, WriterState};

/// A write that takes longer than this counts as failing in [`AuditLog::status`].
const STALL_LIMIT: Duration = Duration::from_secs(5);

/// One win, with the fields and in the order of the protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// When, by the time of day; written as RFC 3339 in UTC with milliseconds.
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub timestamp: SystemTime,
    /// The prize.
    pub invite_code: InviteCode,
    /// The winner.
    pub visitor_id: VisitorId,
    /// What the winner found.
    pub nonce: Nonce,
    /// The hash of it.
    pub hash: Hash,
    /// The round's seed.
    pub seed: Seed,
    /// The address that the submission came from.
    pub real_ip: IpAddr,
    /// The trace that was mined with.
    pub trace_data: TraceData,
    /// The difficulty of the round, in leading zero hex digits.
    #[serde(serialize_with = "shortest_number")]
    pub difficulty: f64,
    /// The mining time of the round in seconds.
    pub solve_time: f64,
    /// The difficulty of the next round, in leading zero hex digits.
    #[serde(serialize_with = "shortest_number")]
    pub new_difficulty: f64,
    /// Why the difficulty moved or did not, in words.
    pub adjustment_reason: String,
    /// The round that was won.
    pub round: RoundNumber,
}

fn write_time<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339_milliseconds(*time))
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<jiff::Timestamp>().map(SystemTime::from).map_err(de::Error::custom)
}

/// Where the log is, and its limits.
#[derive(Clone, Debug)]
pub struct AuditSettings {
    /// `HASHPASS_DATA_DIR`: the directory of the file.
    pub directory: PathBuf,
    /// After how many records the file is put away and a fresh one begins. Set by no
    /// variable: 1000.
    pub records_per_file: usize,
    /// How many records may wait to be written, failed ones included. Set by no
    /// variable: 10,000, which at one or two kilobytes each are a few dozen megabytes
    /// at the very most.
    pub most_waiting: usize,
    /// How often failed writes are retried, and the file looked after, when no
    /// new record comes. Set by no variable: every 5 seconds.
    pub retry_every: Duration,
}

impl AuditSettings {
    /// A log in this directory, with the limits that no variable sets.
    pub const fn new(directory: PathBuf) -> Self {
        Self { directory, records_per_file: 1000, most_waiting: 10_000, retry_every: Duration::from_secs(5) }
    }
}

/// How the log fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditStatus {
    /// True if the last access to the file succeeded, none has been under way for
    /// longer than five seconds, no failed record waits, and the writer lives.
    pub is_ok: bool,
    /// Records that are not on disk yet.
    pub waiting: usize,
    /// Accesses to the file that failed since the start, retries included.
    pub failed_writes: u64,
    /// Records that were not even kept, because too many waited or after the end.
    pub lost: u64,
}

/// A cheap handle to the audit log. The file is closed in good order by
/// [`AuditLog::shutdown`]; without it, when the last handle is gone.
#[derive(Clone)]
pub struct AuditLog {
    shared: Arc<Shared>,
}

struct Shared {
    /// The way to the writer; none after shutdown. The lock also makes the order
    /// of two records the order in which they were handed over.
    commands: Mutex<Option<mpsc::Sender<Command>>>,
    /// Records that are not on disk yet.
    waiting: Arc<AtomicUsize>,
    /// How many of those there may be.
    most_waiting: usize,
    /// Records that were not even kept.
    lost: Arc<AtomicU64>,
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
    /// crash left, and starts the writer. Blocks on the disk; meant for the start.
    ///
    /// # Errors
    /// [`AuditError::Open`].
    pub fn open(settings: AuditSettings, clock: Arc<dyn Clock>) -> Result<Self, AuditError> {
        let file = AuditFile::new(&settings.directory, settings.records_per_file, Arc::clone(&clock));
        Self::start(file, clock, settings)
    }

    fn start(mut file: AuditFile, clock: Arc<dyn Clock>, settings: AuditSettings) -> Result<Self, AuditError> {
        let cannot_open = |path: &Path, source| AuditError::Open { path: path.to_owned(), source: Arc::new(source) };
        file.check().map_err(|source| cannot_open(file.path(), source))?;
        let path = file.path().to_owned();
        let (commands, receiver) = mpsc::channel();
        let (state, writer) = watch::channel(WriterState::default());
        let waiting = Arc::new(AtomicUsize::new(0));
        let lost = Arc::new(AtomicU64::new(0));
        let thread = Writer::new(file, Arc::clone(&clock), Arc::clone(&waiting), Arc::clone(&lost), state);
        std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || thread.run(&receiver, settings.retry_every))
            .map_err(|source| cannot_open(&path, source))?;
        let commands = Mutex::new(Some(commands));
        let shared = Shared { commands, waiting, most_waiting: settings.most_waiting, lost, writer, clock };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Hands a record over to the writer at once, without blocking. The returned
    /// future is done when the record is on disk or its first write has failed;
    /// dropping it changes nothing about the record's fate.
    ///
    /// # Errors
    /// Of the future: [`AuditError::NotYetWritten`] if the record is kept for a
    /// retry; any other error if it is not kept. Both are logged already.
    pub fn append(&self, record: &AuditRecord) -> impl Future<Output = Result<(), AuditError>> + Send + use<> {
        let written = self.hand_over(record);
        if let Err(error) = &written {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            let code_digest = record.invite_code.digest();
            tracing::error!(code_digest, round = record.round.0, %error, "an audit record is lost");
        }
        async move { written?.await.unwrap_or(Err(AuditError::Closed)) }
    }

    fn hand_over(&self, record: &AuditRecord) -> Result<oneshot::Receiver<Result<(), AuditError>>, AuditError> {
        let line = serde_json::to_string(record).map_err(|error| AuditError::Unwritable(Arc::new(error)))?;
        let (answer, written) = oneshot::channel();
        let commands = self.commands();
        let Some(writer) = commands.as_ref() else { return Err(AuditError::Closed) };
        // Only this function adds, under the lock; the writer only takes away.
        if self.shared.most_waiting <= self.shared.waiting.load(Ordering::Acquire) {
            return Err(AuditError::TooManyWaiting);
        }
        self.shared.waiting.fetch_add(1, Ordering::AcqRel);
        let pending = Pending { line, code_digest: record.invite_code.digest(), answer: Some(answer) };
        writer.send(Command::Append(pending)).map_err(|_| {
            self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
            AuditError::Closed
        })?;
        Ok(written)
    }

    /// Lets the writer try at once what failed, and look after the file; it does
    /// so by itself every few seconds.
    ///
    /// # Errors
    /// [`AuditError::NotYetWritten`] if it fails still, [`AuditError::Closed`]
    /// after the end.
    pub async fn retry(&self) -> Result<(), AuditError> {
        let (answer, tried) = oneshot::channel();
        let sent = self.commands().as_ref().is_some_and(|writer| writer.send(Command::Retry(answer)).is_ok());
        if sent { tried.await.unwrap_or(Err(AuditError::Closed)) } else { Err(AuditError::Closed) }
    }

    /// How the log fares, without waiting and without touching the disk.
    pub fn status(&self) -> AuditStatus {
        let state = *self.shared.writer.borrow();
        let lives = self.shared.writer.has_changed().is_ok();
        let hangs = state.busy_since.is_some_and(|since| STALL_LIMIT < self.shared.clock.now().saturating_sub(since));
        AuditStatus {
            is_ok: lives && state.succeeded && !hangs,
            waiting: self.shared.waiting.load(Ordering::Acquire),
            failed_writes: state.failed_writes,
            lost: self.shared.lost.load(Ordering::Relaxed),
        }
    }

    /// Takes no further records, tries once more to write those that wait, and
    /// returns when the writer has ended or `grace` is over, whichever is first.
    /// What could not be written is in the log by the digests of the codes.
    pub async fn shutdown(&self, grace: Duration) {
        drop(self.commands().take());
        let mut writer = self.shared.writer.clone();
        let ended = async { while writer.changed().await.is_ok() {} };
        if tokio::time::timeout(grace, ended).await.is_err() {
            let waiting = self.shared.waiting.load(Ordering::Acquire);
            tracing::error!(waiting, "the audit log did not end in time; records may be lost");
        }
    }

    fn commands(&self) -> MutexGuard<'_, Option<mpsc::Sender<Command>>> {
        // Nothing can panic half-way under this lock.
        self.shared.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
