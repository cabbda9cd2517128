//! How many submissions of newcomers are verified or wait for it at once.
//!
//! A newcomer is a session that has shown no work yet, and anybody may have
//! thousands of those. As wins are decided in order of arrival, everybody waits for
//! every newcomer who came before, true or false. So while newcomers are honest many
//! may come at once, each false hash halves their number, down to one, and time
//! without false hashes restores it. It is the number that shrinks, not the order:
//! whoever has been let in keeps its place.
//!
//! One network alone cannot keep the others out: some of the places are not for it, and
//! when its newcomers have handed in so many false hashes, no more are let in until that
//! is some time ago.

use crate::gate::{limits::Allowances, network::Network};
use std::time::Duration;

/// While nobody deceives: more than a hall of programs that all find something in
/// the same second. On one thread, that many false hashes are computed in three.
const MOST: usize = 64;

/// So long without a false hash doubles the number.
const RECOVERY_TIME: Duration = Duration::from_secs(10);

/// How many false hashes of one network's newcomers are computed within a minute. Wider
/// networks have a multiple.
const FALSE_HASHES_OF_A_NETWORK: u32 = 16;

/// How many newcomers are let in.
#[derive(Debug)]
pub(super) struct Newcomers {
    most: usize,
    /// When a newcomer deceived us last, or the number was doubled last.
    changed: Duration,
    false_hashes: Allowances,
}

impl Default for Newcomers {
    fn default() -> Self {
        let false_hashes = Allowances::new(FALSE_HASHES_OF_A_NETWORK, Duration::from_secs(60));
        Self { most: MOST, changed: Duration::ZERO, false_hashes }
    }
}

impl Newcomers {
    /// How many may be verified or wait for it at once; at least one.
    pub(super) const fn most(&self) -> usize {
        self.most
    }

    /// How many of them may be of one network: an eighth of the places, and at least one
    /// where there are two, is for others. No more than that, as the hall may be all of
    /// them.
    pub(super) fn most_of_a_network(&self) -> usize {
        self.most.saturating_sub((self.most / 8).max(1)).max(1)
    }

    /// How long the newcomers of a network have to wait, if too many of its hashes were
    /// false.
    pub(super) fn must_wait(&self, network: Network, now: Duration) -> Option<Duration> {
        self.false_hashes.check(network, now).err()
    }

    /// The hash of a newcomer from `network` was false.
    pub(super) fn deceived(&mut self, network: Network, now: Duration) {
        self.most = (self.most / 2).max(1);
        self.changed = now;
        // Of those that were let in together, a few more may be false than are allowed.
        let _ = self.false_hashes.take(network, now);
    }

    /// To be called a few times a second.
    pub(super) fn recover(&mut self, now: Duration) {
        if self.most < MOST && self.changed + RECOVERY_TIME <= now {
            self.most *= 2;
            self.changed = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn network(last: u8) -> Network {
        IpAddr::from([192, 0, 2, last]).into()
    }

    #[test]
    fn a_network_whose_hashes_are_false_waits_and_no_other_does() {
        let mut newcomers = Newcomers::default();
        let now = Duration::from_secs(60);
        let deceived = (0..).take_while(|_| {
            newcomers.deceived(network(1), now);
            newcomers.must_wait(network(1), now).is_none()
        });
        assert_eq!(deceived.count(), 15);
        assert_eq!(newcomers.must_wait(network(2), now), None);
        let wait = newcomers.must_wait(network(1), now).unwrap();
        assert!(wait <= Duration::from_secs(4), "{wait:?}");
        assert_eq!(newcomers.must_wait(network(1), now + wait), None);
    }

    #[test]
    fn each_false_hash_halves_the_number_and_time_restores_it() {
        let mut newcomers = Newcomers::default();
        let second = Duration::from_secs;
        for most in [32, 16, 8, 4, 2, 1, 1, 1] {
            newcomers.deceived(network(1), second(5));
            assert_eq!(newcomers.most(), most);
        }
        for (now, most) in
            [(14, 1), (15, 2), (15, 2), (24, 2), (25, 4), (200, 8), (210, 16), (220, 32), (230, 64), (900, 64)]
        {
            newcomers.recover(second(now));
            assert_eq!(newcomers.most(), most, "{now}");
        }
    }
}
