//! The lobby as it was when it stopped.

use super::{
    delivery::remember,
    event::Event,
    mailbox::{EVENT_LIFETIME, Mailbox},
    modes::ChannelModes,
    state::{Channel, LOBBY, LOBBY_ID, Moment, Rank, State, User},
    store::{Loaded, SessionRow, StoredChannel, StoredClient, StoredLine, StoredMember, Write},
};
use crate::identity::{
    nick::{Folded, Nick},
    session::{ClientKey, IDLE_LIMIT, SessionId, StoredSession},
    sessions::Sessions,
};
use puzzle::stamp::Bits;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// The lobby as the store remembers it. Sessions that have been idle for too long
/// meanwhile do not come back.
pub(super) fn restore(loaded: Loaded, sessions: &Sessions, moment: Moment) -> State {
    let Loaded { sessions: rows, clients, networks, channels, conversations, queues, lines, recent, .. } = loaded;
    let mut state = State { last_channel: loaded.last_channel, last_seq: loaded.last_seq, ..State::default() };
    let mut clients_of: HashMap<SessionId, Vec<(ClientKey, Duration)>> = HashMap::new();
    let mut since_of: HashMap<ClientKey, u64> = HashMap::new();
    for StoredClient { key, session, last_seen, since } in clients {
        since_of.insert(key, since);
        let idle = Duration::from_secs(moment.seconds().saturating_sub(last_seen));
        if idle < IDLE_LIMIT {
            clients_of.entry(session).or_default().push((key, idle));
        } else {
            state.writes.push(Write::DeleteClient(key));
        }
    }
    for row in rows {
        let clients = clients_of.remove(&row.id).unwrap_or_default();
        restore_user(&mut state, row, clients, sessions, moment);
    }
    let spoken_in: HashSet<String> = lines.values().filter_map(|line| line.target.clone()).collect();
    for channel in channels {
        let has_words = spoken_in.contains(&format!("c{}", channel.row.id));
        restore_channel(&mut state, channel, has_words, moment);
    }
    if !state.channels.contains_key(&Folded::of(LOBBY)) {
        create_lobby(&mut state, moment);
    }
    for (session, network) in networks {
        if let Some(user) = state.users.get_mut(&session) {
            user.networks.push_back(network);
        }
    }
    for (key, mailbox) in state.users.values_mut().flat_map(|user| &mut user.clients) {
        *mailbox = Arc::new(Mailbox::since(since_of.get(key).copied().unwrap_or_default()));
    }
    restore_queues(&state, &queues, lines, &conversations, moment);
    for (seq, envelope) in recent {
        let event = Event::new(seq, moment.now, envelope, &state.event_bytes);
        remember(&state.recent, event);
    }
    state
}

/// Gives every client its queue back: as it was at the last stop, or, after a crash,
/// everything that was said where it heard it.
fn restore_queues(
    state: &State,
    queues: &HashMap<ClientKey, Vec<u64>>,
    lines: BTreeMap<u64, StoredLine>,
    conversations: &[(String, SessionId, SessionId)],
    moment: Moment,
) {
    let week_ago = moment.seconds().saturating_sub(EVENT_LIFETIME.as_secs()).saturating_mul(1_000_000);
    let mut said: HashMap<String, Vec<u64>> = HashMap::new();
    let mut events: HashMap<u64, Arc<Event>> = HashMap::new();
    for (number, StoredLine { target, envelope }) in lines.into_iter().filter(|(number, _)| week_ago <= *number) {
        if let Some(target) = target {
            said.entry(target).or_default().push(number);
        }
        events.insert(number, Event::new(number, moment.now, envelope, &state.event_bytes));
    }
    let mut talks: HashMap<&SessionId, Vec<&[u64]>> = HashMap::new();
    for (target, one, other) in conversations {
        let Some(numbers) = said.get(target) else { continue };
        talks.entry(one).or_default().push(numbers);
        if one != other {
            talks.entry(other).or_default().push(numbers);
        }
    }
    for (id, user) in &state.users {
        let heard_in = |name| {
            let channel: &Channel = state.channels.get(name)?;
            Some((&**said.get(&channel.target())?, channel.members.get(id)?.since))
        };
        let mut heard: Vec<u64> = user
            .channels
            .iter()
            .filter_map(heard_in)
            .flat_map(|(all, since)| after(all, since).iter().copied())
            .collect();
        heard.extend(talks.get(id).into_iter().flatten().flat_map(|numbers| numbers.iter().copied()));
        heard.sort_unstable();
        for (key, mailbox) in &user.clients {
            let numbers = queues.get(key).map_or_else(|| after(&heard, mailbox.since), |queue| queue);
            for event in numbers.iter().filter_map(|number| events.get(number)) {
                mailbox.push(event.clone(), &state.event_bytes);
            }
        }
    }
}

