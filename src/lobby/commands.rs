//! The commands, as IRC has them. Each either does all it was asked to or nothing,
//! and says so by numerics in the caller's queue and in the answer.

mod caller;
mod channel;
mod information;
mod joining;
mod mode;
mod people;
mod remarks;
mod rights;
mod speech;

pub(super) use caller::{Caller, shortened};
pub(super) use rights::{Payment, Remark, stamp_refused};
pub(super) use speech::{Message, Speech, Spoken};

use caller::Outcome;

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// It is decided at once.
    Immediate(Immediate),
    /// It may have to spend a stamp.
    Speech(Speech),
    /// It has to hash a password.
    Pass,
    /// It ends the session.
    Quit,
}

/// A command that is decided at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Immediate {
    Nick,
    Join,
    Part,
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
    Ping,
}

impl Immediate {
    /// The text that it brings to members of channels beside their messages.
    pub(super) const fn remark(self) -> Option<Remark> {
        match self {
            Self::Part => Some(Remark::Part),
            Self::Topic => Some(Remark::Topic),
            Self::Kick => Some(Remark::Kick),
            Self::Nick => Some(Remark::Nick),
            _ => None,
        }
    }
}

impl Command {
    /// The command of a name, in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        let immediate = match name.to_ascii_uppercase().as_str() {
            "PRIVMSG" => return Some(Self::Speech(Speech::Privmsg)),
            "NOTICE" => return Some(Self::Speech(Speech::Notice)),
            "PASS" => return Some(Self::Pass),
            "QUIT" => return Some(Self::Quit),
            "NICK" => Immediate::Nick,
            "JOIN" => Immediate::Join,
            "PART" => Immediate::Part,
            "TOPIC" => Immediate::Topic,
            "MODE" => Immediate::Mode,
            "KICK" => Immediate::Kick,
            "INVITE" => Immediate::Invite,
            "NAMES" => Immediate::Names,
            "LIST" => Immediate::List,
            "WHO" => Immediate::Who,
            "WHOIS" => Immediate::Whois,
            "AWAY" => Immediate::Away,
            "MOTD" => Immediate::Motd,
            "LUSERS" => Immediate::Lusers,
            "PING" => Immediate::Ping,
            _ => return None,
        };
        Some(Self::Immediate(immediate))
    }
}

impl Caller<'_> {
    /// Carries out a command.
    pub(super) fn run(&mut self, command: Immediate, arguments: &[&str]) -> Outcome {
        match command {
            Immediate::Nick => self.nick(arguments),
            Immediate::Join => self.join(arguments),
            Immediate::Part => self.part(arguments),
            Immediate::Topic => self.topic(arguments),
            Immediate::Mode => self.mode(arguments),
            Immediate::Kick => self.kick(arguments),
            Immediate::Invite => self.invite(arguments),
            Immediate::Names => self.names(arguments),
            Immediate::List => self.list(arguments),
            Immediate::Who => self.who(arguments),
            Immediate::Whois => self.whois(arguments),
            Immediate::Away => self.away(arguments),
            Immediate::Motd => {
                self.motd();
                Ok(())
            }
            Immediate::Lusers => {
                self.lusers();
                Ok(())
            }
            Immediate::Ping => {
                self.ping(arguments);
                Ok(())
            }
        }
    }
}
