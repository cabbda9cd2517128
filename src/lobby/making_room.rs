//! Room for newcomers: the lobby is full for nobody.
//!
//! When there are as many people or channels as there can be, those go that have shown
//! nothing: people without words and password, channels in which nobody has spoken for
//! an hour. Words are cheap, so those who have shown something stay only as long as they
//! take up no more than three quarters of the room. Of those who are to go it is each
//! time one of the network that holds most (a /24, or a /48 and in it the /56 and the
//! /64), so that one network makes room for all the others, and of its own the one that
//! was quiet for longest. Whoever has to go keeps its session, and comes in again with
//! its next call.

use super::{
    event::Draft,
    state::{Channel, LOBBY_ID, Moment, State, User},
    store::Write,
};
use crate::{gate::network::Network, identity::nick::Folded};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    time::Duration,
};

/// How many people go at once: looking for them costs a look at everybody, and each that
/// goes is told of to all who share a channel.
const PEOPLE_AT_ONCE: usize = 32;

/// How many channels go at once.
const CHANNELS_AT_ONCE: usize = 32;

/// A channel in which nobody has spoken for so long frees its name when names are short.
const SILENCE: Duration = Duration::from_secs(3600);

/// Somebody, or some channel, that takes up room.
#[derive(Clone, Debug)]
struct Holder<K> {
    key: K,
    /// Where it is from. All of whom that is not known count as one network.
    network: Option<Network>,
    has_shown_something: bool,
    /// The least of its network goes first.
    rank: (bool, Duration),
}

/// The widest network around a holder.
fn widest(network: Option<Network>) -> Option<Network> {
    network.and_then(|network| network.widths().last()).map(|(widest, _)| widest)
}

/// Which of the holders go, so many of them; see the module's documentation.
fn first_to_go<K>(holders: Vec<Holder<K>>, most: usize) -> Vec<K> {
    let mut held: HashMap<Option<Network>, usize> = HashMap::new();
    for network in holders.iter().flat_map(|holder| holder.network.into_iter().flat_map(Network::widths)) {
        *held.entry(Some(network.0)).or_default() += 1;
    }
    held.insert(None, holders.iter().filter(|holder| holder.network.is_none()).count());
    let weight = |network: Option<Network>| held.get(&network).copied().unwrap_or_default();

    let proven = holders.iter().filter(|holder| holder.has_shown_something).count();
    let are_proven_to_go = holders.len() * 3 / 4 < proven;
    let candidates = holders.into_iter().filter(|holder| holder.has_shown_something == are_proven_to_go);
    let mut by_network: HashMap<Option<Network>, Vec<Holder<K>>> = HashMap::new();
    for holder in candidates {
        by_network.entry(widest(holder.network)).or_default().push(holder);
    }
    let mut queues: Vec<Vec<Holder<K>>> = Vec::with_capacity(by_network.len());
    let mut heaviest = BinaryHeap::with_capacity(by_network.len());
    for (network, mut candidates) in by_network {
        // Narrow to wide, of which the widest is the same for all of them; backwards, so
        // that the first to go is the last of the list.
        let weights = |network: Option<Network>| {
            let widths = network.into_iter().flat_map(Network::widths);
            let mut weights: Vec<usize> = widths.map(|(network, _)| weight(Some(network))).collect();
            weights.reverse();
            weights
        };
        candidates.sort_by_cached_key(|holder| (weights(holder.network), Reverse(holder.rank)));
        heaviest.push((weight(network), queues.len()));
        queues.push(candidates);
    }
    let mut gone = Vec::new();
    while gone.len() < most
        && let Some((weight, at)) = heaviest.pop()
    {
        let Some(holder) = queues.get_mut(at).and_then(Vec::pop) else { continue };
        gone.push(holder.key);
        heaviest.push((weight - 1, at));
    }
    gone
}

/// A person as one who takes up room.
fn person<K>(key: K, user: &User) -> Holder<K> {
    Holder {
        key,
        network: user.network,
        has_shown_something: user.password.is_some() || user.has_spoken,
        rank: (user.password.is_some(), user.last_spoke),
    }
}

/// The same of a channel.
fn channel<K>(key: K, channel: &Channel, now: Duration) -> Holder<K> {
    Holder {
        key,
        network: channel.network,
        has_shown_something: channel.has_words && now.saturating_sub(channel.last_words) < SILENCE,
        rank: (channel.has_words, channel.last_words),
    }
}

