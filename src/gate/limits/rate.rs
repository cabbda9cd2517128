//! How often one network may do something.
//!
//! The generic cell rate algorithm (ITU-T I.371): a network's whole state is the
//! moment until which its past requests have used its share up. A full period's
//! worth may come at once; after that it grows back evenly.
//!
//! The table has a fixed size. A flood of addresses that each come once must not
//! push out the few that come often, so when it is full those go that are
//! nearest to having their share back; with that they lose nothing but a memory
//! of their least requests.

use crate::clock::Clock;
use crate::gate::network::Network;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How many networks are remembered; at some 40 bytes each, 4 MB.
const MOST_NETWORKS: usize = 100_000;

/// A limit of requests per period and network.
pub struct Rate {
    pace: Option<Pace>,
    clock: Arc<dyn Clock>,
    /// For each network the moment at which its share is whole again, if that
    /// lies ahead.
    whole_at: Mutex<HashMap<Network, Duration>>,
    most_networks: usize,
}

#[derive(Clone, Copy, Debug)]
struct Pace {
    /// What one request uses up.
    interval: Duration,
    /// How far ahead a network may be and still make a request.
    tolerance: Duration,
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
        f.debug_struct("Rate").field("pace", &self.pace).finish_non_exhaustive()
    }
}

impl Rate {
    /// At most `count` requests at once, and in the long run so many per
    /// `period`; 0 sets no limit.
    pub fn new(count: u32, period: Duration, clock: Arc<dyn Clock>) -> Self {
        let pace = (0 < count).then(|| {
            let interval = period / count;
            Pace { interval, tolerance: interval * (count - 1) }
        });
        Self { pace, clock, whole_at: Mutex::default(), most_networks: MOST_NETWORKS }
    }

    /// Counts a request of `address`.
    ///
    /// # Errors
    /// [`Exceeded`]; the request is then not counted.
    pub fn take(&self, address: IpAddr) -> Result<(), Exceeded> {
        let Some(pace) = self.pace else { return Ok(()) };
        let network = Network::from(address);
        let now = self.clock.now();
        let mut whole_at = self.lock();
        let whole = whole_at.get(&network).copied().unwrap_or_default().max(now);
        if now + pace.tolerance < whole {
            return Err(Exceeded { retry_after: whole - now - pace.tolerance });
        }
        if self.most_networks <= whole_at.len() && !whole_at.contains_key(&network) {
            forget_the_least(&mut whole_at, self.most_networks / 2, now);
        }
        whole_at.insert(network, whole + pace.interval);
        Ok(())
    }

    /// Takes a counted request back, which turned out to be none that counts.
    pub fn give_back(&self, address: IpAddr) {
        let Some(pace) = self.pace else { return };
        let mut whole_at = self.lock();
        if let Some(whole) = whole_at.get_mut(&address.into()) {
            *whole = whole.saturating_sub(pace.interval);
        }
    }

    /// How many networks are remembered.
    pub fn networks(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Network, Duration>> {
        self.whole_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets networks whose share is whole, and of the others all but the `most`
/// that have used most of it.
fn forget_the_least(whole_at: &mut HashMap<Network, Duration>, most: usize, now: Duration) {
    whole_at.retain(|_, whole| now < *whole);
    let surplus = whole_at.len().saturating_sub(most);
    if surplus == 0 {
        return;
    }
    let mut moments: Vec<Duration> = whole_at.values().copied().collect();
    let (_, last_to_go, _) = moments.select_nth_unstable(surplus - 1);
    let last_to_go = *last_to_go;
    // Many may be equal to the last: no more of them go than have to.
    let below = whole_at.values().filter(|whole| **whole < last_to_go).count();
    let mut equals_to_go = surplus - below;
    whole_at.retain(|_, whole| {
        let goes = *whole < last_to_go || (*whole == last_to_go && 0 < equals_to_go);
        if goes && *whole == last_to_go {
            equals_to_go -= 1;
        }
        !goes
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

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
    fn zero_is_no_limit_and_remembers_nobody() {
        let (_, rate) = rate(0);
        assert!((0..10_000).all(|_| rate.take(address(1)).is_ok()));
        rate.give_back(address(1));
        assert_eq!(rate.networks(), 0);
    }

    #[test]
    fn a_flood_of_addresses_is_forgotten_before_one_that_comes_often() {
        let (_, rate) = rate(10);
        while rate.take(address(0)).is_ok() {}
        for number in 1..=250_000_u64 {
            let stranger = Ipv6Addr::from((0x2001_0db8_u128 << 96) | (u128::from(number) << 64));
            assert_eq!(rate.take(stranger.into()), Ok(()), "a stranger is never refused for want of room");
            assert!(rate.networks() <= MOST_NETWORKS);
        }
        assert!(MOST_NETWORKS / 2 <= rate.networks());
        assert!(rate.take(address(0)).is_err(), "the flood must not wash the offender away");
    }

    #[test]
    fn those_whose_share_is_whole_go_first() {
        let (clock, rate) = rate(10);
        let rate = Rate { most_networks: 4, ..rate };
        for number in 0..4 {
            rate.take(address(number)).unwrap();
        }
        clock.advance(Duration::from_secs(6));
        rate.take(address(4)).unwrap();
        assert_eq!(rate.networks(), 1);
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

        #[test]
        fn as_many_are_kept_as_asked_for_and_they_are_the_greatest(
            moments in proptest::collection::vec(0_u64..20, 0..60), most in 0_usize..60, now in 0_u64..20,
        ) {
            let whole_at = |moments: &[u64]| -> HashMap<Network, Duration> {
                let pairs = moments.iter().zip(0_u32..);
                pairs.map(|(moment, n)| (address(n).into(), Duration::from_secs(*moment))).collect()
            };
            let mut kept = whole_at(&moments);
            forget_the_least(&mut kept, most, Duration::from_secs(now));
            let mut expected: Vec<u64> = moments.into_iter().filter(|moment| now < *moment).collect();
            expected.sort_unstable_by(|a, b| b.cmp(a));
            expected.truncate(most);
            let mut kept: Vec<u64> = kept.values().map(Duration::as_secs).collect();
            kept.sort_unstable_by(|a, b| b.cmp(a));
            prop_assert_eq!(kept, expected);
        }
    }
}
