//! Session stamps: judged by their text first, then spent in the store, once.
//!
//! The race's gate uses this as well as the lobby. A stamp that is wrong in itself
//! never reaches the store.

use crate::clock::Clock;
use crate::lobby::store::{StampKind, Store, StoreError};
use puzzle::stamp::{Bits, Rejection, StampHash, Timestamp, session};
use std::{sync::Arc, time::UNIX_EPOCH};

/// What stamps must be, and which are spent.
#[derive(Clone)]
pub struct Stamps {
    store: Store,
    bits: Bits,
    resource: String,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Stamps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stamps").field("bits", &self.bits).field("resource", &self.resource).finish_non_exhaustive()
    }
}

/// Why a stamp was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// It is not good.
    Rejected(Rejection),
    /// It could not be spent.
    Store(StoreError),
}

impl Stamps {
    /// Stamps of so many bits for a server of this name, spent in `store`.
    pub fn new(store: Store, bits: Bits, resource: String, clock: Arc<dyn Clock>) -> Self {
        Self { store, bits, resource, clock }
    }

    /// What a stamp must have; none is asked for if zero.
    pub const fn bits(&self) -> Bits {
        self.bits
    }

    /// What a stamp must be made out to.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Judges a stamp without spending it; `None` if none is asked for.
    ///
    /// # Errors
    /// The first reason not to accept it.
    pub fn judge(&self, stamp: Option<&str>) -> Result<Option<StampHash>, Rejection> {
        session::check(stamp, self.bits, &self.resource, Timestamp(self.now()))
    }

    /// Spends a stamp that was judged. Of many at once exactly one succeeds.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub async fn spend(&self, stamp: StampHash) -> Result<(), NotTaken> {
        match self.store.spend(StampKind::Session, stamp, self.now()).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(NotTaken::Rejected(Rejection::Spent)),
            Err(error) => Err(NotTaken::Store(error)),
        }
    }

    /// Gives a stamp back for which nothing was granted in the end.
    pub async fn give_back(&self, stamp: StampHash) {
        self.store.give_back(StampKind::Session, stamp).await;
    }

    fn now(&self) -> u64 {
        self.clock.time_of_day().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}
