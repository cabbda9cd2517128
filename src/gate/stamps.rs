//! Session stamps: judged by their text first, then spent, once.
//!
//! The race's gate uses this as well as the lobby. Who remembers what is spent is
//! not decided here: see [`SpentStamps`]. A stamp that is wrong in itself never gets
//! that far.

use super::price::Price;
use crate::clock::Clock;
use futures::future::BoxFuture;
use puzzle::stamp::{Bits, Rejection, StampHash, Timestamp, session};
use std::{sync::Arc, time::UNIX_EPOCH};

/// Remembers which session stamps are spent, for as long as they could come again.
pub trait SpentStamps: Send + Sync + 'static {
    /// Spends a stamp at the time of day `now`, in seconds since 1970: true if it was
    /// not spent before. Of many calls at once exactly one is told true, and only when
    /// that can no longer be forgotten.
    fn spend(&self, stamp: StampHash, now: u64) -> BoxFuture<'_, Result<bool, SpendError>>;

    /// Makes a stamp good again for which nothing was granted in the end.
    fn give_back(&self, stamp: StampHash) -> BoxFuture<'_, ()>;
}

/// Why a stamp could not be spent, although it may be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpendError {
    /// Too many wait already.
    #[error("too many stamps are being spent: try again in a moment")]
    Busy,
    /// What remembers them does not answer; the log says more.
    #[error("spent stamps cannot be looked up: try again in a moment")]
    Failed,
}

/// What stamps must be, and which are spent.
#[derive(Clone)]
pub struct Stamps {
    spent: Arc<dyn SpentStamps>,
    bits: Bits,
    price: Arc<Price>,
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
    NotSpent(SpendError),
}

impl Stamps {
    /// Stamps of so many bits for a server of this name; `spent` remembers them.
    pub fn new(spent: impl SpentStamps, bits: Bits, resource: String, clock: Arc<dyn Clock>) -> Self {
        Self { spent: Arc::new(spent), bits, price: Arc::default(), resource, clock }
    }

    /// The same stamps at a price that rises under attack.
    #[must_use]
    pub fn at_price(self, price: Arc<Price>) -> Self {
        Self { price, ..self }
    }

    /// What a stamp must have; none is asked for if zero. It rises under attack, unless
    /// none is asked for at all.
    pub fn bits(&self) -> Bits {
        self.with(self.price.added())
    }

    /// True while a stamp costs more than usual.
    pub fn is_raised(&self) -> bool {
        !self.bits.is_none() && 0 < self.price.added()
    }

    fn with(&self, added: u8) -> Bits {
        if self.bits.is_none() {
            return self.bits;
        }
        Bits::new(self.bits.get().saturating_add(added)).unwrap_or(Bits::MAX)
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
        session::check(stamp, self.with(self.price.added_of_late()), &self.resource, Timestamp(self.now()))
    }

    /// Spends a stamp that was judged. Of many at once exactly one succeeds.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub async fn spend(&self, stamp: StampHash) -> Result<(), NotTaken> {
        match self.spent.spend(stamp, self.now()).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(NotTaken::Rejected(Rejection::Spent)),
            Err(error) => Err(NotTaken::NotSpent(error)),
        }
    }

    /// Gives a stamp back for which nothing was granted in the end.
    pub async fn give_back(&self, stamp: StampHash) {
        self.spent.give_back(stamp).await;
    }

    fn now(&self) -> u64 {
        self.clock.time_of_day().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{clock::ManualClock, gate::price::Pressure};
    use std::time::Duration;

    /// Knows of no stamp that is spent.
    pub(in crate::gate) struct Forgetful;

    impl SpentStamps for Forgetful {
        fn spend(&self, _: StampHash, _: u64) -> BoxFuture<'_, Result<bool, SpendError>> {
            Box::pin(async { Ok(true) })
        }

        fn give_back(&self, _: StampHash) -> BoxFuture<'_, ()> {
            Box::pin(async {})
        }
    }

    #[test]
    fn bits_rise_and_fall_with_the_price_but_not_where_none_are_asked_for() {
        let price = Arc::new(Price::default());
        let stamps = |bits| {
            let bits = Bits::new(bits).unwrap();
            let stamps = Stamps::new(Forgetful, bits, "hashpass".into(), Arc::new(ManualClock::default()));
            stamps.at_price(price.clone())
        };
        let (usual, none, dearest) = (stamps(20), stamps(0), stamps(40));
        let all = || [&usual, &none, &dearest].map(|stamps| (stamps.bits().get(), stamps.is_raised()));
        let observe = |fullest_table, second| {
            let oldest_submission = Duration::ZERO;
            price.observe(Pressure { fullest_table, oldest_submission }, Duration::from_secs(second));
        };
        assert_eq!(all(), [(20, false), (0, false), (40, false)]);
        observe(1.0, 10);
        observe(1.0, 20);
        assert_eq!(all(), [(22, true), (0, false), (40, true)]);
        observe(0.0, 30);
        observe(0.0, 40);
        assert_eq!(all(), [(20, false), (0, false), (40, false)]);
    }
}
