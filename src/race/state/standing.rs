//! What sessions have shown: work, which proves them, and false hashes, for which they
//! have to wait.

use crate::{gate::table::insert_within, identity::session::SessionId};
use std::{collections::HashMap, time::Duration};

/// The wait after a first false hash; every further one doubles it.
const FIRST_PENALTY: Duration = Duration::from_secs(1);

/// The longest wait. A session that behaves for this long beyond its last wait
/// is forgiven.
const LONGEST_PENALTY: Duration = Duration::from_secs(300);

/// How long a session is proven by work it has shown: a share or a win.
const PROVEN_FOR: Duration = Duration::from_secs(3600);

/// How many proven sessions are remembered, at some 100 bytes each; those whose proof is
/// the oldest make room.
const MOST_PROVEN: usize = 65_536;

/// How many sessions that have to wait are remembered, at some 100 bytes each; those whose
/// wait ends first make room.
const MOST_STRUCK: usize = 65_536;

#[derive(Clone, Copy, Debug)]
struct Strikes {
    count: u32,
    until: Duration,
}

/// What is remembered of sessions.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    strikes: HashMap<SessionId, Strikes>,
    /// Until when sessions are proven.
    proven: HashMap<SessionId, Duration>,
}

impl Standing {
    /// True if the session has shown work of late.
    pub(crate) fn is_proven(&self, session: &SessionId, at: Duration) -> bool {
        self.proven.get(session).is_some_and(|until| at < *until)
    }

    /// Takes note that a session has shown work: a share that was right, or a win.
    pub(crate) fn prove(&mut self, session: SessionId, now: Duration) {
        insert_within(&mut self.proven, MOST_PROVEN, session, now + PROVEN_FOR, |until| *until);
    }

    /// Has a session wait for a false hash. What it had shown counts no more.
    pub(crate) fn strike(&mut self, session: SessionId, now: Duration) {
        self.proven.remove(&session);
        let count = self.strikes.get(&session).map_or(0, |strikes| strikes.count);
        let wait = FIRST_PENALTY * 2u32.saturating_pow(count.min(16));
        let strikes = Strikes { count: count + 1, until: now + wait.min(LONGEST_PENALTY) };
        insert_within(&mut self.strikes, MOST_STRUCK, session, strikes, |strikes| strikes.until);
    }

    /// How long the session still has to wait, if it has to.
    pub(crate) fn must_wait(&self, session: &SessionId, at: Duration) -> Option<Duration> {
        self.strikes.get(session).filter(|strikes| at < strikes.until).map(|strikes| strikes.until - at)
    }

    /// Forgets what is over.
    pub(crate) fn forget(&mut self, now: Duration) {
        self.strikes.retain(|_, strikes| now < strikes.until + LONGEST_PENALTY);
        self.proven.retain(|_, until| now < *until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_strikes_and_proofs_is_bounded_and_the_latest_hold() {
        let mut standing = Standing::default();
        let name = |kind: &str, number: u64| SessionId(format!("{kind}-{number}"));
        for number in 0..70_000 {
            let now = Duration::from_millis(number);
            standing.prove(name("proven", number), now);
            standing.strike(name("liar", number), now);
            assert!(standing.proven.len() <= MOST_PROVEN && standing.strikes.len() <= MOST_STRUCK);
        }
        let now = Duration::from_secs(70);
        assert!(standing.is_proven(&name("proven", 69_999), now));
        assert!(standing.must_wait(&name("liar", 69_999), now).is_some());
        assert!(!standing.is_proven(&name("proven", 0), now), "the oldest made room");
    }
}
