//! What the lobby shows of itself: its channels, members, history and a client's own
//! state.

use super::{
    error::LobbyError,
    event::Event,
    handle::Lobby,
    mailbox::Mailbox,
    state::{Channel, LOBBY, MOST_RECENT, State, conversation},
};
use crate::{
    identity::{nick::Folded, session::Session},
    lock::lock,
};
use serde::Serialize;
use std::{net::IpAddr, sync::atomic::Ordering};

/// The most messages of one answer from the history.
const MOST_HISTORY: u32 = 200;

/// The most members of one answer.
const MOST_MEMBERS: usize = 1000;

/// The most channels of one answer that the caller is not in.
const MOST_CHANNELS_SHOWN: usize = 1000;

/// So many members, channels or messages are worth a command.
const ROWS_PER_COMMAND: f64 = 200.0;

/// `GET /api/v1/server`.
#[derive(Clone, Debug, Serialize)]
pub struct ServerView {
    /// The server's name.
    pub name: String,
    /// The program's version.
    pub version: &'static str,
    /// The message of the day.
    pub motd: String,
    /// How many are in the lobby.
    pub users: usize,
    /// Bits of a session stamp, if one is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hashcash_bits: Option<u8>,
}

/// A channel, to somebody.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelView {
    /// Its name.
    pub name: String,
    /// Its topic; empty if none.
    pub topic: String,
    /// As 324 shows them: `+nH 20`.
    pub modes: String,
    /// Bits of a message's stamp; 0: none.
    pub hashcash_bits: u8,
    /// How many are in it.
    pub members: usize,
    /// What the caller is in it: `@`, `+` or nothing; absent if not a member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<&'static str>,
}

/// A member, to somebody.
#[derive(Clone, Debug, Serialize)]
pub struct MemberView {
    /// The nick.
    pub nick: String,
    /// `@`, `+` or nothing.
    pub prefix: &'static str,
    /// True if marked as away.
    pub away: bool,
}

/// `GET /api/v1/state`.
#[derive(Clone, Debug, Serialize)]
pub struct StateView {
    /// The session's id.
    pub id: String,
    /// Its nick.
    pub nick: String,
    /// Its away message, if it is away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub away: Option<String>,
    /// True if a password is set, so that other clients can log in.
    pub has_password: bool,
    /// The channels it is in.
    pub channels: Vec<ChannelView>,
    /// The number of the newest message in this client's queue.
    pub last_id: u64,
}

impl Lobby {
    /// The lobby itself. Open to everybody.
    pub fn server(&self) -> ServerView {
        let bits = self.shared.admission.stamps().bits();
        ServerView {
            name: self.shared.environment.server_name.clone(),
            version: env!("CARGO_PKG_VERSION"),
            motd: lock(&self.shared.environment.motd).clone(),
            users: self.shared.present.load(Ordering::Relaxed),
            hashcash_bits: (!bits.is_none()).then(|| bits.get()),
        }
    }

    /// The newest messages of `#lobby`, oldest first, as JSON. Open to everybody.
    pub fn recent(&self) -> Vec<String> {
        lock(&self.shared.recent).iter().map(|event| event.json().to_owned()).collect()
    }

    /// The caller's own state.
    ///
    /// # Errors
    /// Those of entering.
    pub async fn state(&self, session: &Session, address: IpAddr) -> Result<StateView, LobbyError> {
        let (lobby, session) = (self.clone(), session.clone());
        self.shared.runtime.run(async move { lobby.state_of(&session, address).await }).await
    }

    async fn state_of(&self, session: &Session, address: IpAddr) -> Result<StateView, LobbyError> {
        let mailbox = self.enter(session, address).await?;
        let state = self.lock();
        let user = state.users.get(&session.id).ok_or(LobbyError::Ended)?;
        let channels = user.channels.iter().filter_map(|name| state.channels.get(name));
        Ok(StateView {
            id: session.id.to_string(),
            nick: user.nick.to_string(),
            away: user.away.clone(),
            has_password: user.password.is_some(),
            channels: channels.map(|channel| view(channel, session)).collect(),
            last_id: mailbox.newest(),
        })
    }

