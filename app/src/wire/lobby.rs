//! The lobby's part of what browser and server exchange, as far as the page needs it.

use crate::read::read_fields;
use serde::Serialize;
use serde_json::Value;

/// What the server knows of the lobby when it renders the page.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LobbyPage {
    /// False if the lobby is closed.
    pub open: bool,
    /// How many are in it.
    pub users: usize,
    /// The newest lines of `#lobby`, oldest first.
    pub lines: Vec<LobbyEvent>,
}

/// Something that happened in the lobby: a message, a join, a numeric …
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LobbyEvent {
    /// Its name, the same for everybody and in the history.
    pub id: String,
    /// A command, or the three digits of a numeric.
    pub command: String,
    /// A nick, or the server's name.
    pub from: String,
    /// A channel or a nick.
    pub to: String,
    /// More arguments.
    pub params: Vec<String>,
    /// The text, line by line.
    pub body: Vec<String>,
    /// When, RFC 3339 in UTC.
    pub ts: String,
    /// What the sender added. Anybody may have written it: nothing in it is certain.
    pub meta: Value,
}

/// What the lobby says on the live connection.
#[derive(Clone, Debug)]
pub struct LobbyMessage {
    /// `LOBBY`: an event.
    pub kind: String,
    /// The event's place in this client's queue.
    pub id: Option<u64>,
    /// What happened.
    pub event: Option<LobbyEvent>,
}

/// A command on its way to the server.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LobbyRequest {
    /// Its name.
    pub command: String,
    /// The channel or nick it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// More arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<String>,
    /// The text, line by line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<String>,
    /// What goes with a message.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub meta: Value,
}

/// What became of a command.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LobbyAnswer {
    /// The three digits of what is wrong, if something is.
    pub numeric: Option<String>,
    /// The same for people.
    pub message: String,
    /// The same for programs.
    pub meta: Value,
    /// The name of the message that was delivered.
    pub id: Option<String>,
    /// What was replied.
    pub replies: Vec<LobbyEvent>,
}

/// A channel, seen by one of its members.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LobbyChannel {
    /// Its name.
    pub name: String,
    /// Its topic; empty if none.
    pub topic: String,
    /// Bits of a message's stamp; 0: none.
    pub hashcash_bits: u8,
}

/// `GET /api/v1/state`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LobbyState {
    /// The visitor's nick.
    pub nick: String,
    /// The channels joined.
    pub channels: Vec<LobbyChannel>,
    /// The number of the newest event in this client's queue.
    pub last_id: u64,
}

/// A member of a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LobbyMember {
    /// The nick.
    pub nick: String,
    /// `@`, `+` or nothing.
    pub prefix: String,
    /// True if marked as away.
    pub away: bool,
}

/// `GET /api/v1/channels/{name}/members`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LobbyMembers {
    /// In alphabetical order.
    pub members: Vec<LobbyMember>,
}

/// `GET /api/v1/messages` and `GET /api/v1/history`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LobbyBatch {
    /// Oldest first.
    pub messages: Vec<LobbyEvent>,
    /// After which to go on reading the queue.
    pub last_id: u64,
}

/// The answer of `POST /api/v1/session`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LobbySession {
    /// The visitor's nick.
    pub nick: String,
}

read_fields! {
    LobbyAnswer { numeric, id; or default message, meta, replies }
    LobbyBatch { messages; or default last_id }
    LobbyChannel { name, topic, hashcash_bits }
    LobbyEvent { id, command, from, to, ts; or default params, body, meta }
    LobbyMember { nick, prefix; or default away }
    LobbyMembers { members }
    LobbyMessage { kind as "type", id, event }
    LobbyPage { open, users, lines }
    LobbySession { nick }
    LobbyState { nick, channels, last_id }
}
