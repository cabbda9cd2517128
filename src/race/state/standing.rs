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

/// How many proven sessions are remembered, at some 100 bytes each; whose proof is the
/// oldest makes room.
const MOST_PROVEN: usize = 65_536;

/// How many sessions that have to wait for a false hash are remembered, at some 100 bytes
/// each; whose wait ends first makes room.
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

    /// How many sessions are remembered.
    #[cfg(all(test, not(feature = "model-check")))]
    pub(crate) fn remembered(&self) -> usize {
        self.proven.len() + self.strikes.len()
    }

    /// Forgets what is over.
    pub(crate) fn forget(&mut self, now: Duration) {
        self.strikes.retain(|_, strikes| now < strikes.until + LONGEST_PENALTY);
        self.proven.retain(|_, until| now < *until);
    }
}
