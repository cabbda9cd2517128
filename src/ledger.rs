//! The ledger: what must never be forgotten, in order. The race decides, the ledger
//! remembers.
//!
//! | module | holds |
//! |---|---|
//! | [`Ledger`] | what every store does |
//! | [`entry`], [`body`] | the entries: gapless, each chained to the one before by a hash |
//! | [`transaction`] | what is committed: changes that take effect together or not at all |
//! | [`rows`] | what is kept beside the entries, and what a restart finds |
//! | [`codes`] | what becomes of a code after it was won |
//! | [`callers`] | the keys of other servers, and what they were answered |
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
pub mod callers;
pub mod codes;
mod contract;
pub mod deliveries;
pub mod directory;
pub mod entry;
pub mod error;
pub mod fault;
pub mod memory;
mod nanoseconds;
mod progress;
pub mod rows;
pub mod secret;
mod settings;
pub mod sqlite;
#[cfg(test)]
mod tests;
pub mod transaction;
pub mod values;
mod verify;

pub use body::Body;
pub use codes::{CodeEnd, CodeRecord, CodeStatus};
pub use contract::{Ledger, Reply};
pub use directory::DataDirectory;
pub use entry::{Entry, Head};
pub use error::{CommitError, Condition, Fault, Refused, StoreError};
pub use memory::MemoryLedger;
pub use rows::Recovered;
pub use settings::{LedgerSettings, OpenLedgerError, Store, open};
pub use sqlite::SqliteLedger;
pub use transaction::{Change, Committed, Transaction};
pub use values::{DeliveryId, Digest, Seq, WallTime};
pub use verify::{ChainError, verify_chain};
