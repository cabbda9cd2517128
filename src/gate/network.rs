//! Whom a limit is for.
//!
//! An address bounds nobody who has many. A household or a server is given an IPv4
//! address or an IPv6 /64, which is what a limit is for at first; but a /56 or a /48 is
//! no harder to get than a /64, and a /24 is rented like an address. So every limit
//! holds for the wider networks as well, with a multiple of what one network may have:
//! more than their honest networks need together, and far less than so many times as
//! much as they contain.

use std::net::{IpAddr, Ipv4Addr};

/// At how many widths a limit holds at most.
pub const WIDTHS: usize = 3;

/// The lengths of IPv4 prefixes, and how many times what one address may have is had by
/// all of a prefix together: a street of eight busy lecture halls.
const IPV4_WIDTHS: &[(u8, u32)] = &[(32, 1), (24, 8)];

/// The same for IPv6. A /56 is what a home is given and a /48 a site: both mostly use
/// a handful of their 256 and 65,536 networks.
const IPV6_WIDTHS: &[(u8, u32)] = &[(64, 1), (56, 4), (48, 16)];

/// An address without its last bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Network {
    /// So many bits of an IPv4 address, also when it comes as an IPv4-mapped IPv6 one.
    V4(Ipv4Addr, u8),
    /// So many of the first 64 bits of an IPv6 address.
    V6(u64, u8),
}

impl Network {
    /// The network and the wider ones around it, narrow to wide, each with how many
    /// times as much as one narrow network it may have.
    pub fn widths(self) -> impl Iterator<Item = (Self, u32)> {
        let widths = match self {
            Self::V4(..) => IPV4_WIDTHS,
            Self::V6(..) => IPV6_WIDTHS,
        };
        widths.iter().map(move |(length, times)| (self.cut(*length), *times))
    }

    /// The widest network around it that limits know.
    pub(crate) fn widest(self) -> Self {
        self.widths().last().map_or(self, |(widest, _)| widest)
    }

    /// True for an address or a /64, which no limit divides further.
    pub(crate) const fn is_narrow(self) -> bool {
        matches!(self, Self::V4(_, 32) | Self::V6(_, 64))
    }

    /// The first `length` bits.
    fn cut(self, length: u8) -> Self {
        match self {
            Self::V4(address, own) => {
                let length = own.min(length);
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or_default();
                Self::V4(Ipv4Addr::from(address.to_bits() & mask), length)
            }
            Self::V6(bits, own) => {
                let length = own.min(length);
                Self::V6(bits & u64::MAX.checked_shl(64 - u32::from(length)).unwrap_or_default(), length)
            }
        }
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address, 32),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6(u64::from_be_bytes([a, b, c, d, e, f, g, h]), 64)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv6Addr;

    fn network(text: &str) -> Network {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn a_network_is_an_ipv4_address_or_64_bits_of_ipv6() {
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("2001:db8:0:1::1"), network("2001:db8:0:1:ffff:ffff:ffff:ffff"));
        assert_ne!(network("2001:db8:0:1::1"), network("2001:db8:0:2::1"));
        assert_ne!(network("::1"), network("0.0.0.1"));
    }

    #[test]
    fn wider_networks_hold_the_narrow_ones_and_may_have_a_multiple() {
        let widths = |text: &str| network(text).widths().collect::<Vec<_>>();
        let wide = |text: &str, length| match network(text) {
            Network::V4(address, _) => Network::V4(address, length),
            Network::V6(bits, _) => Network::V6(bits, length),
        };
        assert_eq!(widths("192.0.2.77"), [(network("192.0.2.77"), 1), (wide("192.0.2.0", 24), 8)]);
        assert_eq!(
            widths("2001:db8:1:2345::1"),
            [(network("2001:db8:1:2345::"), 1), (wide("2001:db8:1:2300::", 56), 4), (wide("2001:db8:1::", 48), 16)]
        );
        assert!(WIDTHS >= IPV4_WIDTHS.len().max(IPV6_WIDTHS.len()));
    }

    proptest! {
        /// At every width two addresses are one network exactly if their first bits are
        /// equal, and whoever shares a narrow network shares all wider ones.
        #[test]
        fn networks_nest(bits: u64, flipped in 0_u32..64) {
            prop_assume!(0xffff < bits >> 32);
            let address = |bits: u64| IpAddr::from(Ipv6Addr::from(u128::from(bits) << 64));
            let (one, other) = (Network::from(address(bits)), Network::from(address(bits ^ (1 << flipped))));
            let mut shared = false;
            for ((one, _), (other, _)) in one.widths().zip(other.widths()) {
                prop_assert!(!shared || one == other);
                shared |= one == other;
                let Network::V6(_, length) = one else { unreachable!("it is IPv6") };
                prop_assert_eq!(one == other, flipped < 64 - u32::from(length));
            }
        }

        #[test]
        fn two_ipv6_addresses_are_one_network_exactly_if_their_first_halves_are_equal(
            high: u64, other: u64, low: u64, lower: u64,
        ) {
            let address = |high: u64, low: u64| IpAddr::from(Ipv6Addr::from(u128::from(high) << 64 | u128::from(low)));
            // The first half of 0 holds the IPv4-mapped addresses.
            prop_assume!(high != 0 && other != 0);
            prop_assert_eq!(Network::from(address(high, low)), Network::from(address(high, lower)));
            let same = Network::from(address(high, low)) == Network::from(address(other, low));
            prop_assert_eq!(same, high == other);
        }

        #[test]
        fn an_ipv4_address_is_the_same_network_however_it_is_written(bits: u32) {
            let address = Ipv4Addr::from(bits);
            let mapped = IpAddr::from(address.to_ipv6_mapped());
            prop_assert_eq!(Network::from(mapped), Network::V4(address, 32));
            prop_assert_eq!(Network::from(IpAddr::from(address)), Network::V4(address, 32));
        }
    }
}
