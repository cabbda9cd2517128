//! Lines that were put at the end of the operator's list of codes while the server runs.

use crate::{
    ledger::{Ledger, StoreError},
    prize::code_list::{CodeListError, import_codes, read_code_list},
    race::Race,
};
use std::{path::PathBuf, sync::Arc};

/// The list of codes, and how far the race knows it.
pub(super) struct NewCodes {
    /// `HASHPASS_CODES_FILE`.
    pub(super) path: PathBuf,
    /// What has the list.
    pub(super) ledger: Arc<dyn Ledger>,
    /// Who hands it out.
    pub(super) race: Race,
    /// The place of the last code that the race was given.
    pub(super) last: u64,
}

/// Why no codes were added.
#[derive(Debug, thiserror::Error)]
enum PickUpError {
    #[error(transparent)]
    List(#[from] CodeListError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("reading HASHPASS_CODES_FILE was broken off")]
    BrokenOff,
}

impl NewCodes {
    /// Reads the file again and hands the race what is new in it. Lines that are taken away
    /// or moved change nothing: what the ledger has once taken in is handed out. A wrong file
    /// changes nothing, and the log says why.
    pub(super) async fn pick_up(&mut self) {
        match self.try_to_pick_up().await {
            Ok(added) => tracing::info!(added, "HASHPASS_CODES_FILE was read again"),
            Err(error) => tracing::error!("the list of codes stays as it is: {error}"),
        }
    }

    /// Says how many codes were new.
    async fn try_to_pick_up(&mut self) -> Result<usize, PickUpError> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || read_code_list(&path)).await;
        import_codes(self.ledger.as_ref(), read.map_err(|_| PickUpError::BrokenOff)??).await?;
        let new = self.ledger.codes_left(self.last).await?;
        let added = new.len();
        if let Some(last) = new.last() {
            self.last = last.position;
            self.race.add_codes(new);
        }
        Ok(added)
    }
}
