//! How often networks may do something, as a value without a clock and without locks.
//!
//! The generic cell rate algorithm (ITU-T I.371): a network's whole state is the
//! moment until which its past requests have used its share up. A full period's
//! worth may come at once; after that it grows back evenly. The same holds at every
//! width of a network ([`Network::widths`]): who has many narrow networks has no more
//! than the multiple of the wide one that they are in.
//!
//! The tables have a fixed size. A flood of addresses that each come once must not
//! push out the few that come often, so when one is full those go that are
//! nearest to having their share back; with that they lose nothing but a memory
//! of their least requests.

use crate::gate::{
    network::{Network, WIDTHS},
    table::{insert_within, keep_greatest, share_to_go},
};
use std::{collections::HashMap, time::Duration};

/// How many networks are remembered of each width; at some 40 bytes each, 4 MB.
const MOST_NETWORKS: usize = 100_000;

/// A limit of requests per period and network, with what was used of it.
#[derive(Debug)]
pub(crate) struct Allowances {
    count: u32,
    period: Duration,
    /// For each width and network the moment at which its share is whole again, if that
    /// lies ahead.
    whole_at: [HashMap<Network, Duration>; WIDTHS],
    most_networks: usize,
}

/// What one width allows.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// What one request uses up.
    interval: Duration,
    /// How far ahead a network may be and still make a request.
    tolerance: Duration,
}

impl Allowances {
    /// At most `count` requests at once, at least one, and in the long run so many per
    /// `period`, for one narrow network; a wider one has its multiple of that.
    pub(crate) fn new(count: u32, period: Duration) -> Self {
        Self { count: count.max(1), period, whole_at: Default::default(), most_networks: MOST_NETWORKS }
    }

    /// Another count from now on, at least one. What part of its share a network has used
    /// up stays as it is.
    pub(crate) fn set_count(&mut self, count: u32) {
        self.count = count.max(1);
    }

    fn pace(&self, times: u32) -> Pace {
        let count = self.count.saturating_mul(times);
        let interval = self.period / count;
        Pace { interval, tolerance: interval * (count - 1) }
    }

    /// Whether `network` may make a request, without counting one.
    ///
    /// # Errors
    /// How long it has to wait.
    pub(crate) fn check(&self, network: Network, now: Duration) -> Result<(), Duration> {
        let waits = network.widths().zip(&self.whole_at).map(|((network, times), whole_at)| {
            let whole = whole_at.get(&network).copied().unwrap_or_default();
            whole.saturating_sub(now + self.pace(times).tolerance)
        });
        match waits.max().unwrap_or_default() {
            Duration::ZERO => Ok(()),
            wait => Err(wait),
        }
    }

    /// Counts a request of `network`.
    ///
    /// # Errors
    /// How long it has to wait; the request is then not counted.
    pub(crate) fn take(&mut self, network: Network, now: Duration) -> Result<(), Duration> {
        self.check(network, now)?;
        for (place, (network, times)) in network.widths().enumerate() {
            let interval = self.pace(times).interval;
            let Some(whole_at) = self.whole_at.get_mut(place) else { break };
            let whole = whole_at.get(&network).copied().unwrap_or_default().max(now);
            if self.most_networks <= whole_at.len() && !whole_at.contains_key(&network) {
                whole_at.retain(|_, whole| now < *whole);
                keep_greatest(whole_at, self.most_networks - share_to_go(self.most_networks), |whole| *whole);
            }
            insert_within(whole_at, self.most_networks, network, whole + interval, |whole| *whole);
        }
        Ok(())
    }

    /// Takes a counted request back, which turned out to be none that counts.
    pub(crate) fn give_back(&mut self, network: Network) {
        for (place, (network, times)) in network.widths().enumerate() {
            let interval = self.pace(times).interval;
            if let Some(whole) = self.whole_at.get_mut(place).and_then(|whole_at| whole_at.get_mut(&network)) {
                *whole = whole.saturating_sub(interval);
            }
        }
    }

    /// Forgets all whose share is whole.
    pub(crate) fn forget_the_whole(&mut self, now: Duration) {
        for whole_at in &mut self.whole_at {
            whole_at.retain(|_, whole| now < *whole);
        }
    }

