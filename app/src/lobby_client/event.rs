//! What the client hears and what it asks for.

use crate::{
    error::ApiError,
    scene::{MintEvent, lobby::LobbyCommand},
    wire::lobby::{LobbyAnswer, LobbyBatch, LobbyEvent, LobbyMembers, LobbyRequest, LobbySession, LobbyState},
};

/// What the client hears.
#[derive(Debug)]
pub enum Event {
    /// Time has passed.
    Moment,
    /// The visitor did something.
    Command(LobbyCommand),
    /// How the race stands: whether there is a session to act with, and whether the
    /// live connection brings news.
    Race {
        /// There is a session that the race has accepted.
        admitted: bool,
        /// The live connection stands.
        live: bool,
    },
    /// The answer to [`Effect::Enter`].
    Entered(Result<LobbySession, ApiError>),
    /// The answer to [`Effect::FetchState`].
    StateFetched(Result<LobbyState, ApiError>),
    /// The answer to [`Effect::FetchMembers`].
    MembersFetched {
        /// Of this channel.
        channel: String,
        /// Who is in it.
        result: Result<LobbyMembers, ApiError>,
    },
    /// The answer to [`Effect::FetchHistory`].
    HistoryFetched {
        /// Of this channel or conversation.
        name: String,
        /// What was said.
        result: Result<LobbyBatch, ApiError>,
    },
    /// The answer to [`Effect::Look`]: what the server calls the lines, and the lines;
    /// nothing if they are those that are known.
    Looked(Result<Option<(String, LobbyBatch)>, ApiError>),
    /// The answer to [`Effect::Poll`].
    Polled(Result<LobbyBatch, ApiError>),
    /// The live connection brought an event.
    Heard {
        /// Its place in the queue.
        id: u64,
        /// What happened.
        event: LobbyEvent,
    },
    /// The answer to [`Effect::Send`].
    Answered(Result<LobbyAnswer, ApiError>),
    /// A search for a stamp did something.
    Stamp {
        /// Which search.
        search: u64,
        /// What.
        event: MintEvent,
    },
}

/// What a stamp is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StampFor {
    /// A session with this server.
    Session(String),
    /// This message to this channel.
    Message(String, Vec<String>),
}

/// What the client asks its surroundings for.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Make a session.
    Enter {
        /// With this stamp, if one is needed.
        stamp: Option<String>,
    },
    /// Ask for nick, channels and the queue's end; that enters the lobby, too.
    FetchState,
    /// Ask who is in a channel.
    FetchMembers(String),
    /// Ask for the last lines of a channel or a conversation.
    FetchHistory(String),
    /// Ask without a session for the last lines of `#lobby`.
    Look {
        /// What the server calls those that are known; empty if it has not said.
        known: String,
    },
    /// Read the queue.
    Poll {
        /// After this place.
        after: u64,
        /// And wait so many seconds for something.
        seconds: u32,
    },
    /// Have the server say something that the live connection brings, if it brings
    /// the events of the lobby.
    Listen,
    /// Send a command. One is under way at a time.
    Send(LobbyRequest),
    /// Search for a stamp.
    Mint {
        /// Names the search.
        search: u64,
        /// How many bits.
        bits: u8,
        /// What it is for.
        purpose: StampFor,
    },
    /// Give up a search.
    CancelMint(u64),
    /// Have the race do something.
    Race(crate::scene::Command),
}
