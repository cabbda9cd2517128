//! The lobby as the page shows it, and what its visitor may ask for.

use super::{proof::Proof, server_words::ServerWords};
use crate::wire::{
    PageState,
    lobby::{LobbyEvent, LobbyMember},
};
use serde_json::Value;
use std::sync::Arc;

/// The channel that always exists.
pub const LOBBY: &str = "#lobby";

/// How many members are shown by name.
pub const MOST_SHOWN: usize = 200;

/// The lobby at a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LobbyScene {
    /// How the visitor stands with the lobby.
    pub access: Access,
    /// True while all that is said arrives, as far as anybody can tell.
    pub is_current: bool,
    /// The visitor's nick; empty while they only read.
    pub nick: String,
    /// The conversations, `#lobby` first.
    pub tabs: Vec<TabView>,
    /// Which of them is in front.
    pub active: usize,
    /// Its topic.
    pub topic: String,
    /// Bits of a message's stamp in it; 0: none.
    pub bits: u8,
    /// Tries per second that this device makes; 0 until it is known.
    pub mint_rate: f64,
    /// Who is in it, at most [`MOST_SHOWN`].
    pub members: Vec<LobbyMember>,
    /// How many are in it; for those who only read, in the whole lobby.
    pub member_count: usize,
    /// Its lines, oldest first.
    pub lines: Vec<Arc<Line>>,
    /// Unread messages in all conversations.
    pub unread: u32,
}

/// How the visitor stands with the lobby.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Access {
    /// They read, as anybody may.
    #[default]
    Reading,
    /// They asked to come in.
    Entering,
    /// A session stamp is being computed.
    Proving(Proof),
    /// They are in.
    Inside,
    /// The lobby is closed.
    Closed,
    /// The server did not let them in.
    Refused(ServerWords),
    /// There is no worker to compute a stamp with.
    NoWorker,
}

impl Access {
    /// One word in the page's markup, for the style and for tests.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Entering => "entering",
            Self::Proving(_) => "proving",
            Self::Inside => "inside",
            Self::Closed => "closed",
            Self::Refused(_) => "refused",
            Self::NoWorker => "no-worker",
        }
    }
}

/// A conversation's tab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TabView {
    /// The channel or nick.
    pub name: String,
    /// Messages since it was in front.
    pub unread: u32,
}

/// A line of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Tells it from all other lines of this page.
    pub key: u64,
    /// When, RFC 3339 in UTC; empty for what this page says itself.
    pub time: String,
    /// Who.
    pub from: String,
    /// True if the visitor said it.
    pub is_mine: bool,
    /// What.
    pub said: Said,
    /// How far it has come.
    pub progress: Progress,
}

/// How far a line has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Progress {
    /// It is there.
    #[default]
    Delivered,
    /// Its stamp of so many bits is being computed.
    Proving(u8),
    /// On its way.
    Sending,
    /// It was not delivered; the server's words, if it said any.
    Failed(String),
}

impl Progress {
    /// One word in the page's markup, for the style and for tests.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Proving(_) => "proving",
            Self::Sending => "sending",
            Self::Failed(_) => "failed",
        }
    }
}

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// A message.
    Message(String),
    /// `/me`.
    Action(String),
    /// A notice of somebody.
    Notice(String),
    /// News of the race from the server: its own words, and what programs are told.
    News(String, Value),
    /// Somebody came.
    Joined,
    /// Somebody left the channel, perhaps with a word.
    Left(String),
    /// Somebody left the lobby.
    Quit(String),
    /// Somebody took another nick.
    Renamed(String),
    /// Somebody set the topic.
    Topic(String),
    /// Somebody set modes.
    Mode(String),
    /// Somebody was thrown out, for a reason.
    Kicked(String, String),
    /// Somebody invites the visitor to a channel.
    Invited(String),
    /// The server's reply to a command.
    Reply(String),
    /// The server's refusal of a command.
    Refusal(String),
    /// What the commands are.
    Help,
    /// There is no such command.
    UnknownCommand(String),
    /// The command needs more than that.
    Incomplete(String),
    /// How fast this page mines, in hashes per second.
    Rate(f64),
}

impl Said {
    /// One word in the page's markup, for the style and for tests.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Action(_) => "action",
            Self::Notice(_) => "notice",
            Self::News(..) => "news",
            Self::Refusal(_) | Self::UnknownCommand(_) | Self::Incomplete(_) => "refusal",
            Self::Reply(_) | Self::Help | Self::Rate(_) => "reply",
            _ => "event",
        }
    }

    /// True if somebody speaks, so that it counts as unread.
    pub const fn is_speech(&self) -> bool {
        matches!(self, Self::Message(_) | Self::Action(_) | Self::Notice(_))
    }

    /// What an event says. `None` for what is not shown as a line.
    pub fn of(event: &LobbyEvent) -> Option<Self> {
        let text = || event.body.join("\n");
        let parameter = |at: usize| event.params.get(at).cloned().unwrap_or_default();
        Some(match event.command.as_str() {
            "PRIVMSG" => {
                let text = text();
                match text.strip_prefix("\u{1}ACTION ") {
                    Some(action) => Self::Action(action.trim_end_matches('\u{1}').to_owned()),
                    None => Self::Message(text),
                }
            }
            "NOTICE" if event.meta.get("event").is_some() => Self::News(text(), event.meta.clone()),
            "NOTICE" => Self::Notice(text()),
            "JOIN" => Self::Joined,
            "PART" => Self::Left(text()),
            "QUIT" => Self::Quit(text()),
            "NICK" => Self::Renamed(parameter(0)),
            "TOPIC" => Self::Topic(text()),
            "MODE" => Self::Mode(event.params.join(" ")),
            "KICK" => Self::Kicked(parameter(0), text()),
            "INVITE" => Self::Invited(parameter(0)),
            _ => return None,
        })
    }
}

/// What the visitor asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LobbyCommand {
    /// Come in.
    Enter,
    /// Give up the proof of work for coming in.
    CancelProof,
    /// Bring a conversation to the front.
    Select(usize),
    /// Leave the channel, or close the conversation.
    Close(usize),
    /// What was written into the composer.
    Say(String),
    /// The lobby is in front of the visitor, or is not any more.
    InSight(bool),
}

impl LobbyScene {
    /// The lobby as the server renders it.
    pub fn rendered(page: &PageState) -> Self {
        let lobby = &page.lobby;
        let lines =
            lobby.lines.iter().enumerate().filter_map(|(at, event)| line(at as u64, event, "", &page.gate.resource));
        Self {
            access: if lobby.open { Access::Reading } else { Access::Closed },
            is_current: true,
            tabs: vec![TabView { name: LOBBY.into(), unread: 0 }],
            member_count: lobby.users,
            lines: lines.map(Arc::new).collect(),
            ..Self::default()
        }
    }
}

/// The line that an event is shown as to the one with the nick `me`. News of the race
/// is believed from the server alone: others may send along what they like.
pub fn line(key: u64, event: &LobbyEvent, me: &str, server: &str) -> Option<Line> {
    let said = match Said::of(event)? {
        Said::News(text, _) if event.from != server => Said::Notice(text),
        said => said,
    };
    Some(Line {
        key,
        time: event.ts.clone(),
        from: event.from.clone(),
        is_mine: !me.is_empty() && event.from.eq_ignore_ascii_case(me),
        said,
        progress: Progress::Delivered,
    })
}
