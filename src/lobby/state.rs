//! Who is in the lobby, which channels there are, and who is told what.
//!
//! All of it is in memory behind one lock that is never held across an await. What
//! must survive a restart is gathered as [`Write`]s and handed to the store before
//! the lock is released, so that the store sees everything in its order.

mod channel;
mod moment;

use super::{
    delivery::{Deliveries, OnTheWay, Recent},
    event::{Draft, Event, EventBytes, raw},
    guesses::wide_network,
    mailbox::{Mailbox, Reader},
    numeric::Numeric,
    store::{Living, Slot, Write, Written},
};
use crate::{
    gate::network::Network,
    identity::{
        nick::{Folded, Nick},
        session::{ClientKey, Passed, SessionId},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};
use tokio::sync::oneshot;
use uuid::Uuid;

pub(super) use super::store::{LOBBY_ID, MOST_RECENT};
pub(super) use channel::{Channel, Rank, conversation};
pub(super) use moment::Moment;

/// The channel that always exists.
pub const LOBBY: &str = "#lobby";

/// The most people in the lobby.
pub(super) const MOST_USERS: usize = 20_000;

/// The most channels.
pub(super) const MOST_CHANNELS: usize = 10_000;

/// The most channels of one person.
pub(super) const MOST_CHANNELS_OF_A_USER: usize = 50;

/// The most invitations that a channel has open.
pub(super) const MOST_INVITED: usize = 100;

/// The most networks that are known of one person.
const MOST_KNOWN_NETWORKS: usize = 16;

/// One person in the lobby.
#[derive(Debug)]
pub(super) struct User {
    pub(super) nick: Nick,
    pub(super) passed: Passed,
    /// Argon2id as a PHC string.
    pub(super) password: Option<String>,
    pub(super) away: Option<String>,
    /// User mode `w`: wins are announced with the nick.
    pub(super) announces_wins: bool,
    pub(super) channels: BTreeSet<Folded>,
    pub(super) clients: HashMap<ClientKey, Arc<Mailbox>>,
    /// Seconds since 1970.
    pub(super) created_at: u64,
    /// From which networks they have logged in, the newest last.
    pub(super) networks: VecDeque<String>,
    /// From where they came in; not known of those who have not been heard of since the
    /// start.
    pub(super) network: Option<Network>,
    /// When they last said something or came, on the monotonic clock.
    pub(super) last_spoke: Duration,
    pub(super) has_spoken: bool,
}

impl User {
    /// Somebody who has just come in: without clients, channels and password.
    pub(super) fn new(nick: Nick, passed: Passed, created_at: u64, now: Duration) -> Self {
        Self {
            nick,
            passed,
            password: None,
            away: None,
            announces_wins: false,
            channels: BTreeSet::new(),
            clients: HashMap::new(),
            created_at,
            networks: VecDeque::new(),
            network: None,
            last_spoke: now,
            has_spoken: false,
        }
    }
}

/// Everything that the lobby decides by; see the module's documentation.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) users: HashMap<SessionId, User>,
    pub(super) nicks: HashMap<Folded, SessionId>,
    /// In order, so that lists come in the same order to everybody.
    pub(super) channels: BTreeMap<Folded, Channel>,
    /// Live connections of clients that are not here yet.
    pub(super) expected: HashMap<ClientKey, Vec<oneshot::Sender<Reader>>>,
    pub(super) last_channel: i64,
    pub(super) last_seq: u64,
    /// The newest events of [`LOBBY`] that the history keeps, for the page.
    pub(super) recent: Recent,
    /// How many people there were at the last change.
    pub(super) present: Arc<AtomicUsize>,
    /// How many bytes all events in memory have.
    pub(super) event_bytes: EventBytes,
    /// What the store must be told before the lock is released …
    pub(super) writes: Vec<Write>,
    /// … and what everybody is told once it is stored.
    pub(super) deliveries: Deliveries,
    pub(super) on_the_way: OnTheWay,
}