    /// The channels that the caller is in, and of the others that the caller may know of
    /// the first thousand, in alphabetical order.
    ///
    /// # Errors
    /// [`LobbyError::TooFast`] and those of entering.
    pub async fn channels(&self, session: &Session, address: IpAddr) -> Result<Vec<ChannelView>, LobbyError> {
        let (lobby, session) = (self.clone(), session.clone());
        self.shared.runtime.run(async move { lobby.channels_of(&session, address).await }).await
    }

    async fn channels_of(&self, session: &Session, address: IpAddr) -> Result<Vec<ChannelView>, LobbyError> {
        let mailbox = self.enter(session, address).await?;
        self.wait_for_turn(&mailbox).await?;
        let state = self.lock();
        let mut others = 0;
        let is_shown = |channel: &&Channel| {
            let is_mine = channel.members.contains_key(&session.id);
            let is_open = !is_mine && !channel.modes.secret;
            others += usize::from(is_open);
            is_mine || (is_open && others <= MOST_CHANNELS_SHOWN)
        };
        let channels: Vec<ChannelView> =
            state.channels.values().filter(is_shown).map(|channel| view(channel, session)).collect();
        charge_for_rows(&mailbox, channels.len());
        Ok(channels)
    }

    /// The members of a channel, in alphabetical order.
    ///
    /// # Errors
    /// [`LobbyError::NoSuchTarget`], [`LobbyError::TooFast`] and those of entering.
    pub async fn members(
        &self,
        session: &Session,
        channel: &str,
        address: IpAddr,
    ) -> Result<Vec<MemberView>, LobbyError> {
        let (lobby, session, channel) = (self.clone(), session.clone(), channel.to_owned());
        self.shared.runtime.run(async move { lobby.members_of(&session, &channel, address).await }).await
    }

    async fn members_of(
        &self,
        session: &Session,
        channel: &str,
        address: IpAddr,
    ) -> Result<Vec<MemberView>, LobbyError> {
        let mailbox = self.enter(session, address).await?;
        self.wait_for_turn(&mailbox).await?;
        let state = self.lock();
        let channel = state
            .channels
            .get(&Folded::of(channel))
            .filter(|channel| !channel.modes.secret || channel.members.contains_key(&session.id))
            .ok_or(LobbyError::NoSuchTarget)?;
        let mut members: Vec<MemberView> = channel
            .foremost(MOST_MEMBERS)
            .filter_map(|(id, rank)| {
                let user = state.users.get(id)?;
                Some(MemberView { nick: user.nick.to_string(), prefix: rank.prefix(), away: user.away.is_some() })
            })
            .collect();
        charge_for_rows(&mailbox, members.len());
        members.sort_unstable_by_key(|member| member.nick.to_ascii_lowercase());
        Ok(members)
    }

    /// The newest messages of a channel or of the caller's conversation with a nick
    /// that are older than number `before`, as JSON:
    /// `{"messages":[…],"before":n|null}`. All of it is for members, except the
    /// newest ones of `#lobby`, which everybody may read and which are in memory, so
    /// that those who are not in the lobby cost the store nothing.
    ///
    /// # Errors
    /// [`LobbyError::NoSuchTarget`], [`LobbyError::NotOnChannel`],
    /// [`LobbyError::TooFast`], and those of the store.
    pub async fn history(
        &self,
        session: Option<&Session>,
        target: &str,
        before: Option<u64>,
        limit: u32,
        address: IpAddr,
    ) -> Result<String, LobbyError> {
        let limit = limit.clamp(1, MOST_HISTORY);
        let Some(session) = session else {
            // Strangers may read this and nothing else.
            let is_open = target.eq_ignore_ascii_case(LOBBY);
            return if is_open { Ok(self.recent_history(limit)) } else { Err(LobbyError::Ended) };
        };
        let (lobby, session, target) = (self.clone(), session.clone(), target.to_owned());
        let reading = async move { lobby.history_of(&session, &target, before, limit, address).await };
        self.shared.runtime.run(reading).await
    }

