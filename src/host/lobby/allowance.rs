//! How often somebody may do something: token buckets.

use crate::host::gate::limits::Network;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// A bucket that fills at a steady rate up to its burst. It may go into debt: then
/// it says how long whoever took from it has to wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    level: f64,
    at: Duration,
}

impl Bucket {
    /// A full bucket.
    pub(super) const fn full(burst: f64, now: Duration) -> Self {
        Self { level: burst, at: now }
    }

    fn fill(&mut self, rate: f64, burst: f64, now: Duration) {
        self.level = (self.level + now.saturating_sub(self.at).as_secs_f64() * rate).min(burst);
        self.at = now;
    }

    /// Takes one if there is one.
    ///
    /// # Errors
    /// How long until there is one.
    pub(super) fn take(&mut self, rate: f64, burst: f64, now: Duration) -> Result<(), Duration> {
        self.take_with_debt(rate, burst, Duration::ZERO, now).map(|_| ())
    }

    /// Takes one, into debt if need be, and says how long to wait before using it.
    ///
    /// # Errors
    /// How long until the wait would be no longer than `patience`.
    pub(super) fn take_with_debt(
        &mut self,
        rate: f64,
        burst: f64,
        patience: Duration,
        now: Duration,
    ) -> Result<Duration, Duration> {
        self.fill(rate, burst, now);
        let wait = Duration::from_secs_f64(((1.0 - self.level) / rate).max(0.0));
        if patience < wait {
            return Err(wait - patience);
        }
        self.level -= 1.0;
        Ok(wait)
    }

    /// Puts one back that was not used.
    pub(super) fn put_back(&mut self) {
        self.level += 1.0;
    }

    /// True if the bucket has filled up by `now`.
    fn is_full(&self, rate: f64, burst: f64, now: Duration) -> bool {
        let mut later = *self;
        later.fill(rate, burst, now);
        burst <= later.level
    }
}

/// Attempts per second and at once from one address.
const RATE: f64 = 1.0;
const BURST: f64 = 5.0;

/// How many networks are remembered; beyond, nobody new may try.
const MOST_NETWORKS: usize = 100_000;

/// A bucket for every [`Network`] that was seen lately: a household has all of its
/// addresses.
#[derive(Debug, Default)]
pub(super) struct Allowances {
    by_network: Mutex<HashMap<Network, Bucket>>,
}

impl Allowances {
    /// Takes one for an address.
    ///
    /// # Errors
    /// How long until there is one.
    pub(super) fn take(&self, address: IpAddr, now: Duration) -> Result<(), Duration> {
        let mut buckets = self.by_network.lock().unwrap_or_else(PoisonError::into_inner);
        if MOST_NETWORKS <= buckets.len() {
            buckets.retain(|_, bucket| !bucket.is_full(RATE, BURST, now));
            if MOST_NETWORKS <= buckets.len() {
                return Err(Duration::from_secs(5));
            }
        }
        buckets.entry(address.into()).or_insert_with(|| Bucket::full(BURST, now)).take(RATE, BURST, now)
    }

    /// Forgets the addresses that have been quiet.
    pub(super) fn clean(&self, now: Duration) {
        let mut buckets = self.by_network.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.retain(|_, bucket| !bucket.is_full(RATE, BURST, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_a_burst_refills_and_tells_the_wait() {
        let mut bucket = Bucket::full(2.0, Duration::ZERO);
        assert_eq!(bucket.take(1.0, 2.0, Duration::ZERO), Ok(()));
        assert_eq!(bucket.take(1.0, 2.0, Duration::ZERO), Ok(()));
        assert_eq!(bucket.take(1.0, 2.0, Duration::ZERO), Err(Duration::from_secs(1)));
        assert_eq!(bucket.take(1.0, 2.0, Duration::from_secs(1)), Ok(()));
        bucket.put_back();
        assert_eq!(bucket.take(1.0, 2.0, Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn debt_delays_and_ends() {
        let mut bucket = Bucket::full(1.0, Duration::ZERO);
        let mut take = || bucket.take_with_debt(2.0, 1.0, Duration::from_secs(1), Duration::ZERO);
        let milliseconds = Duration::from_millis;
        assert_eq!(take(), Ok(Duration::ZERO));
        assert_eq!(take(), Ok(milliseconds(500)));
        assert_eq!(take(), Ok(milliseconds(1000)));
        assert_eq!(take(), Err(milliseconds(500)));
    }

    #[test]
    fn addresses_have_buckets_of_their_own_and_households_share_one() {
        let (allowances, now) = (Allowances::default(), Duration::ZERO);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for _ in 0..5 {
            assert!(allowances.take(ip("2001:db8::1"), now).is_ok());
        }
        assert_eq!(allowances.take(ip("2001:db8::2"), now), Err(Duration::from_secs(1)));
        assert!(allowances.take(ip("2001:db8:0:1::1"), now).is_ok());
        assert!(allowances.take(ip("192.0.2.1"), now).is_ok());
        allowances.clean(Duration::from_secs(5));
        assert!(allowances.by_network.lock().unwrap().is_empty());
    }
}
