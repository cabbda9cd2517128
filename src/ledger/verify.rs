//! Whether the chain of a ledger is whole.

use super::{contract::Ledger, entry::Head, error::StoreError, values::Seq};

/// Why a ledger is not what it was written as.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChainError {
    /// The chain breaks: an entry was changed, left out or put elsewhere.
    #[error("the chain breaks at entry {at}: it was changed, or an entry before it is missing")]
    Broken {
        /// The first entry that does not follow upon the one before.
        at: Seq,
    },
    /// The last entries are not there.
    #[error("the ledger says that it has {expected} entries, and the last one found is {found}")]
    Short {
        /// How many it should have.
        expected: Seq,
        /// How many there are.
        found: Seq,
    },
    /// The ledger cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How many entries are read at once while a chain is checked.
const PAGE: usize = 1000;

/// Reads every entry after `from` and checks that each follows upon the one before,
/// to the very last that the ledger says it has. [`Head::START`] checks them all.
///
/// # Errors
/// [`ChainError`], with the first entry that is wrong.
pub async fn verify_chain(ledger: &dyn Ledger, from: Head) -> Result<Head, ChainError> {
    let expected = ledger.head().await?.seq;
    let mut head = from;
    loop {
        let entries = ledger.entries_after(head.seq, PAGE).await?;
        for entry in &entries {
            if !entry.follows(&head) {
                return Err(ChainError::Broken { at: entry.seq });
            }
            head = entry.into();
        }
        if entries.is_empty() {
            return if expected <= head.seq { Ok(head) } else { Err(ChainError::Short { expected, found: head.seq }) };
        }
    }
}
