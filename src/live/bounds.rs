//! What one network adds to the figures at most.

use crate::gate::network::{Network, WIDTHS};
use std::collections::HashMap;

/// The most that one network adds to the figures, in hashes per second: more than
/// a thousand phones at the real cost. A wider network has its multiple.
const HIGHEST_RATE_OF_A_NETWORK: f64 = 10_000.0;

/// The most that one network adds to the figures, in miners: a full building
/// behind one address. A wider network has its multiple.
const MOST_MINERS_OF_A_NETWORK: usize = 256;

/// Miners, and their hashes per second.
pub(super) type Strength = (usize, f64);

/// What all networks add up to, each of them bounded at every width.
pub(super) fn bounded_sum(by_network: HashMap<Network, Strength>) -> Strength {
    let mut strengths = by_network;
    for width in 0..WIDTHS {
        let mut wider: HashMap<Network, (Strength, u32)> = HashMap::new();
        for (network, (miners, rate)) in strengths {
            let (around, times) = network.widths().nth(width).unwrap_or((network, u32::MAX));
            let (sum, _) = wider.entry(around).or_insert(((0, 0.0), times));
            *sum = (sum.0 + miners, sum.1 + rate);
        }
        let bounded = |((miners, rate), times): (Strength, u32)| {
            let most = MOST_MINERS_OF_A_NETWORK.saturating_mul(times as usize);
            (miners.min(most), rate.min(HIGHEST_RATE_OF_A_NETWORK * f64::from(times)))
        };
        strengths = wider.into_iter().map(|(network, sum)| (network, bounded(sum))).collect();
    }
    strengths.into_values().fold((0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    #[test]
    fn a_network_adds_so_much_and_the_networks_around_it_a_multiple() {
        let ipv6 = |bits: u64| Network::from(IpAddr::from(Ipv6Addr::from(u128::from(bits) << 64)));
        let ipv4 = |bits: u32| Network::from(IpAddr::from(Ipv4Addr::from(bits)));
        let site = 0x2001_0db8_0001_0000_u64;
        let all = |networks: &mut dyn Iterator<Item = Network>| {
            bounded_sum(networks.map(|network| (network, (1000, 50_000.0))).collect())
        };
        assert_eq!(all(&mut [ipv4(1)].into_iter()), (256, 10_000.0));
        assert_eq!(all(&mut (0..256).map(ipv4)), (8 * 256, 80_000.0));
        assert_eq!(all(&mut (0..100).map(|n| ipv6(site | n))), (4 * 256, 40_000.0));
        assert_eq!(all(&mut (0..1000).map(|n| ipv6(site | n << 4))), (16 * 256, 160_000.0));
        assert_eq!(all(&mut (0..10).map(|n| ipv4(n << 8))), (10 * 256, 100_000.0), "unrelated networks");
        assert_eq!(bounded_sum(HashMap::new()), (0, 0.0));
    }
}
