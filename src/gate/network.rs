//! Whom a limit is for.

use std::net::{IpAddr, Ipv4Addr};

/// One household or one server, as far as addresses tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// One IPv4 address, also when it comes as an IPv4-mapped IPv6 one.
    V4(Ipv4Addr),
    /// The first 64 bits of IPv6 addresses.
    V6([u8; 8]),
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
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

    proptest! {
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
            prop_assert_eq!(Network::from(mapped), Network::V4(address));
            prop_assert_eq!(Network::from(IpAddr::from(address)), Network::V4(address));
        }
    }
}
