//! How much one client may ask for.
//!
//! A client is known by its network: an IPv4 address, or the first 64 bits of an
//! IPv6 address, which is what one household or one server is given. Behind one
//! such network there may be a lecture hall or a whole carrier, so the limits are
//! there to stop floods and not to meter people: hundreds of honest visitors at
//! one address must not notice them. Every limit holds for the wider networks around
//! it too, with a multiple ([`Network::widths`](super::network::Network::widths)).
//!
//! What is counted is what costs us something: requests (time), sessions (memory),
//! human checks that fail (a call to Cloudflare each), solutions that reach the
//! verifier (a hash each), and open sockets. Neither counting nor refusing may become a cost
//! of its own: everything here is one look into a bounded table.

mod allowances;
mod bucket;
mod places;
mod rate;

pub(crate) use allowances::Allowances;
pub(crate) use bucket::Bucket;
pub use places::{Crowded, Notice, Place, Places};
pub use rate::{Exceeded, Rate};

use super::settings::LimitSettings;
use crate::clock::Clock;
use std::{sync::Arc, time::Duration};

/// A socket on which nothing was heard for so long is idle. Every live one answers a
/// ping each 20 seconds.
const PATIENCE_WITH_SOCKETS: Duration = Duration::from_secs(45);

/// How many are told at once, on a WebSocket, that they may have none: all together, and
/// those of one network. They take nobody's place.
const MOST_REFUSED: usize = 256;
const MOST_REFUSED_OF_A_NETWORK: usize = 16;

/// The limits at work.
#[derive(Debug)]
pub struct AddressLimits {
    /// Requests of any kind, for pages and files as well.
    pub requests: Rate,
    /// New sessions.
    pub sessions: Rate,
    /// Human checks that failed or have not been answered yet.
    pub checks: Rate,
    /// Submissions that are worth a hash.
    pub submissions: Rate,
    /// Open WebSockets.
    pub sockets: Arc<Places>,
    /// WebSockets on which nothing is said but why they are not to be, a few seconds long.
    pub refused_sockets: Arc<Places>,
}

impl AddressLimits {
    /// Nobody has asked for anything yet.
    pub fn new(settings: LimitSettings, clock: &Arc<dyn Clock>) -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        let rate = |count, period| Rate::new(count, period, clock.clone());
        Self {
            requests: rate(requests_at_once(settings), Duration::from_secs(10)),
            sessions: rate(settings.sessions_per_hour, 60 * MINUTE),
            checks: rate(settings.failed_checks_per_minute, MINUTE),
            submissions: rate(settings.submissions_per_minute, MINUTE),
            sockets: Places::new(settings.sockets_per_address, settings.sockets_in_all, PATIENCE_WITH_SOCKETS),
            refused_sockets: Places::new(MOST_REFUSED_OF_A_NETWORK, MOST_REFUSED, Duration::ZERO),
        }
    }

    /// Other limits from now on; what was counted stays counted.
    pub fn set(&self, settings: LimitSettings) {
        self.requests.set_count(requests_at_once(settings));
        self.sessions.set_count(settings.sessions_per_hour);
        self.checks.set_count(settings.failed_checks_per_minute);
        self.submissions.set_count(settings.submissions_per_minute);
        self.sockets.set_limits(settings.sockets_per_address, settings.sockets_in_all);
    }
}

/// Ten seconds' worth of requests may come at once: a hall that opens the page together
/// loads all of its files together.
const fn requests_at_once(settings: LimitSettings) -> u32 {
    settings.requests_per_second.saturating_mul(10)
}
