//! What goes wrong: two kinds that must never be mistaken for each other.
//!
//! [`Refused`]: the store works, and says no, because what the transaction takes
//! for granted is not so (any more). [`StoreError`]: the store does not work.
//! Nothing of a refused transaction has any effect, now or later. Of one that met
//! a store error nothing has any effect in this process; after a crash a restart
//! may find it whole, or not at all, and never in part.

use super::{
    codes::CodeEnd,
    rows::Quota,
    values::{DeliveryId, Seq, WallTime},
};
use puzzle::RoundNumber;
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Why a transaction was not committed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// The store says no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The store does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the store says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A win or an end of a round that is not running: somebody was faster.
    #[error("round {round} is not running")]
    RoundNotRunning {
        /// The round that the transaction is about.
        round: RoundNumber,
    },
    /// A round cannot be opened while another one runs.
    #[error("round {running} is still running")]
    RoundRunning {
        /// The round that runs.
        running: RoundNumber,
    },
    /// Rounds are numbered without a gap.
    #[error("the next round is {next}")]
    NotTheNextRound {
        /// The number that the next round has.
        next: RoundNumber,
    },
    /// Whoever is about to win has won as much as they may.
    #[error("the {} has won as much as it may", quota.name())]
    QuotaReached {
        /// By which quota.
        quota: Quota,
        /// Until when; for good if that is nothing.
        until: Option<WallTime>,
    },
    /// The code is not in the list, or somebody has won it.
    #[error("the code of the list cannot be taken")]
    CodeTaken,
    /// Nobody has won this code.
    #[error("nobody has won this code")]
    CodeUnknown,
    /// The code is not valid any more.
    #[error("the code is {0}")]
    CodeEnded(CodeEnd),
    /// The code of the round has not expired unused, or has gone back already.
    #[error("the code of round {round} cannot go back into the supply")]
    NotReturnable {
        /// In which round it was won.
        round: RoundNumber,
    },
    /// A key with this name was made before.
    #[error("there is a key {0} already: a name is never used again")]
    KeyNameUsed(String),
    /// There is no key with this name, or it is revoked already.
    #[error("there is no key {0} that can be revoked")]
    UnknownKey(String),
    /// Something was answered under this name, and that still holds.
    #[error("something was answered under this name before")]
    AnswerKept,
    /// The ticket has won already.
    #[error("the ticket has won before")]
    TicketUsed,
    /// The token of the human check is spent already.
    #[error("the token is spent")]
    TokenSpent,
    /// The cursor is not where the transaction takes it to be: another reader has
    /// moved it.
    #[error("the cursor {name} stands at {at}")]
    CursorMoved {
        /// Which cursor.
        name: String,
        /// Where it stands.
        at: Seq,
    },
    /// A cursor moves on, and not beyond the last entry.
    #[error("the cursor {name} cannot move to {to}")]
    CursorOutOfRange {
        /// Which cursor.
        name: String,
        /// Where it should have gone.
        to: Seq,
    },
    /// There is no such session.
    #[error("there is no such session")]
    UnknownSession,
    /// There is no such delivery.
    #[error("there is no delivery {0}")]
    UnknownDelivery(DeliveryId),
    /// The delivery does not wait for a try.
    #[error("delivery {0} does not wait")]
    NotWaiting(DeliveryId),
    /// A delivery with this webhook id is there already.
    #[error("the webhook id is used")]
    WebhookIdUsed,
    /// A value cannot be stored so that it is the same when it is read.
    #[error("a value cannot be stored: {0}")]
    Unstorable(String),
}

/// Why the store does not work. Cheap to clone: a failure is told to many.
#[derive(Clone)]
pub struct StoreError(Arc<Details>);

/// What kind of failure it is: what the operator has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// There is no space left, or no more is allowed.
    Full,
    /// Writing is not allowed: a read-only file system, or rights that are missing.
    ReadOnly,
    /// The device or the file system failed.
    Io,
    /// The file is not what was written.
    Damaged,
    /// Another program holds the file.
    Busy,
    /// Too much waits already.
    Overloaded,
    /// The ledger is closed: the server stops.
    Closed,
    /// Anything else; the text says what.
    Other,
}

#[derive(Debug)]
struct Details {
    fault: Fault,
    path: PathBuf,
    operation: &'static str,
    os_error: Option<i32>,
    store_code: Option<i32>,
    text: String,
}

impl StoreError {
    /// A failure of `operation` on `path`, in the words of whoever failed.
    pub(super) fn new(fault: Fault, operation: &'static str, path: &Path, text: impl Into<String>) -> Self {
        let text = text.into();
        Self(Arc::new(Details { fault, path: path.to_owned(), operation, os_error: None, store_code: None, text }))
    }

    /// The same with the numbers that the operating system and the store gave it.
    #[must_use]
    pub(super) fn with_codes(self, os_error: Option<i32>, store_code: Option<i32>) -> Self {
        let Details { fault, path, operation, text, .. } = &*self.0;
        let (path, text) = (path.clone(), text.clone());
        Self(Arc::new(Details { fault: *fault, path, operation, os_error, store_code, text }))
    }

    /// A full disk, for tests.
    #[cfg(all(test, not(feature = "model-check")))]
    pub(crate) fn for_tests() -> Self {
        Self::new(Fault::Full, "writing", Path::new("test.db"), "no space left")
    }

    /// What an operation on a file came to.
    pub(super) fn from_io(operation: &'static str, path: &Path, error: &std::io::Error) -> Self {
        Self::new(Fault::of_io(error), operation, path, error.to_string()).with_codes(error.raw_os_error(), None)
    }

    /// The ledger was closed before.
    pub(super) fn closed(path: &Path) -> Self {
        Self::new(Fault::Closed, "using the ledger", path, "it is closed")
    }

    /// Too much waits already.
    pub(super) fn overloaded(path: &Path) -> Self {
        Self::new(Fault::Overloaded, "queueing", path, "too much waits already")
    }

    /// The kind.
    pub fn fault(&self) -> Fault {
        self.0.fault
    }

    /// The file or directory that it happened to; a description for stores that are
    /// no file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// What was being done.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The operating system's number (errno), if it is known.
    pub fn os_error(&self) -> Option<i32> {
        self.0.os_error
    }

    /// The store's own number: for SQLite its extended result code.
    pub fn store_code(&self) -> Option<i32> {
        self.0.store_code
    }
}

impl Fault {
    /// The kind that an error of the operating system is of.
    pub(super) fn of_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Self::Full,
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Self::ReadOnly,
            _ => Self::Io,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { path, operation, os_error, store_code, text, .. } = &*self.0;
        write!(f, "{}: {operation} failed: {text}", path.display())?;
        match (os_error, store_code) {
            (Some(os), Some(store)) => write!(f, " (errno {os}, store code {store})"),
            (Some(os), None) => write!(f, " (errno {os})"),
            (None, Some(store)) => write!(f, " (store code {store})"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for StoreError {}

/// How the store fares. While it fails nothing is committed: every transaction is
/// answered with the cause at once, the store is tried again once a second, and
/// the condition is `Ok` again as soon as it works.
#[derive(Clone, Debug)]
pub enum Condition {
    /// It works.
    Ok,
    /// It does not.
    Failing {
        /// Since when, by the time of day.
        since: WallTime,
        /// Why, as it was when it was tried last.
        cause: StoreError,
    },
}

impl Condition {
    /// True if the store works.
    pub const fn is_ok(&self) -> bool {
        matches!(self, Self::Ok)
    }
}
