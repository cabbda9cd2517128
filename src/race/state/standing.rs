//! What sessions have shown: work, which proves them, and false hashes, for which they
//! have to wait.

use crate::identity::session::SessionId;
use std::{collections::HashMap, time::Duration};

/// The wait after a first false hash; every further one doubles it.
const FIRST_PENALTY: Duration = Duration::from_secs(1);

/// The longest wait. A session that behaves for this long beyond its last wait
/// is forgiven.
const LONGEST_PENALTY: Duration = Duration::from_secs(300);

/// How long a session is proven by work it has shown: a share or a win.
const PROVEN_FOR: Duration = Duration::from_secs(3600);

/// How many proven sessions are remembered, at some 100 bytes each. One that finds no
/// room is a newcomer.
const MOST_PROVEN: usize = 65_536;

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
        if self.proven.len() < MOST_PROVEN || self.proven.contains_key(&session) {
            self.proven.insert(session, now + PROVEN_FOR);
        }
    }

    /// Has a session wait for a false hash. What it had shown counts no more.
    pub(crate) fn strike(&mut self, session: SessionId, now: Duration) {
        self.proven.remove(&session);
        let strikes = self.strikes.entry(session).or_insert(Strikes { count: 0, until: now });
        let wait = FIRST_PENALTY * 2u32.saturating_pow(strikes.count.min(16));
        strikes.count += 1;
        strikes.until = now + wait.min(LONGEST_PENALTY);
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