/// The numbers behind this one.
fn after(numbers: &[u64], since: u64) -> &[u64] {
    &numbers[numbers.partition_point(|number| *number <= since)..]
}

/// Restores a session, or has the store forget it: nobody can use one without clients.
fn restore_user(
    state: &mut State,
    row: SessionRow,
    clients: Vec<(ClientKey, Duration)>,
    sessions: &Sessions,
    moment: Moment,
) {
    let keys: Vec<ClientKey> = clients.iter().map(|(key, _)| *key).collect();
    let nick: Option<Nick> = row.nick.parse().ok();
    let stored = nick.map(|nick| StoredSession { id: row.id.clone(), nick, passed: row.passed, clients });
    let Some(stored) = stored.filter(|stored| sessions.restore(stored.clone())) else {
        state.writes.push(Write::EndSession(row.id));
        return;
    };
    state.nicks.insert(stored.nick.folded(), row.id.clone());
    let user = User {
        password: row.password,
        clients: keys.into_iter().map(|key| (key, Arc::default())).collect(),
        ..User::new(stored.nick, row.passed, row.created_at, moment.now)
    };
    state.users.insert(row.id, user);
}

/// Restores a channel with those of its members that are still there, or has the store
/// forget it if nobody is left.
fn restore_channel(state: &mut State, StoredChannel { row, members }: StoredChannel, has_words: bool, moment: Moment) {
    let Ok(name) = row.name.parse() else { return };
    let members: HashMap<SessionId, Rank> = members
        .into_iter()
        .filter(|member| state.users.contains_key(&member.session))
        .map(|StoredMember { session, operator, voice, since }| (session, Rank { operator, voice, since }))
        .collect();
    state.last_channel = state.last_channel.max(row.id);
    if members.is_empty() && row.id != LOBBY_ID {
        state.writes.push(Write::DeleteChannel(row.id));
        return;
    }
    let bits = Bits::new(row.hashcash_bits).unwrap_or(Bits::MAX);
    let channel = Channel {
        topic: row.topic,
        modes: ChannelModes::from_letters(&row.modes, bits),
        created_at: row.created_at,
        members,
        // When it was is not kept; that there was something is more than nothing.
        has_words,
        ..Channel::new(row.id, name, moment)
    };
    add_channel(state, channel);
}

/// Creates the channel that always exists.
fn create_lobby(state: &mut State, moment: Moment) {
    let Ok(name) = LOBBY.parse() else { return };
    // Nobody is operator here, so its topic stays as it is.
    let modes = ChannelModes::from_letters("nt", Bits::NONE);
    let channel = Channel { modes, ..Channel::new(LOBBY_ID, name, moment) };
    state.writes.push(Write::SaveChannel(channel.row()));
    add_channel(state, channel);
}

fn add_channel(state: &mut State, channel: Channel) {
    let folded = channel.name.folded();
    for member in channel.members.keys() {
        if let Some(user) = state.users.get_mut(member) {
            user.channels.insert(folded.clone());
        }
    }
    state.channels.insert(folded, channel);
}
