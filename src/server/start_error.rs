//! Why the server does not start.

use crate::{
    https_client::ClientError,
    ledger::{OpenLedgerError, StoreError, directory::DirectoryError},
    lobby::store::OpenStoreError,
    prize::{OpenError, code_list::CodeListError},
    race::{FingerprintError, StartRaceError},
};

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The race cannot begin; `memory_kib` is what each of its verification workers asks for.
    #[error("the race cannot begin with {workers} verification workers of {memory_kib} KiB each: {source}")]
    Race {
        /// How many workers were asked for.
        workers: usize,
        /// The memory of each.
        memory_kib: u32,
        /// What is wrong.
        source: StartRaceError,
    },
    /// What must be remembered cannot be.
    #[error(transparent)]
    Ledger(#[from] OpenLedgerError),
    /// What is remembered cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key of the invite codes cannot be kept.
    #[error(transparent)]
    Secret(#[from] DirectoryError),
    /// The key of the invite codes is another one than before.
    #[error(
        "{place} is another key than the one that invite codes were made with so far, and no code that was given \
         before can be checked with it: bring the old key back, or start once with `hashpass serve --accept-change` \
         if those codes need not be checked any more"
    )]
    OtherSecret {
        /// Where the key comes from.
        place: &'static str,
    },
    /// What the ledger is written with from now on cannot be noted.
    #[error(transparent)]
    Fingerprints(FingerprintError),
    /// The operator's codes cannot be handed out.
    #[error(transparent)]
    Codes(#[from] CodeListError),
    /// Wins cannot be looked after.
    #[error(transparent)]
    Prizes(#[from] OpenError),
    /// Stamps are asked for, and not even memory can hold those that are spent.
    #[error("spent stamps cannot be kept: {0}")]
    Stamps(#[from] OpenStoreError),
    /// No client for calls to other servers can be made.
    #[error(transparent)]
    Client(#[from] ClientError),
}
