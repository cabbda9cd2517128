//! How many of something one network, and all together, may have open at once.
//!
//! A full house refuses nobody who has shown nothing less than those inside. It asks
//! one of them to leave instead: first those who never used their place, then those who
//! do not use it now, then newcomers, of each kind one of the network that holds most,
//! and of its places the one that has not been used for longest. Whoever has shown work
//! stays, up to three quarters of the places.

use crate::{gate::network::Network, lock::lock};
use std::{
    cmp::Reverse,
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

/// Places that are taken and given up.
#[derive(Debug)]
pub struct Places {
    /// How many one network may take; 0 for no limit. Wider networks have a multiple.
    most_per_network: AtomicUsize,
    /// How many there are; 0 for no limit.
    most_in_all: AtomicUsize,
    /// A place that was used or taken this lately is no idle one.
    patience: Duration,
    books: Mutex<Books>,
    /// How many are taken, those included that were asked to leave and have not yet.
    taken: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Books {
    /// How many places each network holds, at every width; only those that hold one.
    by_network: HashMap<Network, usize>,
    /// The places that may stay.
    places: HashMap<u64, Held>,
    last_id: u64,
    /// Who goes next, last first, as was found out when all were looked at last, and how
    /// many places the widest network of each held then.
    to_leave: Vec<(u64, Standing, usize)>,
}

#[derive(Debug)]
struct Held {
    network: Option<Network>,
    used_at: Instant,
    was_used: bool,
    is_in_use: bool,
    has_shown_work: bool,
    leave: Arc<Notify>,
}

/// What the holder of a place has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    NeverUsed,
    Idle,
    Newcomer,
    Proven,
}

/// A place; given up when dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    id: u64,
    leave: Arc<Notify>,
}

/// Hears when a place is needed for somebody else, without holding it.
#[derive(Clone, Debug)]
pub struct Notice(Arc<Notify>);

impl Notice {
    /// Done when the place is needed.
    pub async fn must_leave(&self) {
        self.0.notified().await;
    }
}

/// There is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Crowded {
    /// Not for this network.
    #[error("this address holds as many places as it may")]
    Network,
    /// For nobody.
    #[error("all places are taken")]
    Everywhere,
}

impl Places {
    /// So many places, none of them taken; 0 sets no limit. A place that was not used for
    /// `patience` is idle.
    pub fn new(most_per_network: usize, most_in_all: usize, patience: Duration) -> Arc<Self> {
        let (books, taken) = (Mutex::default(), watch::Sender::new(0));
        let (most_per_network, most_in_all) = (most_per_network.into(), most_in_all.into());
        Arc::new(Self { most_per_network, most_in_all, patience, books, taken })
    }

    /// So many places from now on. Where more are taken, somebody is asked to leave for
    /// each of those that are too many, as in a full house.
    pub fn set_limits(&self, most_per_network: usize, most_in_all: usize) {
        self.most_per_network.store(most_per_network, Ordering::Relaxed);
        self.most_in_all.store(most_in_all, Ordering::Relaxed);
        let mut books = self.lock();
        while most_in_all != 0 && most_in_all < books.places.len() {
            // No place has the number 0: nobody comes.
            if !books.ask_somebody_to_leave(0, self.idle_since(Instant::now())) {
                return;
            }
        }
    }

    /// Who has used nothing since then is idle.
    fn idle_since(&self, now: Instant) -> Instant {
        now.checked_sub(self.patience).unwrap_or(now)
    }

    /// Takes a place for `address`; without one, a place that counts for nobody
    /// in particular. In a full house somebody else is asked to leave for it.
    ///
    /// # Errors
    /// [`Crowded`]; everywhere if all others have shown work.
    pub fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Place, Crowded> {
        self.take_at(address, Instant::now())
    }

    fn take_at(self: &Arc<Self>, address: Option<IpAddr>, now: Instant) -> Result<Place, Crowded> {
        let network = address.map(Network::from);
        let mut books = self.lock();
        if books.is_full_for(network, self.most_per_network.load(Ordering::Relaxed)) {
            return Err(Crowded::Network);
        }
        let id = books.enter(network, now);
        let most = self.most_in_all.load(Ordering::Relaxed);
        let is_full = most != 0 && most < books.places.len();
        if is_full && !books.ask_somebody_to_leave(id, self.idle_since(now)) {
            books.leave(id);
            return Err(Crowded::Everywhere);
        }
        let leave = books.places.get(&id).map(|held| held.leave.clone()).unwrap_or_default();
        self.taken.send_modify(|taken| *taken += 1);
        Ok(Place { places: self.clone(), id, leave })
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        *self.taken.borrow()
    }

    /// How many networks hold one: addresses, and the wider networks not counted.
    pub fn networks(&self) -> usize {
        self.lock().by_network.keys().filter(|network| network.is_narrow()).count()
    }

    /// What part of the places is taken by holders who have shown no work, from 0 to 1; 0
    /// if there is no limit. No network counts for more than a quarter of the places: a
    /// newcomer takes one of those it holds, so that it alone is no reason to ask more of
    /// everybody.
    pub fn pressure(&self) -> f64 {
        let most = self.most_in_all.load(Ordering::Relaxed);
        if most == 0 {
            return 0.0;
        }
        let books = self.lock();
        let mut by_network: HashMap<Option<Network>, usize> = HashMap::new();
        for held in books.places.values().filter(|held| !held.has_shown_work) {
            *by_network.entry(held.network.map(Network::widest)).or_default() += 1;
        }
        drop(books);
        let most_of_one = |network: Option<Network>| network.map_or(most, |_| most.div_ceil(4));
        let counted = by_network.into_iter().map(|(network, held)| held.min(most_of_one(network)));
        counted.sum::<usize>() as f64 / most as f64
    }