    /// How many narrow networks are remembered.
    pub(crate) fn networks(&self) -> usize {
        self.whole_at.first().map_or(0, HashMap::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    const MINUTE: Duration = Duration::from_secs(60);

    fn address(number: u32) -> Network {
        IpAddr::from(Ipv4Addr::from(number)).into()
    }

    fn ipv6(first_half: u64) -> Network {
        IpAddr::from(Ipv6Addr::from(u128::from(first_half) << 64)).into()
    }

    #[test]
    fn many_narrow_networks_have_no_more_than_the_wide_one_that_they_are_in() {
        let granted = |networks: &mut dyn Iterator<Item = Network>| {
            let mut all = Allowances::new(10, MINUTE);
            networks.filter(|network| (0..20).filter(|_| all.take(*network, MINUTE).is_ok()).count() == 10).count()
        };
        const SITE: u64 = 0x2001_0db8_0000_0000;
        assert_eq!(granted(&mut (0..256).map(|n| ipv6(SITE | n))), 4, "of a /56");
        assert_eq!(granted(&mut (0..256).map(|n| ipv6(SITE | n << 8))), 16, "of a /48");
        assert_eq!(granted(&mut (0..256).map(|n| ipv6(SITE + (n << 16)))), 256, "of as many /48s");
        assert_eq!(granted(&mut (0..256).map(|n| address(0xc000_0200 | n))), 8, "of a /24");
        assert_eq!(granted(&mut (0..256).map(|n| address(n << 8))), 256, "of as many /24s");
    }

    #[test]
    fn a_flood_of_addresses_is_forgotten_before_one_that_comes_often() {
        let mut all = Allowances::new(10, MINUTE);
        while all.take(address(0), MINUTE).is_ok() {}
        for number in 1..=250_000_u64 {
            assert_eq!(all.take(ipv6(0x20 << 56 | number << 16), MINUTE), Ok(()), "a stranger always finds room");
            assert!(all.networks() <= MOST_NETWORKS);
        }
        assert!(MOST_NETWORKS / 2 <= all.networks());
        assert!(all.take(address(0), MINUTE).is_err(), "the flood must not wash the offender away");
    }

    #[test]
    fn those_whose_share_is_whole_go_first() {
        let mut all = Allowances { most_networks: 4, ..Allowances::new(10, MINUTE) };
        for number in 0..4 {
            all.take(address(number), MINUTE).unwrap();
        }
        all.take(address(4), MINUTE + Duration::from_secs(6)).unwrap();
        assert_eq!(all.networks(), 1);
    }

    proptest! {
        /// Whatever an attacker sends from all of a /48, it gets no more than the /48's
        /// multiple and what grew back, and somebody elsewhere is let through.
        #[test]
        fn no_choice_of_networks_gets_more_than_the_widest_may_have(
            count in 1_u32..20, steps in proptest::collection::vec((0_u64..5_000, proptest::collection::vec(0_u64..65_536, 1..40)), 1..30),
        ) {
            let mut all = Allowances::new(count, MINUTE);
            let (mut granted, mut elapsed) = (0_u64, 0_u64);
            for (wait_ms, sources) in steps {
                elapsed += wait_ms;
                let now = MINUTE + Duration::from_millis(elapsed);
                let site = 0x2001_0db8_0001_0000_u64;
                granted += sources.iter().filter(|n| all.take(ipv6(site | **n), now).is_ok()).count() as u64;
                let most = 16 * u64::from(count);
                prop_assert!(granted <= most + elapsed * most / 60_000 + 1);
            }
            prop_assert_eq!(all.take(ipv6(0x2001_0db8_0002_0000), MINUTE + Duration::from_millis(elapsed)), Ok(()));
        }

        #[test]
        fn whoever_waits_as_long_as_told_is_let_through(count in 1_u32..50, sources in proptest::collection::vec(0_u64..4, 1..300)) {
            let mut all = Allowances::new(count, MINUTE);
            let waits = sources.iter().filter_map(|n| all.take(ipv6(0x2001 << 48 | *n), MINUTE).err().map(|wait| (*n, wait))).last();
            if let Some((n, wait)) = waits {
                prop_assert!(wait <= MINUTE / count);
                prop_assert_eq!(all.take(ipv6(0x2001 << 48 | n), MINUTE + wait), Ok(()));
            }
        }
    }
}
