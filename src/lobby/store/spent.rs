//! Stamps of which it is certain that they are spent.
//!
//! Whoever has one good stamp can send it a thousand times a second for nothing. The
//! database knows that it is spent, but need not be asked each time: its thread is
//! there for those who speak. What is in here is spent in the database as well, for
//! it is told of every commit, in order; what is not in here may be. So only the
//! database grants, and this only refuses. It holds a bounded number, the newest.

use super::StampKind;
use crate::lock::lock;
use puzzle::stamp::StampHash;
use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard},
};

/// How many of the newest are known at least; twice as many at most, some 5 MB.
const MOST: usize = 32_768;

/// A stamp of a kind: the kinds are kept apart.
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
        if MOST <= generations.younger.len() {
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
        for number in 0..3 * MOST {
            spent.insert(StampKind::Session, stamp(number));
        }
        assert!((2 * MOST..3 * MOST).all(|number| spent.contains(StampKind::Session, stamp(number))));
        assert!(!spent.contains(StampKind::Session, stamp(0)));
        assert!(!spent.contains(StampKind::Channel, stamp(3 * MOST - 1)), "the kinds are kept apart");
        let generations = spent.lock();
        assert!(generations.younger.len() + generations.older.len() <= 2 * MOST);
    }
}