    /// Done as soon as none is taken.
    pub async fn all_given_up(&self) {
        let _ = self.taken.subscribe().wait_for(|taken| *taken == 0).await;
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }
}

impl Books {
    fn is_full_for(&self, network: Option<Network>, most: usize) -> bool {
        let held = |network| self.by_network.get(&network).copied().unwrap_or_default();
        let is_full = |(network, times): (Network, u32)| most.saturating_mul(times as usize) <= held(network);
        most != 0 && network.is_some_and(|network| network.widths().any(is_full))
    }

    fn enter(&mut self, network: Option<Network>, now: Instant) -> u64 {
        self.last_id += 1;
        for (network, _) in network.into_iter().flat_map(Network::widths) {
            *self.by_network.entry(network).or_default() += 1;
        }
        let held = Held {
            network,
            used_at: now,
            was_used: false,
            is_in_use: false,
            has_shown_work: false,
            leave: Arc::default(),
        };
        self.places.insert(self.last_id, held);
        self.last_id
    }

    fn leave(&mut self, id: u64) -> Option<Held> {
        let held = self.places.remove(&id)?;
        for (network, _) in held.network.into_iter().flat_map(Network::widths) {
            if let Some(count) = self.by_network.get_mut(&network) {
                *count -= 1;
                if *count == 0 {
                    self.by_network.remove(&network);
                }
            }
        }
        Some(held)
    }

    /// Asks somebody to leave for `newcomer`; false if there is nobody.
    fn ask_somebody_to_leave(&mut self, newcomer: u64, idle_since: Instant) -> bool {
        let Some(victim) = self.next_to_leave(newcomer, idle_since) else { return false };
        if let Some(held) = self.leave(victim) {
            held.leave.notify_one();
        }
        true
    }

    /// How many places the networks around a holder hold, the widest first. Who comes
    /// through a proxy has no network of its own and weighs nothing.
    fn weight(&self, held: &Held) -> Vec<usize> {
        let counts = held.network.into_iter().flat_map(Network::widths);
        let mut counts: Vec<usize> =
            counts.map(|(network, _)| self.by_network.get(&network).copied().unwrap_or_default()).collect();
        counts.reverse();
        counts
    }

    /// Who is to leave for `newcomer`. To look at all places for each newcomer would be
    /// an attack of its own, so that it is found out for a sixty-fourth of them at once.
    fn next_to_leave(&mut self, newcomer: u64, idle_since: Instant) -> Option<u64> {
        loop {
            while let Some((id, standing, weight)) = self.to_leave.pop() {
                let stands = self.places.get(&id).filter(|held| held.standing(idle_since) <= standing);
                // A network that has given up half of what it held has given its part.
                let weighs =
                    stands.is_some_and(|held| weight <= 2 * self.weight(held).first().copied().unwrap_or_default());
                if weighs && id != newcomer {
                    return Some(id);
                }
            }
            if !self.look_at_all(newcomer, idle_since) {
                return None;
            }
        }
    }

    /// Finds out who goes next; false if there is nobody.
    fn look_at_all(&mut self, newcomer: u64, idle_since: Instant) -> bool {
        let proven = self.places.values().filter(|held| held.has_shown_work).count();
        // If more have shown work than are protected, the one unused for longest goes.
        let protects_the_proven = proven <= self.places.len() * 3 / 4;
        let mut order: Vec<_> = self
            .places
            .iter()
            .filter(|(id, _)| **id != newcomer)
            .map(|(id, held)| (held.standing(idle_since), Reverse(self.weight(held)), held.used_at, *id))
            .filter(|(standing, ..)| (*standing == Standing::Proven) != protects_the_proven)
            .collect();
        let most = (order.len() / 64).max(1).min(order.len());
        if most == 0 {
            return false;
        }
        let _ = order.select_nth_unstable(most - 1);
        order.truncate(most);
        order.sort_unstable();
        let weight = |Reverse(weight): &Reverse<Vec<usize>>| weight.first().copied().unwrap_or_default();
        self.to_leave = order.iter().rev().map(|(standing, counts, _, id)| (*id, *standing, weight(counts))).collect();
        true
    }
}

impl Held {
    fn standing(&self, idle_since: Instant) -> Standing {
        if self.has_shown_work {
            Standing::Proven
        } else if self.is_in_use || idle_since < self.used_at {
            Standing::Newcomer
        } else if self.was_used {
            Standing::Idle
        } else {
            Standing::NeverUsed
        }
    }
}

impl Place {
    /// The place is used, from now until [`Place::end_use`].
    pub fn begin_use(&self) {
        self.note(|held| held.is_in_use = true);
    }

    /// It was used until now.
    pub fn end_use(&self) {
        self.note(|held| held.is_in_use = false);
    }

    /// Its holder has shown work, and may stay.
    pub fn show_work(&self) {
        self.note(|held| held.has_shown_work = true);
    }

    /// What hears when the place is needed for somebody else.
    pub fn notice(&self) -> Notice {
        Notice(self.leave.clone())
    }

    /// Done when the place is needed for somebody else.
    pub async fn must_leave(&self) {
        self.leave.notified().await;
    }

    fn note(&self, change: impl FnOnce(&mut Held)) {
        if let Some(held) = self.places.lock().places.get_mut(&self.id) {
            held.was_used = true;
            held.used_at = Instant::now();
            change(held);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().leave(self.id);
        self.places.taken.send_modify(|taken| *taken -= 1);
    }
}

#[cfg(test)]
mod tests;