impl State {
    /// Makes an event: gives it its number, its id and its bytes.
    pub(super) fn event(&mut self, moment: Moment, draft: &Draft<'_>) -> (Uuid, Arc<Event>) {
        // Microseconds since 1970 or the next number: it grows over restarts too,
        // and stays below 2^53 until the year 2255.
        let micros = moment.wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        self.last_seq = u64::try_from(micros).unwrap_or(u64::MAX).max(self.last_seq + 1);
        let id = Uuid::new_v4();
        let json = draft.to_json(id, moment.wall);
        (id, Event::new(self.last_seq, moment.now, json, &self.event_bytes))
    }

    /// A numeric as an event from the server.
    pub(super) fn numeric(&mut self, moment: Moment, server: &str, to: &str, numeric: &Numeric) -> Arc<Event> {
        let meta = (!numeric.meta.is_empty()).then(|| raw(&numeric.meta));
        let body = [numeric.text.clone()];
        let draft = Draft {
            command: numeric.code,
            from: server,
            to,
            params: &numeric.params,
            body: &body,
            meta: meta.as_deref(),
        };
        self.event(moment, &draft).1
    }

    /// Tells one person, on all their clients.
    pub(super) fn tell(&mut self, user: &SessionId, event: &Arc<Event>) {
        tell(&self.users, &mut self.deliveries, user, event);
    }

    /// Tells all members of a channel.
    pub(super) fn tell_channel(&mut self, channel: &Folded, event: &Arc<Event>) {
        if let Some(channel) = self.channels.get(channel) {
            for member in channel.members.keys() {
                tell(&self.users, &mut self.deliveries, member, event);
            }
        }
    }

    /// Tells everybody who shares a channel with `user`, and `user`, once.
    pub(super) fn tell_peers(&mut self, user: &SessionId, event: &Arc<Event>) {
        let channels = self.users.get(user).map(|user| &user.channels).into_iter().flatten();
        let members = channels.filter_map(|name| self.channels.get(name)).flat_map(|channel| channel.members.keys());
        let peers: HashSet<&SessionId> = members.chain([user]).collect();
        for peer in peers {
            tell(&self.users, &mut self.deliveries, peer, event);
        }
    }

    /// Hands over to the store what was decided; what is told of it is told once it is
    /// stored.
    pub(super) fn hand_over(&mut self, slot: Slot<'_>) -> Written {
        self.present.store(self.users.len(), Ordering::Relaxed);
        let (writes, deliveries) = (std::mem::take(&mut self.writes), std::mem::take(&mut self.deliveries));
        deliveries.hand_over(slot, writes, &self.on_the_way, &self.event_bytes, &self.recent)
    }

    /// Somebody by nick.
    pub(super) fn by_nick(&self, nick: &str) -> Option<(&SessionId, &User)> {
        let id = self.nicks.get(&Folded::of(nick))?;
        Some((id, self.users.get(id)?))
    }

    /// True if there is room for somebody new.
    pub(super) fn has_room(&self) -> bool {
        self.users.len() < MOST_USERS
    }

    /// True if there is room for another channel.
    pub(super) fn has_room_for_channel(&self) -> bool {
        self.channels.len() < MOST_CHANNELS
    }

    /// Has the store keep a session as it is now.
    pub(super) fn save_user(&mut self, id: &SessionId) {
        if let Some(user) = self.users.get(id) {
            self.writes.push(Write::SaveSession {
                id: id.clone(),
                nick: user.nick.to_string(),
                password: user.password.clone(),
                passed: user.passed,
                created_at: user.created_at,
            });
        }
    }

    /// Remembers from where somebody has logged in.
    pub(super) fn know_network(&mut self, id: &SessionId, address: IpAddr) {
        let Some(user) = self.users.get_mut(id) else { return };
        let network = wide_network(address);
        if user.networks.contains(&network) {
            return;
        }
        let instead_of = (MOST_KNOWN_NETWORKS <= user.networks.len()).then(|| user.networks.pop_front()).flatten();
        user.networks.push_back(network.clone());
        self.writes.push(Write::KnowNetwork { session: id.clone(), network, instead_of });
    }

