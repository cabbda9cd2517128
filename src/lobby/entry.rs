//! Coming and going: sessions, log-ins, and what the store remembers of them.

use super::{
    Lobby, LobbyError,
    commands::Act,
    envelope::Line,
    mailbox::Mailbox,
    modes::ChannelModes,
    seat::Reading,
    state::{Channel, LOBBY, LOBBY_ID, Moment, Rank, State, User},
    store::{Loaded, Write},
};
use crate::{
    gate::{limits::Exceeded, stamps::NotTaken},
    identity::{
        nick::{Folded, Nick},
        session::{
            ClientKey, IDLE_LIMIT, MOST_CLIENTS_OF_A_SESSION, NewSession, OpenError, Passed, Session, StoredSession,
        },
        sessions::Sessions,
    },
    lock::lock,
    race::SessionId,
};
use puzzle::stamp::{Bits, StampHash};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

/// A session that was opened or entered.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Names it without granting it.
    pub id: SessionId,
    /// Its nick.
    pub nick: Nick,
    /// The cookie's value, if a client was added; else the request has it already.
    pub token: Option<String>,
}

impl Lobby {
    /// Opens a session, or enters the lobby with the one that the request has.
    ///
    /// A stamp is needed unless none is asked for or the request's session has
    /// passed a gate before. It is spent only if everything else is in order.
    ///
    /// # Errors
    /// [`LobbyError`].
    pub async fn open_session(
        &self,
        present: Option<Session>,
        nick: Option<&str>,
        stamp: Option<&str>,
    ) -> Result<Opened, LobbyError> {
        let nick: Option<Nick> = nick.map(str::parse).transpose()?;
        if let Some(session) = present {
            if !session.passed.any()
                && !self.is_inside(&session)
                && let Some(hash) = self.shared.stamps.judge(stamp).map_err(LobbyError::Stamp)?
            {
                self.spend(hash).await?;
                self.shared.environment.sessions.upgrade(&session.id, Passed { human: false, stamped: true });
            }
            return self.enter_as(session, nick);
        }
        let hash = self.shared.stamps.judge(stamp).map_err(LobbyError::Stamp)?;
        if let Some(nick) = &nick {
            self.check_nick(nick)?;
        }
        if !self.lock().has_room() {
            return Err(LobbyError::Full);
        }
        // Before the spending, so that a refusal leaves the stamp as it was.
        self.take_from_ceiling()?;
        let opened = self.open_spending(nick, hash).await;
        if opened.is_err() {
            lock(&self.shared.ceiling).put_back();
        }
        opened
    }

    async fn open_spending(&self, nick: Option<Nick>, hash: Option<StampHash>) -> Result<Opened, LobbyError> {
        if let Some(hash) = hash {
            self.spend(hash).await?;
        }
        let opened = self.open_new(nick, Passed { human: false, stamped: hash.is_some() });
        if let (Err(_), Some(hash)) = (&opened, hash) {
            self.shared.stamps.give_back(hash).await;
        }
        opened
    }

    fn open_new(&self, nick: Option<Nick>, passed: Passed) -> Result<Opened, LobbyError> {
        if let Some(nick) = &nick {
            self.vacate(nick)?;
        }
        let sessions = &self.shared.environment.sessions;
        match sessions.open(nick, passed) {
            Ok(NewSession { session, token }) => match self.enter(&session) {
                Ok(_) => Ok(Opened { id: session.id, nick: session.nick, token: Some(token) }),
                Err(error) => {
                    sessions.close_client(&session.client);
                    Err(error)
                }
            },
            Err(OpenError::NickTaken) => Err(LobbyError::NickTaken { retry_after: None }),
            Err(OpenError::TooMany | OpenError::Ended) => Err(LobbyError::Full),
        }
    }

    /// Whether a new session may have the nick.
    fn check_nick(&self, nick: &Nick) -> Result<(), LobbyError> {
        let sessions = &self.shared.environment.sessions;
        match sessions.unclaimed_for(nick) {
            Some(Duration::ZERO) => Ok(()),
            None if !sessions.is_nick_taken(nick) => Ok(()),
            retry_after => Err(LobbyError::NickTaken { retry_after }),
        }
    }

    /// Frees a nick whose session was opened and never used: its cookie got lost on
    /// the way. Whoever asks has paid, so nobody is hunted for a fresh nick for free.
    fn vacate(&self, nick: &Nick) -> Result<(), LobbyError> {
        let slot = self.shared.store.reserve()?;
        let moment = self.moment();
        let mut state = self.lock();
        if let Some(id) = self.shared.environment.sessions.end_unclaimed(nick) {
            state.quit(moment, &id, "Never came");
            slot.write(std::mem::take(&mut state.writes));
        }
        Ok(())
    }

    async fn spend(&self, hash: StampHash) -> Result<(), LobbyError> {
        self.shared.stamps.spend(hash).await.map_err(|error| match error {
            NotTaken::Rejected(why) => LobbyError::Stamp(why),
            NotTaken::NotSpent(error) => LobbyError::Store(error.into()),
        })
    }

