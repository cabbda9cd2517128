//! The commands, as IRC has them. Each either does all it was asked to or nothing,
//! and says so by numerics in the caller's queue and in the answer.

mod channel;
mod information;
mod people;
mod speech;

pub(super) use speech::{Message, Proof, Spoken, stamp_refused};

use super::{
    Environment,
    envelope::Line,
    mailbox::Mailbox,
    numeric::{self, Numeric},
    state::{Moment, Rank, Saying, State},
};
use crate::{identity::nick::Folded, race::SessionId};
use std::sync::Arc;

/// The commands that are decided at once. PRIVMSG and NOTICE may have to spend a
/// stamp, PASS to hash: those are the service's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Nick,
    Join,
    Part,
    Privmsg,
    Notice,
    Topic,
    Mode,
    Kick,
    Invite,
    Names,
    List,
    Who,
    Whois,
    Away,
    Motd,
    Lusers,
    Pass,
    Ping,
    Quit,
}

impl Command {
    /// The command of a name, in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "NICK" => Self::Nick,
            "JOIN" => Self::Join,
            "PART" => Self::Part,
            "PRIVMSG" => Self::Privmsg,
            "NOTICE" => Self::Notice,
            "TOPIC" => Self::Topic,
            "MODE" => Self::Mode,
            "KICK" => Self::Kick,
            "INVITE" => Self::Invite,
            "NAMES" => Self::Names,
            "LIST" => Self::List,
            "WHO" => Self::Who,
            "WHOIS" => Self::Whois,
            "AWAY" => Self::Away,
            "MOTD" => Self::Motd,
            "LUSERS" => Self::Lusers,
            "PASS" => Self::Pass,
            "PING" => Self::Ping,
            "QUIT" => Self::Quit,
            _ => return None,
        })
    }
}

/// One person's command under way: the state under its lock, and what was replied.
pub(super) struct Act<'a> {
    pub(super) state: &'a mut State,
    pub(super) environment: &'a Environment,
    pub(super) moment: Moment,
    pub(super) me: SessionId,
    /// The client that asks; replies go to its queue.
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) replies: Vec<Arc<Line>>,
}

type Outcome = Result<(), Numeric>;

impl Act<'_> {
    /// Carries out a command that is decided at once.
    pub(super) fn run(&mut self, command: Command, arguments: &[&str]) -> Outcome {
        match command {
            Command::Nick => self.nick(arguments),
            Command::Join => self.join(arguments),
            Command::Part => self.part(arguments),
            Command::Topic => self.topic(arguments),
            Command::Mode => self.mode(arguments),
            Command::Kick => self.kick(arguments),
            Command::Invite => self.invite(arguments),
            Command::Names => self.names(arguments),
            Command::List => self.list(arguments),
            Command::Who => self.who(arguments),
            Command::Whois => self.whois(arguments),
            Command::Away => self.away(arguments),
            Command::Motd => self.motd(),
            Command::Lusers => self.lusers(),
            Command::Ping => self.ping(arguments),
            // Decided by the service.
            Command::Privmsg | Command::Notice | Command::Pass | Command::Quit => Ok(()),
        }
    }

    /// The caller's nick.
    pub(super) fn my_nick(&self) -> String {
        self.state.users.get(&self.me).map(|user| user.nick.to_string()).unwrap_or_default()
    }

    /// Sends a numeric to the caller's queue and into the answer.
    pub(super) fn reply(&mut self, numeric: &Numeric) {
        let nick = self.my_nick();
        let line = self.state.numeric(self.moment, &self.environment.server_name, &nick, numeric);
        self.mailbox.push(line.clone(), &self.state.weight);
        self.replies.push(line);
    }

    /// Makes an event that comes from the caller.
    pub(super) fn mine(&mut self, command: &str, to: &str, params: &[String], body: &[String]) -> Arc<Line> {
        let nick = self.my_nick();
        self.state.event(self.moment, &Saying { command, from: &nick, to, params, body, meta: None }).1
    }

    /// What the caller is in a channel, if a member.
    pub(super) fn my_rank(&self, name: &Folded) -> Option<Rank> {
        self.state.channels.get(name)?.members.get(&self.me).copied()
    }
}

/// The argument at a place, if there is one and it is not empty.
pub(super) fn argument<'a>(arguments: &[&'a str], at: usize, command: &str) -> Result<&'a str, Numeric> {
    match arguments.get(at) {
        Some(argument) if !argument.is_empty() => Ok(argument),
        _ => Err(numeric::NEEDMOREPARAMS.about(&[command])),
    }
}

/// At most so many characters of a text that comes back to its sender.
pub(super) fn short(text: &str) -> String {
    text.chars().take(64).collect()
}
