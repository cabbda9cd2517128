//! The ledger: what must never be forgotten, in order. The race decides, the ledger
//! remembers.
//!
//! | module | holds |
//! |---|---|
//! | [`entry`], [`body`] | the entries: gapless, each chained to the one before by a hash |
//! | [`transaction`] | what is committed: changes that take effect together or not at all |
//! | [`rows`] | what is kept beside the entries, and what a restart finds |
//! | [`deliveries`] | the outbox: what other servers have to be told |
//! | [`error`] | a store that says no, and a store that does not work |
//! | [`memory`] | the store for tests, and for a race without any file |
//! | [`sqlite`] | the store for one process |
//! | [`directory`], [`secret`] | the data directory: its lock, its rights, the secret in it |
//! | [`fault`] | places in the code where a test ends the process |
//!
//! What always holds:
//!
//! 1. **A transaction that was answered with success is on disk**, whole. One that
//!    was answered with [`Refused`] never has any effect.
//! 2. **The order of the calls of [`Ledger::commit`] is the order of the entries.** A
//!    call hands its transaction over at once, whether or not anybody waits for the
//!    future: whoever hangs up cancels nothing.
//! 3. **One round, one winner.** A win or an end counts for the round that is running
//!    or is refused; rounds, entries and their times never go back.
//! 4. **From the first write that fails nothing is committed** until the store works
//!    again, which [`Ledger::condition`] tells; nobody has to ask for it.
//!
//! Nothing here knows HTTP, the configuration or the race, and nothing outside may
//! assume that this process is the only one that writes: on a store for several
//! instances a transaction may be [refused](Refused::RoundNotRunning) because
//! another instance was faster. Whoever meets that reads the entries that it has
//! not seen ([`Ledger::entries_after`]) and decides anew. Such a store would also
//! give out the places in the order of arrival; a method for it belongs here when
//! there is one.

pub mod body;
pub mod deliveries;
pub mod directory;
pub mod entry;
pub mod error;
pub mod fault;
pub mod memory;
mod progress;
pub mod rows;
pub mod secret;
pub mod sqlite;
#[cfg(test)]
mod tests;
pub mod transaction;
pub mod values;

pub use body::Body;
pub use directory::DataDirectory;
pub use entry::{Entry, Head, verify_chain};
pub use error::{CommitError, Condition, Fault, Refused, StoreError};
pub use memory::MemoryLedger;
pub use rows::Recovered;
pub use sqlite::SqliteLedger;
pub use transaction::{Change, Committed, Transaction};
pub use values::{DeliveryId, Digest, Seq, WallTime};

use deliveries::{Delivery, DeliveryState, Due, Outbox};
use futures::future::BoxFuture;
use puzzle::RoundNumber;
use rows::RecordedWin;
use tokio::sync::watch;

/// What a question to the store comes to.
pub type Reply<T> = BoxFuture<'static, Result<T, StoreError>>;

/// A store. Questions see everything that was committed before they are asked;
/// none of them makes a transaction wait.
pub trait Ledger: Send + Sync + 'static {
    /// Hands a transaction over, and is done when it is durable or will never be.
    /// Dropping the future changes nothing about that.
    ///
    /// # Errors
    /// [`CommitError::Refused`]; [`CommitError::Store`].
    fn commit(&self, transaction: Transaction) -> BoxFuture<'static, Result<Committed, CommitError>>;

    /// How the store fares; always the newest.
    fn condition(&self) -> watch::Receiver<Condition>;

    /// Everything that a restart needs. Takes as long for a million rounds as for one.
    ///
    /// # Errors
    /// [`StoreError`], here and below.
    fn recover(&self) -> Reply<Recovered>;

    /// Where the chain ends.
    fn head(&self) -> Reply<Head>;

    /// The first `limit` entries after `seq`, in order.
    fn entries_after(&self, seq: Seq, limit: usize) -> Reply<Vec<Entry>>;

    /// Where a reader's cursor stands; 0 if it was never moved.
    fn cursor(&self, name: &str) -> Reply<Seq>;

    /// The win of a round.
    fn win(&self, round: RoundNumber) -> Reply<Option<RecordedWin>>;

    /// The newest win of the code whose SHA-256 this is.
    fn win_with_code(&self, code: Digest) -> Reply<Option<RecordedWin>>;

    /// The newest `limit` wins of a session in rounds after `round`, newest first.
    fn wins_of(&self, session: &str, round: RoundNumber, limit: usize) -> Reply<Vec<RecordedWin>>;

    /// The first `limit` wins in rounds after `round`, in order.
    fn wins_after(&self, round: RoundNumber, limit: usize) -> Reply<Vec<RecordedWin>>;

    /// What this instance is to deliver now, at most `limit`; the order of every
    /// receiver is kept. Where several instances share a store, only one of them is
    /// given anything.
    fn due_deliveries(&self, now: WallTime, limit: usize) -> Reply<Due>;

    /// The first `limit` deliveries after `id`, in order; only those in `state`, if
    /// one is given.
    fn deliveries_after(&self, id: DeliveryId, state: Option<DeliveryState>, limit: usize) -> Reply<Vec<Delivery>>;

    /// How many deliveries wait or are parked.
    fn outbox(&self) -> Reply<Outbox>;

    /// One delivery.
    fn delivery(&self, id: DeliveryId) -> Reply<Option<Delivery>>;

    /// Ends in good order: commits `last` even if the store fails at the moment, as far
    /// as that can be done, and closes. Whatever is asked or committed afterwards is
    /// answered with [`Fault::Closed`].
    ///
    /// # Errors
    /// Those of [`Ledger::commit`], if there is a last transaction. It is closed even then.
    fn close(&self, last: Transaction) -> BoxFuture<'static, Result<(), CommitError>>;
}
