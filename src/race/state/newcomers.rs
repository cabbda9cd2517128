//! How many submissions of newcomers are verified or wait for it at once.
//!
//! A newcomer is a session that has shown no work yet, and anybody may have
//! thousands of those. As wins are decided in order of arrival, everybody waits for
//! every newcomer who came before, true or false. So while newcomers are honest many
//! may come at once, each false hash halves their number, down to one, and time
//! without false hashes restores it. It is the number that shrinks, not the order:
//! whoever has been let in keeps its place.

use std::time::Duration;

/// While nobody deceives: more than a hall of programs that all find something in
/// the same second. On one thread, that many false hashes are computed in three.
const MOST: usize = 64;

/// So long without a false hash doubles the number.
const RECOVERY_TIME: Duration = Duration::from_secs(10);

/// How many newcomers are let in.
#[derive(Debug)]
pub(super) struct Newcomers {
    most: usize,
    /// When a newcomer deceived us last, or the number was doubled last.
    changed: Duration,
}

impl Default for Newcomers {
    fn default() -> Self {
        Self { most: MOST, changed: Duration::ZERO }
    }
}

impl Newcomers {
    /// How many may be verified or wait for it at once; at least one.
    pub(super) const fn most(&self) -> usize {
        self.most
    }

    /// A newcomer's hash was false.
    pub(super) fn deceived(&mut self, now: Duration) {
        self.most = (self.most / 2).max(1);
        self.changed = now;
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

    #[test]
    fn each_false_hash_halves_the_number_and_time_restores_it() {
        let mut newcomers = Newcomers::default();
        let second = Duration::from_secs;
        for most in [32, 16, 8, 4, 2, 1, 1, 1] {
            newcomers.deceived(second(5));
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
