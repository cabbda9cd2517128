//! Stamps that are spent.
//!
//! **A stamp that is forgotten while its date holds could be spent again.** So the tables
//! of spent stamps have a bound, and are full rather than forgetful: first those go that
//! are too old to be accepted in any case, although there is time for them, and where
//! there are none the next stamp is refused. What keeps them from being full for
//! everybody is done elsewhere: the price of a session rises while its table fills, and
//! a network has a share of the stamps of messages.
//!
//! One good stamp can be sent a thousand times a second, at no cost to its sender. The
//! database knows that it is spent, but need not be asked each time: its thread has
//! messages to write. So those spent last are known in memory as well. What is in there
//! is spent in the database, because this is told of every commit, in order; what is not
//! may be spent all the same. So only the database can grant, and memory only refuse.

use crate::lock::lock;
use puzzle::stamp::{LONGEST_LIFE, StampHash};
use rusqlite::{Connection, params};
use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

/// How many stamps a generation holds: so many of the newest are known at least, and
/// twice as many at most, some 5 MB.
const MOST_OF_A_GENERATION: usize = 32_768;

/// Stamps of messages stay spent for a year and a day, while there is room.
const CHANNEL_STAMP_LIFE_SECONDS: u64 = 366 * 86_400;

/// How many old ones are forgotten at once when there is no room for a new one.
const MOST_FORGOTTEN_AT_ONCE: u32 = 500;

/// How many times the share of one network the widest has that there is.
const TIMES_OF_THE_WIDEST: u64 = 16;

/// The least that one network may spend in an hour.
const LEAST_SHARE: u32 = 10;

/// What a stamp is for. The kinds are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StampKind {
    /// A session.
    Session,
    /// A message to a channel.
    Channel,
}

impl StampKind {
    pub(super) const ALL: [Self; 2] = [Self::Session, Self::Channel];

    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Session => "spent_session_stamps",
            Self::Channel => "spent_hashcash",
        }
    }

    /// For how long one is remembered, in seconds.
    pub(super) const fn life_seconds(self) -> u64 {
        match self {
            Self::Session => LONGEST_LIFE.as_secs(),
            Self::Channel => CHANNEL_STAMP_LIFE_SECONDS,
        }
    }

    /// True if the race's gate may ask for it.
    pub(super) const fn is_for_the_gate(self) -> bool {
        matches!(self, Self::Session)
    }

    const fn place(self) -> usize {
        match self {
            Self::Session => 0,
            Self::Channel => 1,
        }
    }
}

/// What spending a stamp came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spending {
    /// True if it was not spent before; `None` if there was no room.
    pub(super) outcome: Option<bool>,
    /// How many others were forgotten for it.
    forgotten: usize,
}

type Key = (StampKind, StampHash);

/// How many are spent, and which were spent last.
#[derive(Debug)]
pub(super) struct Spent {
    /// The newest, in two generations: when the younger is full, the older is forgotten.
    newest: Mutex<Generations>,
    /// How many there are of each kind.
    counts: [AtomicU64; 2],
    /// How many there may be of each.
    most: u64,
}

#[derive(Debug, Default)]
struct Generations {
    younger: HashSet<Key>,
    older: HashSet<Key>,
}

impl Spent {
    /// Those that the database knows, of which it may know `most` of each kind.
    pub(super) fn load(connection: &Connection, most: u64) -> rusqlite::Result<Self> {
        let count = |kind: StampKind| {
            connection.query_row(&format!("SELECT count(*) FROM {}", kind.table()), [], |row| row.get::<_, u64>(0))
        };
        let [session, channel] = StampKind::ALL.map(count);
        let counts = [session?.into(), channel?.into()];
        Ok(Self { newest: Mutex::default(), counts, most })
    }

    /// True if it is known to be spent.
    pub(super) fn is_known(&self, kind: StampKind, stamp: StampHash) -> bool {
        let generations = self.lock();
        generations.younger.contains(&(kind, stamp)) || generations.older.contains(&(kind, stamp))
    }

    /// What part of the room for a kind is taken, from 0 to 1.
    pub(super) fn fullness(&self, kind: StampKind) -> f64 {
        self.count(kind).load(Ordering::Relaxed) as f64 / self.most.max(1) as f64
    }

    /// How many stamps one network may spend in an hour while many are remembered.
    pub(super) fn share_of_a_network(&self) -> u32 {
        let hours = LONGEST_LIFE.as_secs() / 3600;
        let share = self.most / hours / (4 * TIMES_OF_THE_WIDEST);
        u32::try_from(share).unwrap_or(u32::MAX).max(LEAST_SHARE)
    }

