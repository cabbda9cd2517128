//! Proof that somebody mines.
//!
//! Anybody can say that they mine. Whoever does also meets, now and then, a hash
//! that is rare enough to be shown: a *share*. It costs [`share_target`]'s inverse,
//! sixteen tries on average, to make and one to check, whatever the difficulty of
//! the round. A phone with one hash a second has one in sixteen seconds.
//!
//! Here is what makes a share and how often one is due; who believes whom for how
//! long is the server's to keep.

use crate::target::Target;
use std::time::Duration;

/// A share is a hash below this: 2^252, or one hash in sixteen.
pub fn share_target() -> Target {
    Target::from_fraction(1.0 / 16.0)
}

/// How often a miner proves its work, and how long a proof holds: all derived
/// from one interval, that server and miners must agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofInterval(Duration);

impl ProofInterval {
    /// A minute.
    pub const DEFAULT: Self = Self(Duration::from_secs(60));

    /// Shares are due once in so long.
    pub const fn new(interval: Duration) -> Self {
        Self(interval)
    }

    /// From one share to the next.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// How long a session that has just begun to mine is believed without proof:
    /// one interval, which is four times what the slowest phone needs for a share.
    pub const fn probation(self) -> Duration {
        self.0
    }

    /// How long a proof holds: three intervals, so that two shares may get lost.
    pub fn proof_lifetime(self) -> Duration {
        self.0 * 3
    }

    /// A share that comes sooner after the last one is not looked at.
    pub fn shortest(self) -> Duration {
        self.0 / 4
    }

    /// Between two probations of one session or one network, and how long a
    /// session that left is remembered: sixty intervals.
    pub fn memory(self) -> Duration {
        self.0 * 60
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_one_hash_in_sixteen() {
        assert_eq!(share_target().to_string(), format!("1{}", "0".repeat(63)));
        assert_eq!(share_target().expected_hashes(), 16.0);
    }

    #[test]
    fn two_shares_may_get_lost_and_the_slowest_phone_has_time_for_its_first() {
        let interval = ProofInterval::DEFAULT;
        assert!(2 * interval.get() < interval.proof_lifetime());
        assert!(3.0 * share_target().expected_hashes() <= interval.probation().as_secs_f64());
        assert!(interval.shortest() < interval.get() && interval.probation() < interval.memory());
    }
}
