//! What sessions have shown: work, which proves them, and false hashes, for which they
//! have to wait.
//!
//! Strikes are kept in the ledger, so that no restart forgives them: written down about a
//! second later, many at once, as nobody waits for that.

use crate::{
    gate::table::insert_within,
    identity::session::SessionId,
    ledger::{Change, Transaction, WallTime, rows::StrikeRow, transaction::FORGET_AT_ONCE},
};
use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

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

/// How many strikes are written down at once, so that no win waits for long behind them.
const MOST_AT_ONCE: usize = 500;

#[derive(Clone, Copy, Debug)]
struct Strikes {
    count: u32,
    /// When they are forgiven: so long after the wait as the longest wait is. Kept in place
    /// of the wait's end, which may lie before this process began.
    forgiven_at: Duration,
}

impl Strikes {
    /// How long the session still has to wait.
    fn wait(&self, now: Duration) -> Duration {
        self.forgiven_at.saturating_sub(now + LONGEST_PENALTY)
    }
}

/// What is remembered of sessions.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    strikes: HashMap<SessionId, Strikes>,
    /// Those whose strikes are not written down yet.
    unwritten: BTreeSet<SessionId>,
    /// How many strikes were forgiven whose rows are still there.
    forgiven: usize,
    /// Until when sessions are proven.
    proven: HashMap<SessionId, Duration>,
}

impl Standing {
    /// What the ledger remembers, read when the clocks show `now` and `wall`.
    pub(crate) fn restored(rows: Vec<StrikeRow>, now: Duration, wall: WallTime) -> Self {
        let mut standing = Self { forgiven: rows.len(), ..Self::default() };
        for StrikeRow { session, count, until } in rows {
            let forgiven_in = until.after(LONGEST_PENALTY).since(wall);
            if !forgiven_in.is_zero() {
                let strikes = Strikes { count, forgiven_at: now + forgiven_in };
                standing.put(SessionId(session), strikes);
            }
        }
        standing.forgiven -= standing.strikes.len();
        standing
    }

    fn put(&mut self, session: SessionId, strikes: Strikes) {
        insert_within(&mut self.strikes, MOST_STRUCK, session, strikes, |strikes| strikes.forgiven_at);
    }

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
        let forgiven_at = now + wait.min(LONGEST_PENALTY) + LONGEST_PENALTY;
        self.put(session.clone(), Strikes { count: count.saturating_add(1), forgiven_at });
        self.unwritten.insert(session);
    }

    /// How long the session still has to wait, if it has to.
    pub(crate) fn must_wait(&self, session: &SessionId, at: Duration) -> Option<Duration> {
        let wait = self.strikes.get(session)?.wait(at);
        (!wait.is_zero()).then_some(wait)
    }

    /// Forgets what is over.
    pub(crate) fn forget(&mut self, now: Duration) {
        let before = self.strikes.len();
        self.strikes.retain(|_, strikes| now < strikes.forgiven_at);
        self.forgiven += before - self.strikes.len();
        if self.strikes.len() < self.unwritten.len() {
            self.unwritten.retain(|session| self.strikes.contains_key(session));
        }
        self.proven.retain(|_, until| now < *until);
    }

    /// What the ledger does not know yet, when the clocks show `now` and `wall`; a bounded
    /// part of it if it is much, and the rest at the next call.
    pub(crate) fn take_changes(&mut self, now: Duration, wall: WallTime) -> Transaction {
        let mut changes = Transaction::new();
        for session in self.unwritten.iter().take(MOST_AT_ONCE).cloned().collect::<Vec<_>>() {
            self.unwritten.remove(&session);
            // Who has made room for others meanwhile has nothing to be written down.
            if let Some(strikes) = self.strikes.get(&session) {
                let until = wall.after(strikes.forgiven_at.saturating_sub(now)).before(LONGEST_PENALTY);
                changes =
                    changes.with(Change::PutStrike(StrikeRow { session: session.0, count: strikes.count, until }));
            }
        }
        if 0 < self.forgiven {
            self.forgiven = self.forgiven.saturating_sub(FORGET_AT_ONCE);
            changes = changes.with(Change::ForgetStrikes(wall.before(LONGEST_PENALTY)));
        }
        changes
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

    #[test]
    fn a_restart_forgives_nothing_and_what_is_forgiven_is_forgotten() {
        let (liar, other) = (SessionId("liar".into()), SessionId("other".into()));
        let wall = |seconds: u64| WallTime::from_milliseconds(1000 * (9000 + seconds));
        let second = Duration::from_secs;
        let mut before = Standing::default();
        for _ in 0..3 {
            before.strike(liar.clone(), second(10));
        }
        before.strike(other.clone(), second(10));
        let rows = |changes: Transaction| {
            let strikes = changes.changes().iter().filter_map(|change| match change {
                Change::PutStrike(row) => Some(row.clone()),
                _ => None,
            });
            strikes.collect::<Vec<_>>()
        };
        let written = rows(before.take_changes(second(11), wall(11)));
        assert_eq!(written.len(), 2);
        assert!(before.take_changes(second(11), wall(11)).is_empty(), "once");

        // Another process, whose clock begins anew, two seconds later.
        let mut after = Standing::restored(written.clone(), second(1), wall(13));
        assert_eq!(after.must_wait(&liar, second(1)), Some(second(1)));
        assert_eq!(after.must_wait(&other, second(1)), None, "its wait is over");
        assert!(after.take_changes(second(1), wall(13)).is_empty(), "nothing is new");
        for (session, wait) in [(&liar, 8), (&other, 2)] {
            after.strike(session.clone(), second(2));
            assert_eq!(after.must_wait(session, second(2)), Some(second(wait)), "it still counts");
        }
        after.take_changes(second(2), wall(14));
        after.forget(second(2 + 8 + 300));
        let changes = after.take_changes(second(310), wall(322));
        assert_eq!(changes.changes(), [Change::ForgetStrikes(wall(22))]);
        assert!(Standing::restored(written, second(1), wall(999)).strikes.is_empty());
    }
}
