//! What every store does.

use super::{
    callers::{ApiKeyRow, KeptAnswer},
    codes::{CodeRecord, CodeStatus},
    deliveries::{Delivery, DeliveryState, Due, Outbox},
    entry::{Entry, Head},
    error::{CommitError, Condition, StoreError},
    rows::{ListedCode, RecordedWin, Recovered},
    transaction::{Committed, Transaction},
    values::{DeliveryId, Digest, Seq, WallTime},
};
use futures::future::BoxFuture;
use puzzle::RoundNumber;
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

    /// The code whose SHA-256 this is, if it was won; of several wins with the same code,
    /// the newest.
    fn code(&self, code: Digest) -> Reply<Option<CodeRecord>>;

    /// The first `limit` codes that were won in rounds after `round`, in order; only
    /// those that have this status at `now`, if one is given.
    fn codes_after(
        &self,
        round: RoundNumber,
        status: Option<CodeStatus>,
        now: WallTime,
        limit: usize,
    ) -> Reply<Vec<CodeRecord>>;

    /// The rounds of the codes that have expired by `now` without being redeemed or
    /// revoked, and have not gone back into the supply: those that expired first, at
    /// most `limit`.
    fn returnable_codes(&self, now: WallTime, limit: usize) -> Reply<Vec<RoundNumber>>;

    /// The key whose SHA-256 this is, unless it is revoked.
    fn active_key(&self, digest: Digest) -> Reply<Option<ApiKeyRow>>;

    /// All keys that were ever made, in the order of their names.
    fn api_keys(&self) -> Reply<Vec<ApiKeyRow>>;

    /// The answer that was given under a name, if it is kept.
    fn kept_answer(&self, name: Digest) -> Reply<Option<KeptAnswer>>;

    /// The newest `limit` wins of a session in rounds after `round`, newest first.
    fn wins_of(&self, session: &str, round: RoundNumber, limit: usize) -> Reply<Vec<RecordedWin>>;

    /// The first `limit` wins in rounds after `round`, in order.
    fn wins_after(&self, round: RoundNumber, limit: usize) -> Reply<Vec<RecordedWin>>;

    /// The codes of the list behind `position` that nobody has won, in order.
    fn codes_left(&self, position: u64) -> Reply<Vec<ListedCode>>;

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
    /// answered with [`Fault::Closed`](super::error::Fault::Closed).
    ///
    /// # Errors
    /// Those of [`Ledger::commit`], if there is a last transaction. It is closed even then.
    fn close(&self, last: Transaction) -> BoxFuture<'static, Result<(), CommitError>>;
}
