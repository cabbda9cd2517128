//! What the lobby shows of itself: its channels, members, history and a client's own
//! state.

use super::{
    error::LobbyError,
    event::Event,
    handle::Lobby,
    state::{Channel, LOBBY, MOST_RECENT, conversation},
};
use crate::{
    identity::{nick::Folded, session::Session},
    lock::lock,
};
use serde::Serialize;

/// The most messages of one answer from the history.
const MOST_HISTORY: u32 = 200;

/// The most members of one answer.
const MOST_MEMBERS: usize = 1000;

/// So many of them are worth a command.
const MEMBERS_PER_COMMAND: f64 = 200.0;

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
            users: self.lock().counts().0,
            hashcash_bits: (!bits.is_none()).then(|| bits.get()),
        }
    }

    /// The newest messages of `#lobby`, oldest first, as JSON. Open to everybody.
    pub fn recent(&self) -> Vec<String> {
        let recent = self.lock().recent.clone();
        let recent = lock(&recent);
        recent.iter().map(|event| event.json().to_owned()).collect()
    }

    /// The caller's own state.
    ///
    /// # Errors
    /// Those of entering.
    pub async fn state(&self, session: &Session) -> Result<StateView, LobbyError> {
        let (lobby, session) = (self.clone(), session.clone());
        self.shared.runtime.run(async move { lobby.state_of(&session).await }).await
    }

    async fn state_of(&self, session: &Session) -> Result<StateView, LobbyError> {
        let mailbox = self.enter(session).await?;
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

    /// The channels that the caller may know of, in alphabetical order.
    ///
    /// # Errors
    /// Those of entering.
    pub async fn channels(&self, session: &Session) -> Result<Vec<ChannelView>, LobbyError> {
        let (lobby, session) = (self.clone(), session.clone());
        self.shared.runtime.run(async move { lobby.channels_of(&session).await }).await
    }

    async fn channels_of(&self, session: &Session) -> Result<Vec<ChannelView>, LobbyError> {
        self.enter(session).await?;
        let state = self.lock();
        let visible = |channel: &&Channel| !channel.modes.secret || channel.members.contains_key(&session.id);
        Ok(state.channels.values().filter(visible).map(|channel| view(channel, session)).collect())
    }

    /// The members of a channel, in alphabetical order.
    ///
    /// # Errors
    /// [`LobbyError::NoSuchTarget`] and those of entering.
    pub async fn members(&self, session: &Session, channel: &str) -> Result<Vec<MemberView>, LobbyError> {
        let (lobby, session, channel) = (self.clone(), session.clone(), channel.to_owned());
        self.shared.runtime.run(async move { lobby.members_of(&session, &channel).await }).await
    }

    async fn members_of(&self, session: &Session, channel: &str) -> Result<Vec<MemberView>, LobbyError> {
        let mailbox = self.enter(session).await?;
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
        mailbox.charge(members.len() as f64 / MEMBERS_PER_COMMAND);
        members.sort_unstable_by_key(|member| member.nick.to_ascii_lowercase());
        Ok(members)
    }

    /// The newest messages of a channel or of the caller's conversation with a nick
    /// that are older than number `before`, as JSON:
    /// `{"messages":[…],"before":n|null}`. All of it is for members, except the
    /// newest ones of `#lobby`, which everybody may read and which are in memory, so
    /// that strangers cost the store nothing.
    ///
    /// # Errors
    /// [`LobbyError::NoSuchTarget`], [`LobbyError::NotOnChannel`], and those of the
    /// store.
    pub async fn history(
        &self,
        session: Option<&Session>,
        target: &str,
        before: Option<u64>,
        limit: u32,
    ) -> Result<String, LobbyError> {
        let key = self.target(session, target)?;
        let limit = limit.clamp(1, MOST_HISTORY);
        if session.is_none() {
            return Ok(self.recent_history(limit));
        }
        let messages = self.shared.store.history(key, before.unwrap_or(u64::MAX), limit).await?;
        let full = limit as usize <= messages.len();
        let older = messages.first().filter(|_| full).map_or_else(|| "null".into(), |(seq, _)| seq.to_string());
        let messages: Vec<String> = messages.into_iter().map(|(_, envelope)| envelope).collect();
        Ok(format!("{{\"messages\":[{}],\"before\":{older}}}", messages.join(",")))
    }

    /// The version of the messages that everybody may read, quoted as an `ETag` is:
    /// another one once there is a new message.
    pub fn recent_version(&self) -> String {
        let recent = self.lock().recent.clone();
        let newest = lock(&recent).back().map_or(0, |event| event.seq);
        format!("\"{newest}\"")
    }

    fn recent_history(&self, limit: u32) -> String {
        let recent = self.lock().recent.clone();
        let recent = lock(&recent);
        let skipped = recent.len().saturating_sub(limit as usize);
        let events: Vec<&Event> = recent.iter().skip(skipped).map(|event| &**event).collect();
        let is_all = skipped == 0 && events.len() < MOST_RECENT;
        let older = events.first().filter(|_| !is_all).map_or_else(|| "null".into(), |event| event.seq.to_string());
        let messages: Vec<&str> = events.into_iter().map(Event::json).collect();
        format!("{{\"messages\":[{}],\"before\":{older}}}", messages.join(","))
    }

    /// Under which a target's messages are kept, if the caller may read them.
    fn target(&self, session: Option<&Session>, target: &str) -> Result<String, LobbyError> {
        let folded = Folded::of(target);
        let state = self.lock();
        if folded == Folded::of(LOBBY) {
            return state.channels.get(&folded).map(Channel::target).ok_or(LobbyError::NoSuchTarget);
        }
        let session = session.ok_or(LobbyError::Ended)?;
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
