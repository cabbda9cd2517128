//! Lines that were put at the end of the operator's list of codes while the server runs.

use crate::{
    ledger::{Ledger, StoreError, rows::ListedCode},
    prize::code_list::{CodeListError, import_codes, read_code_list},
    race::Race,
};
use std::{path::PathBuf, sync::Arc};

/// The list of codes, and how far the race knows it.
pub(super) struct NewCodes {
    path: PathBuf,
    ledger: Arc<dyn Ledger>,
    /// The place of the last code that the race was given.
    last: u64,
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
    /// The list in the file at `path`, of which the race begins with `codes`; none if codes
    /// are derived.
    pub(super) fn of(path: Option<PathBuf>, codes: Option<&[ListedCode]>, ledger: &Arc<dyn Ledger>) -> Option<Self> {
        // Of a list that is used up whatever is left later is new.
        let last = codes?.last().map_or(0, |code| code.position);
        Some(Self { path: path?, ledger: Arc::clone(ledger), last })
    }

    /// Reads the file again at every SIGHUP, which also has the settings read again. Lines
    /// that are taken away or moved change nothing: what the ledger has once taken in is
    /// handed out.
    #[cfg(unix)]
    pub(super) async fn pick_up_on_signal(mut self, race: Race) {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hang_up = match signal(SignalKind::hangup()) {
            Ok(hang_up) => hang_up,
            Err(error) => {
                tracing::error!(%error, "HASHPASS_CODES_FILE is read again at the next start only");
                return;
            }
        };
        while hang_up.recv().await.is_some() {
            match self.pick_up(&race).await {
                Ok(added) => tracing::info!(added, "HASHPASS_CODES_FILE was read again"),
                Err(error) => tracing::error!("the list of codes stays as it is: {error}"),
            }
        }
    }

    /// There is no such signal here.
    #[cfg(not(unix))]
    pub(super) async fn pick_up_on_signal(self, _: Race) {}

    /// Hands the race what is new in the file, and says how many codes that are.
    #[cfg_attr(not(unix), allow(dead_code, reason = "no signal asks for it"))]
    async fn pick_up(&mut self, race: &Race) -> Result<usize, PickUpError> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || read_code_list(&path)).await;
        import_codes(self.ledger.as_ref(), read.map_err(|_| PickUpError::BrokenOff)??).await?;
        let new = self.ledger.codes_left(self.last).await?;
        let added = new.len();
        if let Some(last) = new.last() {
            self.last = last.position;
            race.add_codes(new);
        }
        Ok(added)
    }
}
