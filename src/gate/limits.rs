//! How much one client may ask for.
//!
//! A client is known by its network: an IPv4 address, or the first 64 bits of an
//! IPv6 address, which is what one household or one server is given. Behind one
//! such network there may be a lecture hall or a whole carrier, so the limits are
//! there to stop floods and not to meter people: hundreds of honest visitors at
//! one address must not notice them.
//!
//! What is counted is what costs us something: sessions (memory), human checks
//! that fail (a call to Cloudflare each), solutions that reach the verifier (a
//! hash each), and open sockets. Neither counting nor refusing may become a cost
//! of its own: everything here is one look into a bounded table.

mod bucket;
mod places;
mod rate;

pub(crate) use bucket::Bucket;
pub use places::{Crowded, Place, Places};
pub use rate::{Exceeded, Rate};

use super::LimitSettings;
use crate::clock::Clock;
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

/// Whom a limit is for.
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

/// The limits at work.
#[derive(Debug)]
pub struct AddressLimits {
    /// New sessions.
    pub sessions: Rate,
    /// Human checks that failed or have not been answered yet.
    pub checks: Rate,
    /// Submissions that are worth a hash.
    pub submissions: Rate,
    /// Open WebSockets.
    pub sockets: Arc<Places>,
}

impl AddressLimits {
    /// Nobody has asked for anything yet.
    pub fn new(settings: LimitSettings, clock: &Arc<dyn Clock>) -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        let rate = |count, period| Rate::new(count, period, clock.clone());
        Self {
            sessions: rate(settings.sessions_per_hour, 60 * MINUTE),
            checks: rate(settings.failed_checks_per_minute, MINUTE),
            submissions: rate(settings.submissions_per_minute, MINUTE),
            sockets: Places::new(settings.sockets_per_address, settings.sockets_in_all),
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