    fn take_from_ceiling(&self) -> Result<(), LobbyError> {
        let per_hour = f64::from(self.shared.environment.sessions_per_hour);
        let mut ceiling = lock(&self.shared.ceiling);
        ceiling
            .take(per_hour / 3600.0, per_hour, self.shared.clock.now())
            .map_err(|retry_after| LobbyError::Ceiling { retry_after })
    }

    fn enter_as(&self, session: Session, nick: Option<Nick>) -> Result<Opened, LobbyError> {
        let mailbox = self.enter(&session)?;
        let Some(nick) = nick else {
            return Ok(Opened { id: session.id, nick: session.nick, token: None });
        };
        let renamed = self.act(&session, &mailbox, |act| act.nick(&[nick.as_str()]).is_ok())?.0;
        if !renamed {
            return Err(LobbyError::NickTaken { retry_after: None });
        }
        Ok(Opened { id: session.id, nick, token: None })
    }

    fn is_inside(&self, session: &Session) -> bool {
        self.lock().users.contains_key(&session.id)
    }

    /// Makes sure that a session is in the lobby, and finds its client's queue. The
    /// first time it is greeted.
    pub(super) fn enter(&self, session: &Session) -> Result<Arc<Mailbox>, LobbyError> {
        if let Some(mailbox) = self.lock().users.get(&session.id).and_then(|user| user.clients.get(&session.client)) {
            return Ok(mailbox.clone());
        }
        let slot = self.shared.store.reserve()?;
        let moment = self.moment();
        let mut guard = self.lock();
        let state = &mut *guard;
        if !self.shared.environment.sessions.is_alive(&session.client) {
            return Err(LobbyError::Ended);
        }
        if !state.users.contains_key(&session.id) {
            if !state.has_room() {
                return Err(LobbyError::Full);
            }
            // Whoever had the nick before has lost its session: nobody else can have it.
            let before = state.nicks.get(&session.nick.folded()).filter(|before| **before != session.id).cloned();
            if let Some(before) = before {
                state.quit(moment, &before, "Idle for too long");
            }
            state.nicks.insert(session.nick.folded(), session.id.clone());
            let user = User {
                nick: session.nick.clone(),
                passed: session.passed,
                password: None,
                away: None,
                announces_wins: false,
                channels: BTreeSet::new(),
                clients: HashMap::new(),
                created_at: moment.seconds(),
                last_spoke: moment.now,
            };
            state.users.insert(session.id.clone(), user);
            state.save_user(&session.id);
        }
        let mailbox = self.add_client(state, moment, &session.id, session.client);
        slot.write(std::mem::take(&mut state.writes));
        Ok(mailbox)
    }

    /// Gives a client its queue, with the greeting and with the channels that its
    /// session is already in.
    fn add_client(&self, state: &mut State, moment: Moment, id: &SessionId, client: ClientKey) -> Arc<Mailbox> {
        let mailbox = Arc::new(Mailbox::default());
        let mut channels = BTreeSet::new();
        if let Some(user) = state.users.get_mut(id) {
            user.clients.insert(client, mailbox.clone());
            channels.clone_from(&user.channels);
        }
        state.writes.push(Write::SaveClient { key: client, session: id.clone(), last_seen: moment.seconds() });
        let mut act = Act {
            state,
            environment: &self.shared.environment,
            moment,
            me: id.clone(),
            mailbox: mailbox.clone(),
            replies: Vec::new(),
        };
        act.welcome();
        for channel in channels {
            act.show_joined(&channel);
        }
        for arrived in state.expected.remove(&client).into_iter().flatten() {
            // A connection that has just gone needs nothing.
            let _ = arrived.send(Reading::from_now_on(mailbox.clone()));
        }
        mailbox
    }

    /// Adds a client to the session of a nick, whoever knows its password.
    ///
    /// # Errors
    /// [`LobbyError::WrongPassword`], [`LobbyError::TooFast`] and those of a busy
    /// lobby.
    pub async fn login(&self, nick: &str, password: String, address: IpAddr) -> Result<Opened, LobbyError> {
        let too_fast = |Exceeded { retry_after }| LobbyError::TooFast { retry_after };
        self.shared.logins.take(address).map_err(too_fast)?;
        let known = self.lock().by_nick(nick).map(|(id, user)| (id.clone(), user.password.clone()));
        let hash = known.as_ref().and_then(|(_, password)| password.clone());
        let right = self.shared.passwords.matches(password, hash).await?;
        let Some((id, _)) = known.filter(|_| right) else { return Err(LobbyError::WrongPassword) };
        let slot = self.shared.store.reserve()?;
        let moment = self.moment();
        let mut guard = self.lock();
        let state = &mut *guard;
        if !state.users.contains_key(&id) {
            return Err(LobbyError::WrongPassword);
        }
        self.make_room_for_client(state, &id);
        let NewSession { session, token } =
            self.shared.environment.sessions.add_client(&id).map_err(|error| match error {
                OpenError::TooMany => LobbyError::Full,
                OpenError::NickTaken | OpenError::Ended => LobbyError::WrongPassword,
            })?;
        self.add_client(state, moment, &id, session.client);
        slot.write(std::mem::take(&mut state.writes));
        Ok(Opened { id, nick: session.nick, token: Some(token) })
    }

