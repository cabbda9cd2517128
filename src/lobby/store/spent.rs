//! Stamps of which it is certain that they are spent.
//!
//! One good stamp can be sent a thousand times a second, at no cost to its sender. The
//! database knows that it is spent, but need not be asked each time: its thread has
//! messages to write. What is in here is spent in the database as well, because this
//! is told of every commit, in order; what is not in here may be spent all the same.
//! So only the database can grant, and this can only refuse. It holds a bounded number,
//! the newest.

use crate::lock::lock;
use puzzle::stamp::StampHash;
use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard},
};

/// How many stamps a generation holds: so many of the newest are known at least, and
/// twice as many at most, some 5 MB.
const MOST_OF_A_GENERATION: usize = 32_768;

/// What a stamp is for. The kinds are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StampKind {
    /// A session.
    Session,
    /// A message to a channel.
    Channel,
}

impl StampKind {
    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Session => "spent_session_stamps",
            Self::Channel => "spent_hashcash",
        }
    }
}

type Key = (StampKind, StampHash);

/// The newest that were spent, in two generations: when the younger is full, the
/// older is forgotten.
#[derive(Debug, Default)]
pub(super) struct KnownSpent {
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    younger: HashSet<Key>,
    older: HashSet<Key>,
}

impl KnownSpent {
    pub(super) fn contains(&self, kind: StampKind, stamp: StampHash) -> bool {
        let generations = self.lock();
        generations.younger.contains(&(kind, stamp)) || generations.older.contains(&(kind, stamp))
    }

    pub(super) fn insert(&self, kind: StampKind, stamp: StampHash) {
        let mut generations = self.lock();
        if MOST_OF_A_GENERATION <= generations.younger.len() {
            generations.older = std::mem::take(&mut generations.younger);
        }
        generations.younger.insert((kind, stamp));
    }

    pub(super) fn remove(&self, kind: StampKind, stamp: StampHash) {
        let mut generations = self.lock();
        generations.younger.remove(&(kind, stamp));
        generations.older.remove(&(kind, stamp));
    }

    pub(super) fn clear(&self) {
        *self.lock() = Generations::default();
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        lock(&self.generations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_known_and_the_number_is_bounded() {
        let spent = KnownSpent::default();
        let stamp = |number: usize| StampHash::of(&number.to_string());
        for number in 0..3 * MOST_OF_A_GENERATION {
            spent.insert(StampKind::Session, stamp(number));
        }
        assert!(
            (2 * MOST_OF_A_GENERATION..3 * MOST_OF_A_GENERATION)
                .all(|number| spent.contains(StampKind::Session, stamp(number)))
        );
        assert!(!spent.contains(StampKind::Session, stamp(0)));
        assert!(!spent.contains(StampKind::Channel, stamp(3 * MOST_OF_A_GENERATION - 1)), "the kinds are kept apart");
        let generations = spent.lock();
        assert!(generations.younger.len() + generations.older.len() <= 2 * MOST_OF_A_GENERATION);
    }
}
