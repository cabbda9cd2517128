//! The lobby as it was when it stopped.

use super::{
    event::Event,
    mailbox::Mailbox,
    modes::ChannelModes,
    state::{Channel, LOBBY, LOBBY_ID, Moment, Rank, State, User},
    store::{Loaded, SessionRow, StoredChannel, Write},
};
use crate::identity::{
    nick::{Folded, Nick},
    session::{ClientKey, IDLE_LIMIT, SessionId, StoredSession},
    sessions::Sessions,
};
use puzzle::stamp::Bits;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// The lobby as the store remembers it. Sessions that have been idle for too long
/// meanwhile do not come back.
pub(super) fn restore(loaded: Loaded, sessions: &Sessions, moment: Moment) -> State {
    let Loaded { sessions: rows, clients, channels, queues, recent, last_seq } = loaded;
    let mut state = State { last_channel: LOBBY_ID, last_seq, ..State::default() };
    let mut clients_of: HashMap<SessionId, Vec<(ClientKey, Duration)>> = HashMap::new();
    for (key, session, last_seen) in clients {
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
    for channel in channels {
        restore_channel(&mut state, channel);
    }
    if !state.channels.contains_key(&Folded::of(LOBBY)) {
        create_lobby(&mut state, moment);
    }
    let mailboxes: HashMap<ClientKey, Arc<Mailbox>> = state
        .users
        .values()
        .flat_map(|user| user.clients.iter().map(|(key, mailbox)| (*key, mailbox.clone())))
        .collect();
    for (client, seq, envelope) in queues {
        if let Some(mailbox) = mailboxes.get(&client) {
            mailbox.push(Event::new(seq, moment.now, envelope, &state.event_bytes), &state.event_bytes);
        }
    }
    for (seq, envelope) in recent {
        let event = Event::new(seq, moment.now, envelope, &state.event_bytes);
        state.remember(event);
    }
    state
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
fn restore_channel(state: &mut State, StoredChannel { row, members }: StoredChannel) {
    let Ok(name) = row.name.parse() else { return };
    let members: HashMap<SessionId, Rank> = members
        .into_iter()
        .filter(|(session, ..)| state.users.contains_key(session))
        .map(|(session, operator, voice)| (session, Rank { operator, voice }))
        .collect();
    state.last_channel = state.last_channel.max(row.id);
    if members.is_empty() && row.id != LOBBY_ID {
        state.writes.push(Write::DeleteChannel(row.id));
        return;
    }
    let bits = Bits::new(row.hashcash_bits).unwrap_or(Bits::MAX);
    let channel = Channel {
        id: row.id,
        name,
        topic: row.topic,
        modes: ChannelModes::from_letters(&row.modes, bits),
        created_at: row.created_at,
        members,
        invited: HashSet::new(),
    };
    add_channel(state, channel);
}

/// Creates the channel that always exists.
fn create_lobby(state: &mut State, moment: Moment) {
    let Ok(name) = LOBBY.parse() else { return };
    let channel = Channel {
        id: LOBBY_ID,
        name,
        topic: None,
        // Nobody is operator here, so its topic stays as it is.
        modes: ChannelModes::from_letters("nt", Bits::NONE),
        created_at: moment.seconds(),
        members: HashMap::new(),
        invited: HashSet::new(),
    };
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
