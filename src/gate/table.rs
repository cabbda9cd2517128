//! Tables that clients fill: of a fixed size, and full for nobody. Whoever comes when
//! there is no room takes the place of those that have shown least.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
};

/// Keeps the `most` rows of the greatest rank. Of equal rows no more go than have to.
pub(crate) fn keep_greatest<K: Eq + Hash, V, R: Ord>(table: &mut HashMap<K, V>, most: usize, rank: impl Fn(&V) -> R) {
    let surplus = table.len().saturating_sub(most);
    if surplus == 0 {
        return;
    }
    let mut ranks: Vec<R> = table.values().map(&rank).collect();
    let (_, last_to_go, _) = ranks.select_nth_unstable(surplus - 1);
    let below = table.values().filter(|row| rank(row) < *last_to_go).count();
    let mut equals_to_go = surplus - below;
    table.retain(|_, row| {
        let rank = rank(row);
        if rank == *last_to_go && 0 < equals_to_go {
            equals_to_go -= 1;
            return false;
        }
        *last_to_go <= rank
    });
}

/// Puts a row in or changes it. If there is no room for it, a sixteenth of the table
/// goes at once, those of the least rank: looking at all of them then costs each
/// newcomer a few steps and not a look at everybody.
pub(crate) fn insert_within<K: Eq + Hash, V, R: Ord>(
    table: &mut HashMap<K, V>,
    most: usize,
    key: K,
    row: V,
    rank: impl Fn(&V) -> R,
) {
    if most <= table.len() && !table.contains_key(&key) {
        keep_greatest(table, most.saturating_sub(share_to_go(most)), rank);
    }
    match table.entry(key) {
        Entry::Occupied(mut old) => drop(old.insert(row)),
        Entry::Vacant(place) => drop(place.insert(row)),
    }
}

/// How many rows go at once when a table of so many is full.
pub(crate) const fn share_to_go(most: usize) -> usize {
    if most < 16 { 1 } else { most / 16 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_many_are_kept_as_asked_for_and_they_are_the_greatest(
            ranks in proptest::collection::vec(0_u64..20, 0..60), most in 0_usize..60,
        ) {
            let mut kept: HashMap<usize, u64> = ranks.iter().copied().enumerate().collect();
            keep_greatest(&mut kept, most, |rank| *rank);
            let mut expected = ranks;
            expected.sort_unstable_by(|a, b| b.cmp(a));
            expected.truncate(most);
            let mut kept: Vec<u64> = kept.into_values().collect();
            kept.sort_unstable_by(|a, b| b.cmp(a));
            prop_assert_eq!(kept, expected);
        }

        /// Whoever comes gets in, and the greatest stay.
        #[test]
        fn a_full_table_is_full_for_nobody(ranks in proptest::collection::vec(1_u64..20, 1..200), most in 2_usize..40) {
            let mut table = HashMap::from([(usize::MAX, 99)]);
            for (key, rank) in ranks.into_iter().enumerate() {
                insert_within(&mut table, most, key, rank, |rank| *rank);
                prop_assert_eq!(table.get(&key), Some(&rank));
                prop_assert!(table.len() <= most && table.contains_key(&usize::MAX));
            }
        }
    }
}