impl State {
    /// Makes sure that somebody new may come in.
    pub(super) fn make_room(&mut self, moment: Moment) {
        if self.has_room() {
            return;
        }
        let people = self.users.iter().map(|(id, user)| person(id.clone(), user)).collect();
        for id in first_to_go(people, PEOPLE_AT_ONCE) {
            self.quit(moment, &id, "Made room for others");
        }
    }

    /// Makes sure that a new channel may be made.
    pub(super) fn make_room_for_channel(&mut self, moment: Moment) {
        if self.has_room_for_channel() {
            return;
        }
        let channels = self.channels.iter().filter(|(_, channel)| channel.id != LOBBY_ID);
        let holders = channels.map(|(name, of)| channel(name.clone(), of, moment.now)).collect();
        for name in first_to_go(holders, CHANNELS_AT_ONCE) {
            self.close_channel(moment, &name);
        }
    }

    /// Takes everybody out of a channel; each is told of their own leaving.
    fn close_channel(&mut self, moment: Moment, name: &Folded) {
        let Some(channel) = self.channels.get(name) else { return };
        let (shown, members) = (channel.name.to_string(), channel.members.keys().cloned().collect::<Vec<_>>());
        let body = ["Made room for other channels".to_owned()];
        for member in members {
            if let Some(nick) = self.users.get(&member).map(|user| user.nick.to_string()) {
                let draft = Draft { command: "PART", from: &nick, to: &shown, body: &body, ..Draft::default() };
                let (_, event) = self.event(moment, &draft);
                self.tell(&member, &event);
            }
            self.leave(&member, name);
        }
        // The last who leaves ends a channel; one in which nobody is has no last.
        if let Some(channel) = self.channels.remove(name) {
            self.writes.push(Write::DeleteChannel(channel.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv6Addr};

    /// A /64 of a /48.
    fn network(site: u16, subnet: u16) -> Option<Network> {
        Some(IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, site, subnet, 0, 0, 0, 1)).into())
    }

    fn holder(key: usize, network: Option<Network>, has_shown_something: bool) -> Holder<usize> {
        Holder { key, network, has_shown_something, rank: (false, Duration::from_secs(key as u64)) }
    }

    #[test]
    fn the_network_that_holds_most_makes_room_and_the_quietest_of_it_first() {
        let mut holders: Vec<_> = (0..6).map(|n| holder(n, network(1, n as u16 % 2), false)).collect();
        holders.extend((10..13).map(|n| holder(n, network(2, 0), false)));
        holders.push(holder(20, None, false));
        assert_eq!(first_to_go(holders.clone(), 3), [0, 1, 2], "down to as many as the next has");
        let mut next = first_to_go(holders.clone(), 5)[3..].to_vec();
        next.sort_unstable();
        assert_eq!(next, [3, 10], "then both in turn");
        assert_eq!(first_to_go(holders, 100).len(), 10);
    }

    #[test]
    fn whoever_has_shown_something_stays_up_to_three_quarters_of_the_room() {
        let holders = |proven: usize| (0..16).map(|n| holder(n, network(n as u16, 0), n < proven)).collect::<Vec<_>>();
        assert!(first_to_go(holders(12), 4).iter().all(|key| 12 <= *key));
        assert!(first_to_go(holders(13), 4).iter().all(|key| *key < 13));
        assert_eq!(first_to_go(holders(16), 4).len(), 4);
    }

    proptest! {
        /// However many networks of however many sites somebody has: whose site holds less
        /// than a quarter of what the others hold on average keeps everybody.
        #[test]
        fn a_small_site_keeps_everybody_while_larger_ones_make_room(
            sites in proptest::collection::vec(8_usize..40, 1..12), mine in 1_usize..3, proven: bool,
        ) {
            let mut holders: Vec<_> = sites.iter().enumerate().flat_map(|(site, count)| {
                (0..*count).map(move |n| holder(100 * (site + 1) + n, network(1 + site as u16, n as u16 % 20), proven))
            }).collect();
            holders.extend((0..mine).map(|n| holder(n, network(0xffff, 0), proven)));
            let gone = first_to_go(holders, 4);
            prop_assert_eq!(gone.len(), 4);
            prop_assert!(gone.iter().all(|key| 100 <= *key), "{:?}", gone);
        }
    }
}
