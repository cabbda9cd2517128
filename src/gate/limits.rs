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

use super::settings::LimitSettings;
use crate::clock::Clock;
use std::{sync::Arc, time::Duration};

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