    /// Spends a stamp in the database, if there is room.
    pub(super) fn insert(
        &self,
        connection: &Connection,
        kind: StampKind,
        stamp: StampHash,
        now: u64,
    ) -> rusqlite::Result<Spending> {
        let mut forgotten = 0;
        if self.most <= self.count(kind).load(Ordering::Relaxed) {
            // Whatever was spent so long ago has a date that is refused by now.
            let before = now.saturating_sub(LONGEST_LIFE.as_secs());
            forgotten = forget_stamps(connection, kind, before, MOST_FORGOTTEN_AT_ONCE)?;
            if forgotten == 0 {
                let sql = format!("SELECT 1 FROM {} WHERE stamp_hash = ?1", kind.table());
                let is_spent = connection.prepare_cached(&sql)?.exists(params![stamp.as_bytes()])?;
                return Ok(Spending { outcome: is_spent.then_some(false), forgotten });
            }
        }
        let sql =
            format!("INSERT INTO {} (stamp_hash, created_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING", kind.table());
        let is_new = connection.prepare_cached(&sql)?.execute(params![stamp.as_bytes(), now])? == 1;
        Ok(Spending { outcome: Some(is_new), forgotten })
    }

    /// Takes note of a stamp that was spent, and that this is committed.
    pub(super) fn note(&self, kind: StampKind, stamp: StampHash, spending: Spending) {
        let Spending { outcome, forgotten } = spending;
        self.forget_some(&[(kind, forgotten)]);
        let Some(is_new) = outcome else { return };
        self.count(kind).fetch_add(u64::from(is_new), Ordering::Relaxed);
        // Whether it was spent just now or before: it is spent.
        let mut generations = self.lock();
        if MOST_OF_A_GENERATION <= generations.younger.len() {
            generations.older = std::mem::take(&mut generations.younger);
        }
        generations.younger.insert((kind, stamp));
    }

    /// Takes note of a stamp that was given back.
    pub(super) fn forget(&self, kind: StampKind, stamp: StampHash, deleted: usize) {
        self.subtract(kind, deleted);
        let mut generations = self.lock();
        generations.younger.remove(&(kind, stamp));
        generations.older.remove(&(kind, stamp));
    }

    /// Takes note of how many old ones the database has forgotten. They must not be
    /// remembered in memory either.
    pub(super) fn forget_some(&self, forgotten: &[(StampKind, usize)]) {
        if forgotten.iter().all(|(_, count)| *count == 0) {
            return;
        }
        for (kind, count) in forgotten {
            self.subtract(*kind, *count);
        }
        *self.lock() = Generations::default();
    }

    fn subtract(&self, kind: StampKind, count: usize) {
        // Only the store's thread changes it.
        let before = self.count(kind).load(Ordering::Relaxed);
        self.count(kind).store(before.saturating_sub(count as u64), Ordering::Relaxed);
    }

    fn count(&self, kind: StampKind) -> &AtomicU64 {
        &self.counts[kind.place()]
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        lock(&self.newest)
    }
}

/// Forgets at most so many stamps that were spent before this, the oldest first; says how
/// many those were.
pub(super) fn forget_stamps(
    connection: &Connection,
    kind: StampKind,
    before: u64,
    most: u32,
) -> rusqlite::Result<usize> {
    let table = kind.table();
    let sql = format!(
        "DELETE FROM {table} WHERE rowid IN
         (SELECT rowid FROM {table} WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)"
    );
    connection.prepare_cached(&sql)?.execute(params![before, most])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Spending = Spending { outcome: Some(true), forgotten: 0 };

    fn nothing_spent() -> Spent {
        Spent { newest: Mutex::default(), counts: Default::default(), most: 1_000_000 }
    }

    #[test]
    fn the_newest_are_known_and_the_number_is_bounded() {
        let spent = nothing_spent();
        let stamp = |number: usize| StampHash::of(&number.to_string());
        for number in 0..3 * MOST_OF_A_GENERATION {
            spent.note(StampKind::Session, stamp(number), NEW);
        }
        assert!(
            (2 * MOST_OF_A_GENERATION..3 * MOST_OF_A_GENERATION)
                .all(|number| spent.is_known(StampKind::Session, stamp(number)))
        );
        assert!(!spent.is_known(StampKind::Session, stamp(0)));
        assert!(!spent.is_known(StampKind::Channel, stamp(3 * MOST_OF_A_GENERATION - 1)), "the kinds are kept apart");
        assert!((spent.fullness(StampKind::Session) - 0.098_304).abs() < 1e-9);
        let generations = spent.lock();
        assert!(generations.younger.len() + generations.older.len() <= 2 * MOST_OF_A_GENERATION);
    }
}
