//! Who came first, although verification runs in parallel.
//!
//! Verifications end in any order; wins are decided in order of arrival. A
//! verified solution waits for those that arrived before it and are still being
//! verified, and for nothing else. The buffer knows one round: when somebody has
//! won, everybody still in it has lost.

use crate::values::Ticket;
use std::collections::BTreeMap;

/// The submissions of the current round that are being verified or wait for
/// earlier ones, with whatever the caller attached to each.
#[derive(Debug)]
pub struct Arrivals<T> {
    pending: BTreeMap<Ticket, Pending<T>>,
}

#[derive(Debug)]
struct Pending<T> {
    entry: T,
    proven: bool,
}

/// What became certain by one verdict.
#[derive(Debug, PartialEq, Eq)]
pub enum Settled<T> {
    /// Nothing yet: an earlier arrival is still being verified.
    Waiting,
    /// This entry is out; the round goes on.
    Rejected(T),
    /// The first valid arrival, and everybody else who was still in the round,
    /// in order of arrival.
    Won {
        /// The one who came first.
        winner: T,
        /// Those who came later, or were not yet verified.
        losers: Vec<T>,
        /// The entry whose rejection cleared the way, if one did.
        rejected: Option<T>,
    },
    /// The ticket is not (or no longer) in the round.
    Unknown,
}

impl<T> Default for Arrivals<T> {
    fn default() -> Self {
        Self { pending: BTreeMap::new() }
    }
}

impl<T> Arrivals<T> {
    /// Puts a submission in its place.
    pub fn admit(&mut self, ticket: Ticket, entry: T) {
        self.pending.insert(ticket, Pending { entry, proven: false });
    }

    /// True while `ticket` can still win this round.
    pub fn contains(&self, ticket: Ticket) -> bool {
        self.pending.contains_key(&ticket)
    }

    /// The entries with their tickets, in order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = (Ticket, &T)> {
        self.pending.iter().map(|(ticket, pending)| (*ticket, &pending.entry))
    }

    /// Records that the verification of `ticket` has ended.
    pub fn settle(&mut self, ticket: Ticket, valid: bool) -> Settled<T> {
        let Some(pending) = self.pending.get_mut(&ticket) else {
            return Settled::Unknown;
        };
        let rejected = if valid {
            pending.proven = true;
            None
        } else {
            self.pending.remove(&ticket).map(|pending| pending.entry)
        };
        match self.pending.first_entry().filter(|first| first.get().proven) {
            Some(first) => {
                let winner = first.remove().entry;
                Settled::Won { winner, losers: self.clear(), rejected }
            }
            None => rejected.map_or(Settled::Waiting, Settled::Rejected),
        }
    }

    /// Ends the round without a winner: everybody still in it, in order of arrival.
    pub fn clear(&mut self) -> Vec<T> {
        std::mem::take(&mut self.pending).into_values().map(|pending| pending.entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round(tickets: &[u64]) -> Arrivals<u64> {
        let mut arrivals = Arrivals::default();
        for ticket in tickets {
            arrivals.admit(Ticket(*ticket), *ticket);
        }
        arrivals
    }

    #[test]
    fn a_later_solution_waits_for_an_earlier_verification() {
        let mut arrivals = round(&[1, 2, 3]);
        assert_eq!(arrivals.settle(Ticket(2), true), Settled::Waiting);
        assert_eq!(arrivals.settle(Ticket(1), true), Settled::Won { winner: 1, losers: vec![2, 3], rejected: None });
        assert_eq!(arrivals.settle(Ticket(3), true), Settled::Unknown);
    }

    #[test]
    fn a_rejection_can_clear_the_way() {
        let mut arrivals = round(&[1, 2]);
        assert_eq!(arrivals.settle(Ticket(2), true), Settled::Waiting);
        assert_eq!(arrivals.settle(Ticket(1), false), Settled::Won { winner: 2, losers: vec![], rejected: Some(1) });
    }

    #[test]
    fn a_rejection_alone_rejects() {
        let mut arrivals = round(&[1, 2]);
        assert_eq!(arrivals.settle(Ticket(2), false), Settled::Rejected(2));
        assert!(arrivals.contains(Ticket(1)));
        assert_eq!(arrivals.clear(), vec![1]);
    }

    proptest! {
        #[test]
        fn the_earliest_valid_arrival_wins_whatever_the_order_of_verdicts(
            verdicts in prop::collection::vec((any::<bool>(), any::<u32>()), 1..20),
        ) {
            let tickets: Vec<u64> = (0..verdicts.len() as u64).collect();
            let mut arrivals = round(&tickets);
            let mut order: Vec<(u32, u64, bool)> =
                verdicts.iter().zip(&tickets).map(|((valid, key), ticket)| (*key, *ticket, *valid)).collect();
            order.sort();
            let mut winners = Vec::new();
            let mut leavers = Vec::new();
            for (_, ticket, valid) in order {
                match arrivals.settle(Ticket(ticket), valid) {
                    Settled::Won { winner, losers, rejected } => {
                        winners.push(winner);
                        leavers.extend(losers);
                        leavers.extend(rejected);
                    }
                    Settled::Rejected(entry) => leavers.push(entry),
                    Settled::Waiting | Settled::Unknown => {}
                }
            }
            let earliest = verdicts.iter().position(|(valid, _)| *valid).map(|place| place as u64);
            prop_assert_eq!(&winners, &earliest.into_iter().collect::<Vec<_>>());
            // Everybody is told exactly once.
            leavers.extend(winners);
            leavers.sort_unstable();
            prop_assert_eq!(leavers, tickets);
        }
    }
}
