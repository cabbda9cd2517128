//! How often one network may do something: [`Allowances`] behind a lock, with a clock.

use super::allowances::Allowances;
use crate::{clock::Clock, lock::lock};
use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

/// A limit of requests per period and network.
pub struct Rate {
    /// `None` if there is no limit.
    allowances: Mutex<Option<Allowances>>,
    period: Duration,
    clock: Arc<dyn Clock>,
}

/// The network has used its share up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests")]
pub struct Exceeded {
    /// When one more request will be allowed.
    pub retry_after: Duration,
}

impl std::fmt::Debug for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rate").field("is_limited", &lock(&self.allowances).is_some()).finish_non_exhaustive()
    }
}

impl Rate {
    /// At most `count` requests at once, and in the long run so many per
    /// `period`; 0 sets no limit.
    pub fn new(count: u32, period: Duration, clock: Arc<dyn Clock>) -> Self {
        let allowances = Mutex::new((0 < count).then(|| Allowances::new(count, period)));
        Self { allowances, period, clock }
    }

    /// Another count from now on. The part of its share that a network has used up stays
    /// used up; 0 sets no limit, and forgets that.
    pub fn set_count(&self, count: u32) {
        let mut allowances = lock(&self.allowances);
        match &mut *allowances {
            Some(allowances) if 0 < count => allowances.set_count(count),
            _ => *allowances = (0 < count).then(|| Allowances::new(count, self.period)),
        }
    }

    /// Counts a request of `address`.
    ///
    /// # Errors
    /// [`Exceeded`]; the request is then not counted.
    pub fn take(&self, address: IpAddr) -> Result<(), Exceeded> {
        let now = self.clock.now();
        let mut allowances = lock(&self.allowances);
        let Some(allowances) = &mut *allowances else { return Ok(()) };
        allowances.take(address.into(), now).map_err(|retry_after| Exceeded { retry_after })
    }

    /// Takes a counted request back, which turned out to be none that counts.
    pub fn give_back(&self, address: IpAddr) {
        if let Some(allowances) = &mut *lock(&self.allowances) {
            allowances.give_back(address.into());
        }
    }

    /// How many networks are remembered.
    pub fn networks(&self) -> usize {
        lock(&self.allowances).as_ref().map_or(0, Allowances::networks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    const MINUTE: Duration = Duration::from_secs(60);

    fn rate(count: u32) -> (Arc<ManualClock>, Rate) {
        let clock = Arc::new(ManualClock::default());
        (clock.clone(), Rate::new(count, MINUTE, clock))
    }

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    #[test]
    fn a_full_share_may_come_at_once_and_grows_back_evenly() {
        let (clock, rate) = rate(60);
        let granted = |tries: u32| (0..tries).filter(|_| rate.take(address(1)).is_ok()).count();
        assert_eq!(granted(100), 60);
        assert_eq!(rate.take(address(1)), Err(Exceeded { retry_after: Duration::from_secs(1) }));
        assert_eq!(rate.take(address(2)), Ok(()), "others are not affected");
        clock.advance(Duration::from_millis(1500));
        assert_eq!(granted(100), 1);
        assert_eq!(rate.take(address(1)), Err(Exceeded { retry_after: Duration::from_millis(500) }));
        clock.advance(10 * MINUTE);
        assert_eq!(granted(100), 60);
    }

    #[test]
    fn what_is_given_back_was_never_counted() {
        let (_, rate) = rate(2);
        for _ in 0..100 {
            rate.take(address(1)).unwrap();
            rate.give_back(address(1));
        }
        rate.give_back(address(2));
        for number in [1, 2] {
            assert_eq!((0..9).filter(|_| rate.take(address(number)).is_ok()).count(), 2, "{number}");
        }
    }

    #[test]
    fn another_count_holds_at_once_and_forgives_nothing() {
        let (clock, rate) = rate(10);
        let granted = |number| (0..1000).filter(|_| rate.take(address(number)).is_ok()).count();
        assert_eq!(granted(1), 10);
        for (count, fresh) in [(2, 2), (100, 100), (60, 60)] {
            rate.set_count(count);
            assert_eq!((granted(1), granted(count)), (0, fresh), "its share is used up");
        }
        clock.advance(Duration::from_secs(1));
        assert_eq!(granted(1), 1, "and grows back at the new rate");
        rate.set_count(0);
        assert_eq!((granted(1), rate.networks()), (1000, 0));
        rate.set_count(3);
        assert_eq!(granted(1), 3);
    }

    #[test]
    fn zero_is_no_limit_and_remembers_nobody() {
        let (_, rate) = rate(0);
        assert!((0..10_000).all(|_| rate.take(address(1)).is_ok()));
        rate.give_back(address(1));
        assert_eq!(rate.networks(), 0);
    }

    proptest! {
        /// Over any span of time no more passes than a full share and what grew
        /// back meanwhile, and whoever waits as long as asked is let through.
        #[test]
        fn no_pattern_of_requests_gets_more_than_its_share(
            count in 1_u32..50, steps in proptest::collection::vec((0_u64..5_000, 1_u32..20), 1..60),
        ) {
            let (clock, rate) = rate(count);
            let (mut granted, mut elapsed) = (0_u64, 0_u64);
            for (wait_ms, tries) in steps {
                clock.advance(Duration::from_millis(wait_ms));
                elapsed += wait_ms;
                granted += (0..tries).filter(|_| rate.take(address(1)).is_ok()).count() as u64;
                // The interval is rounded down to a whole nanosecond.
                prop_assert!(granted <= u64::from(count) + elapsed * u64::from(count) / 60_000 + 1);
            }
            if let Err(Exceeded { retry_after }) = rate.take(address(1)) {
                prop_assert!(retry_after <= MINUTE / count);
                clock.advance(retry_after + Duration::from_millis(1));
                prop_assert_eq!(rate.take(address(1)), Ok(()));
            }
        }
    }
}