    async fn history_of(
        &self,
        session: &Session,
        target: &str,
        before: Option<u64>,
        limit: u32,
        address: IpAddr,
    ) -> Result<String, LobbyError> {
        // Whoever only reads what everybody may read need not come in.
        if target.eq_ignore_ascii_case(LOBBY) && before.is_none() && !self.is_inside(session) {
            return Ok(self.recent_history(limit));
        }
        let mailbox = self.enter(session, address).await?;
        self.wait_for_turn(&mailbox).await?;
        let key = target_of(&self.lock(), session, target)?;
        let messages = self.shared.store.history(key, before.unwrap_or(u64::MAX), limit).await?;
        // What little there is costs less than a command.
        mailbox.charge(-1.0);
        charge_for_rows(&mailbox, messages.len());
        let full = limit as usize <= messages.len();
        let older = messages.first().filter(|_| full).map_or_else(|| "null".into(), |(seq, _)| seq.to_string());
        let messages: Vec<String> = messages.into_iter().map(|(_, envelope)| envelope).collect();
        Ok(format!("{{\"messages\":[{}],\"before\":{older}}}", messages.join(",")))
    }

    /// The version of the messages that everybody may read, quoted as an `ETag` is:
    /// another one once there is a new message.
    pub fn recent_version(&self) -> String {
        let newest = lock(&self.shared.recent).back().map_or(0, |event| event.seq);
        format!("\"{newest}\"")
    }

    fn recent_history(&self, limit: u32) -> String {
        let recent = lock(&self.shared.recent);
        let skipped = recent.len().saturating_sub(limit as usize);
        let events: Vec<&Event> = recent.iter().skip(skipped).map(|event| &**event).collect();
        let is_all = skipped == 0 && events.len() < MOST_RECENT;
        let older = events.first().filter(|_| !is_all).map_or_else(|| "null".into(), |event| event.seq.to_string());
        let messages: Vec<&str> = events.into_iter().map(Event::json).collect();
        format!("{{\"messages\":[{}],\"before\":{older}}}", messages.join(","))
    }
}

/// Under which a target's messages are kept, if the caller may read them.
fn target_of(state: &State, session: &Session, target: &str) -> Result<String, LobbyError> {
    let folded = Folded::of(target);
    if folded == Folded::of(LOBBY) {
        return state.channels.get(&folded).map(Channel::target).ok_or(LobbyError::NoSuchTarget);
    }
    if target.starts_with('#') {
        let channel = state.channels.get(&folded).ok_or(LobbyError::NoSuchTarget)?;
        let member = channel.members.contains_key(&session.id);
        return match (member, channel.modes.secret) {
            (true, _) => Ok(channel.target()),
            (false, true) => Err(LobbyError::NoSuchTarget),
            (false, false) => Err(LobbyError::NotOnChannel),
        };
    }
    let (id, _) = state.by_nick(target).ok_or(LobbyError::NoSuchTarget)?;
    Ok(conversation(&session.id, id).0)
}

/// Has an answer of so many rows cost its caller what it costs us.
fn charge_for_rows(mailbox: &Mailbox, rows: usize) {
    mailbox.charge(rows as f64 / ROWS_PER_COMMAND);
}

fn view(channel: &Channel, session: &Session) -> ChannelView {
    ChannelView {
        name: channel.name.to_string(),
        topic: channel.topic.as_ref().map(|(text, _, _)| text.clone()).unwrap_or_default(),
        modes: channel.modes.to_string(),
        hashcash_bits: channel.modes.hashcash.get(),
        members: channel.members.len(),
        prefix: channel.members.get(&session.id).map(|rank| rank.prefix()),
    }
}