    /// Somebody who logs in again and again, never out, loses the client that has
    /// been idle longest, and is not locked out.
    fn make_room_for_client(&self, state: &mut State, id: &SessionId) {
        let sessions = &self.shared.environment.sessions;
        let Some(user) = state.users.get_mut(id) else { return };
        if user.clients.len() < MOST_CLIENTS_OF_A_SESSION {
            return;
        }
        let clients: Vec<ClientKey> = user.clients.keys().copied().collect();
        let idlest = sessions.idle_times(&clients).into_iter().max_by_key(|(_, idle)| *idle);
        if let Some((client, _)) = idlest {
            sessions.close_client(&client);
            if let Some(mailbox) = user.clients.remove(&client) {
                mailbox.close();
            }
            state.writes.push(Write::DeleteClient(client));
        }
    }

    /// Ends one client; the last one quits the session. Its cookie is worthless
    /// from here on.
    ///
    /// # Errors
    /// Those of a busy store; then nothing has happened.
    pub fn logout(&self, session: &Session) -> Result<(), LobbyError> {
        let slot = self.shared.store.reserve()?;
        let moment = self.moment();
        let mut state = self.lock();
        if self.shared.environment.sessions.close_client(&session.client) {
            state.quit(moment, &session.id, "Logged out");
        } else if let Some(user) = state.users.get_mut(&session.id)
            && let Some(mailbox) = user.clients.remove(&session.client)
        {
            mailbox.close();
            state.writes.push(Write::DeleteClient(session.client));
        }
        slot.write(std::mem::take(&mut state.writes));
        Ok(())
    }

    /// Ends a session with all its clients.
    pub(super) fn quit(&self, session: &Session, reason: &str) -> Result<(), LobbyError> {
        let slot = self.shared.store.reserve()?;
        let moment = self.moment();
        let mut state = self.lock();
        let clients = state.quit(moment, &session.id, reason);
        for client in clients.iter().chain([&session.client]) {
            self.shared.environment.sessions.close_client(client);
        }
        slot.write(std::mem::take(&mut state.writes));
        Ok(())
    }
}

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
        let keys: Vec<ClientKey> = clients.iter().map(|(key, _)| *key).collect();
        let nick: Option<Nick> = row.nick.parse().ok();
        let stored = nick.map(|nick| StoredSession { id: row.id.clone(), nick, passed: row.passed, clients });
        let Some(stored) = stored.filter(|stored| sessions.restore(stored.clone())) else {
            state.writes.push(Write::EndSession(row.id));
            continue;
        };
        state.nicks.insert(stored.nick.folded(), row.id.clone());
        let user = User {
            nick: stored.nick,
            passed: row.passed,
            password: row.password,
            away: None,
            announces_wins: false,
            channels: BTreeSet::new(),
            clients: keys.into_iter().map(|key| (key, Arc::default())).collect(),
            created_at: row.created_at,
            last_spoke: moment.now,
        };
        state.users.insert(row.id, user);
    }
    for stored in channels {
        let Ok(name) = stored.row.name.parse() else { continue };
        let members: HashMap<SessionId, Rank> = stored
            .members
            .into_iter()
            .filter(|(session, ..)| state.users.contains_key(session))
            .map(|(session, operator, voice)| (session, Rank { operator, voice }))
            .collect();
        state.last_channel = state.last_channel.max(stored.row.id);
        if members.is_empty() && stored.row.id != LOBBY_ID {
            state.writes.push(Write::DeleteChannel(stored.row.id));
            continue;
        }
        let bits = Bits::new(stored.row.hashcash_bits).unwrap_or(Bits::MAX);
        let modes = ChannelModes::from_letters(&stored.row.modes, bits);
        add_channel(
            &mut state,
            Channel {
                id: stored.row.id,
                name,
                topic: stored.row.topic,
                modes,
                created_at: stored.row.created_at,
                members,
                invited: HashSet::new(),
            },
        );
    }
    if !state.channels.contains_key(&Folded::of(LOBBY))
        && let Ok(name) = LOBBY.parse()
    {
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
        add_channel(&mut state, channel);
    }
    let mailboxes: HashMap<ClientKey, Arc<Mailbox>> =
        state.users.values().flat_map(|user| user.clients.iter().map(|(key, box_)| (*key, box_.clone()))).collect();
    for (client, seq, envelope) in queues {
        if let Some(mailbox) = mailboxes.get(&client) {
            mailbox.push(Line::new(seq, moment.now, envelope, &state.weight), &state.weight);
        }
    }
    for (seq, envelope) in recent {
        let line = Line::new(seq, moment.now, envelope, &state.weight);
        state.remember(line);
    }
    state
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
