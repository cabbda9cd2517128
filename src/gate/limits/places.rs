//! How many of something one network, and all together, may have open at once.

use crate::gate::network::Network;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// Places that are taken and given up.
#[derive(Debug)]
pub struct Places {
    /// How many one network may take; 0 for no limit.
    most_per_network: usize,
    /// How many there are; 0 for no limit.
    most_in_all: usize,
    /// Only networks that hold a place are in here.
    by_network: Mutex<HashMap<Network, usize>>,
    /// How many are taken.
    taken: watch::Sender<usize>,
}

/// A place; given up when dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    network: Option<Network>,
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
    /// So many places, none of them taken; 0 sets no limit.
    pub fn new(most_per_network: usize, most_in_all: usize) -> Arc<Self> {
        Arc::new(Self { most_per_network, most_in_all, by_network: Mutex::default(), taken: watch::Sender::new(0) })
    }

    /// Takes a place for `address`; without one, a place that counts for nobody
    /// in particular.
    ///
    /// # Errors
    /// [`Crowded`].
    pub fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Place, Crowded> {
        let network = address.map(Network::from);
        let mut by_network = self.lock();
        let held = network.and_then(|network| by_network.get(&network)).copied().unwrap_or_default();
        if is_full(held, self.most_per_network) {
            return Err(Crowded::Network);
        }
        let granted = self.taken.send_if_modified(|taken| {
            let granted = !is_full(*taken, self.most_in_all);
            *taken += usize::from(granted);
            granted
        });
        if !granted {
            return Err(Crowded::Everywhere);
        }
        if let Some(network) = network {
            by_network.insert(network, held + 1);
        }
        Ok(Place { places: self.clone(), network })
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        *self.taken.borrow()
    }

    /// How many networks hold one.
    pub fn networks(&self) -> usize {
        self.lock().len()
    }

    /// Done as soon as none is taken.
    pub async fn all_given_up(&self) {
        let _ = self.taken.subscribe().wait_for(|taken| *taken == 0).await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        self.by_network.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn is_full(held: usize, most: usize) -> bool {
    most != 0 && most <= held
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(network) = self.network {
            let mut by_network = self.places.lock();
            if let Some(held) = by_network.get_mut(&network) {
                *held -= 1;
                if *held == 0 {
                    by_network.remove(&network);
                }
            }
        }
        self.places.taken.send_modify(|taken| *taken -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(number: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, number]))
    }

    #[test]
    fn a_network_and_all_together_have_so_many_places() {
        let places = Places::new(2, 3);
        let first = places.take(address(1)).unwrap();
        let _second = places.take(address(1)).unwrap();
        assert_eq!(places.take(address(1)).unwrap_err(), Crowded::Network);
        let _nobodys = places.take(None).unwrap();
        assert_eq!(places.take(address(2)).unwrap_err(), Crowded::Everywhere);
        assert_eq!(places.take(None).unwrap_err(), Crowded::Everywhere);
        drop(first);
        let _again = places.take(address(1)).unwrap();
        assert_eq!((places.taken(), places.networks()), (3, 1));
    }

    #[test]
    fn zero_is_no_limit() {
        let places = Places::new(0, 0);
        let held: Vec<_> = (0..5000).map(|_| places.take(address(1)).unwrap()).collect();
        assert_eq!(places.taken(), held.len());
        drop(held);
        assert_eq!((places.taken(), places.networks()), (0, 0));
    }

    #[tokio::test]
    async fn the_last_one_to_leave_is_noticed() {
        let places = Places::new(0, 0);
        places.all_given_up().await;
        let place = places.take(None).unwrap();
        let watching = tokio::spawn({
            let places = places.clone();
            async move { places.all_given_up().await }
        });
        tokio::task::yield_now().await;
        assert!(!watching.is_finished());
        drop(place);
        watching.await.unwrap();
    }

    proptest! {
        #[test]
        fn the_books_agree_with_the_places_held(
            moves in proptest::collection::vec((0_u8..4, proptest::bool::ANY), 0..200),
        ) {
            let places = Places::new(3, 8);
            let mut held: Vec<(u8, Place)> = Vec::new();
            for (who, takes) in moves {
                if takes {
                    let own = held.iter().filter(|(holder, _)| *holder == who).count();
                    match places.take(address(who)) {
                        Ok(place) => {
                            prop_assert!(own < 3 && held.len() < 8);
                            held.push((who, place));
                        }
                        Err(Crowded::Network) => prop_assert_eq!(own, 3),
                        Err(Crowded::Everywhere) => prop_assert_eq!(held.len(), 8),
                    }
                } else if let Some(at) = held.iter().position(|(holder, _)| *holder == who) {
                    held.swap_remove(at);
                }
                let holders: std::collections::HashSet<u8> = held.iter().map(|(holder, _)| *holder).collect();
                prop_assert_eq!((places.taken(), places.networks()), (held.len(), holders.len()));
            }
        }
    }
}