    /// Takes somebody out of a channel. An empty channel is deleted, except [`LOBBY`].
    pub(super) fn leave(&mut self, user: &SessionId, name: &Folded) {
        if let Some(user) = self.users.get_mut(user) {
            user.channels.remove(name);
        }
        let Some(channel) = self.channels.get_mut(name) else { return };
        channel.members.remove(user);
        let id = channel.id;
        if channel.members.is_empty() && id != LOBBY_ID {
            self.channels.remove(name);
            self.writes.push(Write::DeleteChannel(id));
        } else {
            self.writes.push(Write::DeleteMember { channel: id, session: user.clone() });
        }
    }

    /// Ends somebody's presence: everybody who shares a channel sees `QUIT`.
    pub(super) fn quit(&mut self, moment: Moment, id: &SessionId, reason: &str) -> Vec<ClientKey> {
        let Some(user) = self.users.get(id) else { return Vec::new() };
        let nick = user.nick.to_string();
        let body = [reason.to_owned()];
        let (_, event) = self.event(moment, &Draft { command: "QUIT", from: &nick, body: &body, ..Draft::default() });
        self.tell_peers(id, &event);
        let channels = self.users.get(id).map(|user| user.channels.clone()).unwrap_or_default();
        for channel in channels {
            self.leave(id, &channel);
        }
        for channel in self.channels.values_mut() {
            channel.invited.remove(id);
        }
        let Some(user) = self.users.remove(id) else { return Vec::new() };
        self.nicks.remove(&user.nick.folded());
        self.writes.push(Write::EndSession(id.clone()));
        for mailbox in user.clients.values() {
            mailbox.close();
        }
        user.clients.into_keys().collect()
    }

    /// How everything is, as writes that make the database the same.
    pub(super) fn everything(&mut self, now: u64) -> Vec<Write> {
        let clients = || {
            let users = self.users.iter();
            users
                .flat_map(|(id, user)| user.clients.iter().map(move |(key, mailbox)| (*key, id.clone(), mailbox.since)))
        };
        let living = Living {
            sessions: self.users.keys().cloned().collect(),
            clients: clients().map(|(key, ..)| key).collect(),
            channels: self.channels.values().map(|channel| channel.id).collect(),
        };
        let mut writes = vec![Write::KeepOnly(living)];
        let save_client = |(key, session, since)| Write::SaveClient { key, session, last_seen: now, since };
        let clients: Vec<Write> = clients().map(save_client).collect();
        let before = std::mem::take(&mut self.writes);
        for id in self.users.keys().cloned().collect::<Vec<_>>() {
            self.save_user(&id);
        }
        writes.append(&mut self.writes);
        self.writes = before;
        writes.extend(clients);
        for channel in self.channels.values() {
            writes.push(Write::SaveChannel(channel.row()));
            for (session, Rank { operator, voice, since }) in &channel.members {
                let (channel, session) = (channel.id, session.clone());
                writes.push(Write::SaveMember { channel, session, operator: *operator, voice: *voice, since: *since });
            }
        }
        for (id, user) in &self.users {
            let know = |network: &String| Write::KnowNetwork {
                session: id.clone(),
                network: network.clone(),
                instead_of: None,
            };
            writes.extend(user.networks.iter().map(know));
        }
        writes
    }

    /// How many are here, and in how many channels.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.users.len(), self.channels.len())
    }
}

fn tell(users: &HashMap<SessionId, User>, deliveries: &mut Deliveries, user: &SessionId, event: &Arc<Event>) {
    for mailbox in users.get(user).into_iter().flat_map(|user| user.clients.values()) {
        deliveries.push(mailbox.clone(), event.clone());
    }
}
