//! What happens after a win, beside telling the winner.
//!
//! | module | does |
//! |---|---|
//! | [`audit`] | keeps one record per win in `verify.json` |
//! | [`code_list`] | reads the operator's own codes from their file |
//! | [`codes`] | what becomes of codes: used once, made worthless, expired |
//! | [`keys`] | the keys of the servers that may do that |
//! | [`deliveries`] | tells other servers what they have to be told, until they have taken it |
//! | [`webhook`] | who is told, and what: one server hears who won which code |
//! | [`Prizes`] | the handle to all of it |
//!
//! Everything here reads the [ledger](crate::ledger), in which a win stands before
//! anybody hears of it, and keeps in the ledger how far it has come. So whatever stops
//! it, a full disk, a receiver that is away or the end of the process, it goes on from
//! there and leaves nothing out. Nothing here can refuse, change, delay or prevent a
//! code. Full codes, tokens and addresses with credentials never appear in the log; a
//! code is named by its digest.

pub mod audit;
pub mod code_list;
pub mod codes;
pub mod deliveries;
mod handle;
pub mod keys;
#[cfg(test)]
mod tests;
pub mod webhook;

pub use handle::{OpenError, Prizes, open};
