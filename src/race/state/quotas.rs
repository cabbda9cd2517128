//! Who has won how much, as far as a drop limits that.
//!
//! The ledger decides, in the transaction of a win; what is here is its answer from
//! memory, so that nobody mines for a win that will be refused and no flood of
//! submissions asks the disk.

use crate::ledger::{
    WallTime,
    rows::{Quota, WinQuota},
};
use puzzle::VisitorId;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;

/// Names a session, a visitor in a network, or a network: half of a SHA-256, so that a
/// million wins take some 150 MB.
type Key = [u8; 16];

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    wins: u64,
    last: Option<WallTime>,
}

/// Who has won how much.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    tallies: HashMap<Key, Tally>,
}

impl Quotas {
    /// Counts a win.
    pub(crate) fn count(&mut self, session: &str, visitor: &VisitorId, network: &str, at: WallTime) {
        let visitor = key("visitor", &[network, visitor.as_str()]);
        for key in [key("session", &[session]), visitor, key("network", &[network])] {
            let tally = self.tallies.entry(key).or_default();
            tally.wins += 1;
            tally.last = tally.last.max(Some(at));
        }
    }

    /// Checks whether somebody may win.
    ///
    /// # Errors
    /// The quota that is used up, and until when.
    pub(super) fn check(&self, quota: &WinQuota, now: WallTime) -> Result<(), (Quota, Option<WallTime>)> {
        let of = |key: Key| self.tallies.get(&key).copied().unwrap_or_default();
        let session = of(key("session", &[quota.session.as_str()]));
        let visitor = of(key("visitor", &[quota.network.as_str(), quota.visitor.as_str()]));
        let network = of(key("network", &[quota.network.as_str()]));
        // Most wins of a person are counted under both; the ledger counts each once.
        quota.check(session.wins.max(visitor.wins), session.last.max(visitor.last), network.wins, now)
    }
}

fn key(kind: &str, parts: &[&str]) -> Key {
    let mut hasher = Sha256::new();
    for part in [kind].iter().chain(parts) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize();
    let mut key = Key::default();
    key.copy_from_slice(&digest[..16]);
    key
}
