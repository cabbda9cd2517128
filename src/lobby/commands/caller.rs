//! The one a command comes from, and what every command needs.

use super::rights::Payment;
use crate::{
    identity::{nick::Folded, session::SessionId},
    lobby::{
        event::{Draft, Event},
        handle::Environment,
        mailbox::Mailbox,
        numeric::{self, Numeric},
        state::{Moment, Rank, State},
    },
};
use puzzle::stamp::Rejection;
use std::sync::Arc;

/// The most characters of a text that comes back to its sender.
const LONGEST_ECHO: usize = 64;

/// So many rows of a list are worth a command.
const ROWS_PER_COMMAND: f64 = 50.0;

/// The one a command comes from, with the state under its lock, and what was replied.
pub(in super::super) struct Caller<'a> {
    pub(in super::super) state: &'a mut State,
    pub(in super::super) environment: &'a Environment,
    pub(in super::super) moment: Moment,
    pub(in super::super) me: SessionId,
    /// The client that asks; replies go to its queue.
    pub(in super::super) mailbox: Arc<Mailbox>,
    pub(in super::super) replies: Vec<Arc<Event>>,
    /// How many commands this one is worth beyond itself.
    pub(in super::super) cost: f64,
    /// The stamp that was spent for a text beside the messages of a channel, or why none
    /// was.
    pub(in super::super) payment: Result<Payment, Rejection>,
}

/// Why a command did nothing, if it did not.
pub(super) type Outcome = Result<(), Numeric>;

impl Caller<'_> {
    /// The caller's nick.
    pub(super) fn my_nick(&self) -> String {
        self.state.users.get(&self.me).map(|user| user.nick.to_string()).unwrap_or_default()
    }

    /// Sends a numeric to the caller's queue and into the answer.
    pub(in super::super) fn reply(&mut self, numeric: &Numeric) {
        let nick = self.my_nick();
        let event = self.state.numeric(self.moment, &self.environment.server_name, &nick, numeric);
        self.reply_with(event);
    }

    /// The same for any event.
    pub(super) fn reply_with(&mut self, event: Arc<Event>) {
        self.state.deliveries.push(self.mailbox.clone(), event.clone());
        self.replies.push(event);
    }

    /// Has a list of so many rows cost its caller what it costs us.
    pub(super) fn charge_for_list(&mut self, rows: usize) {
        self.cost += rows as f64 / ROWS_PER_COMMAND;
    }

    /// Makes an event that comes from the caller.
    pub(super) fn event(&mut self, command: &str, to: &str, params: &[String], body: &[String]) -> Arc<Event> {
        let nick = self.my_nick();
        self.state.event(self.moment, &Draft { command, from: &nick, to, params, body, meta: None }).1
    }

    /// What the caller is in a channel, if a member.
    pub(super) fn my_rank(&self, name: &Folded) -> Option<Rank> {
        self.state.channels.get(name)?.members.get(&self.me).copied()
    }

    /// A channel that the caller may know of.
    pub(super) fn visible_channel(&self, name: &str) -> Result<Folded, Numeric> {
        let folded = Folded::of(name);
        match self.state.channels.get(&folded) {
            Some(channel) if !channel.modes.secret || channel.members.contains_key(&self.me) => Ok(folded),
            _ => Err(no_such_channel(name)),
        }
    }

    /// A channel that the caller has joined.
    pub(super) fn joined_channel(&self, name: &str) -> Result<Folded, Numeric> {
        let folded = self.visible_channel(name)?;
        if self.my_rank(&folded).is_some() { Ok(folded) } else { Err(not_on_channel(name)) }
    }

    /// A channel in which the caller is operator.
    pub(super) fn operated_channel(&self, name: &str) -> Result<Folded, Numeric> {
        let folded = self.visible_channel(name)?;
        match self.my_rank(&folded) {
            Some(Rank { operator: true, .. }) => Ok(folded),
            _ => Err(numeric::CHANOPRIVSNEEDED.about(&[&self.name_as_created(&folded)])),
        }
    }

    /// A member by nick: the session and the nick as it is written.
    pub(super) fn member(&self, channel: &Folded, nick: &str) -> Result<(SessionId, String), Numeric> {
        let (id, user) = self.state.by_nick(nick).ok_or_else(|| no_such_nick(nick))?;
        let is_member = self.state.channels.get(channel).is_some_and(|channel| channel.members.contains_key(id));
        if is_member {
            Ok((id.clone(), user.nick.to_string()))
        } else {
            Err(numeric::USERNOTINCHANNEL.about(&[user.nick.as_str(), &self.name_as_created(channel)]))
        }
    }

    /// The channel's name as its creator wrote it.
    pub(super) fn name_as_created(&self, folded: &Folded) -> String {
        self.state.channels.get(folded).map(|channel| channel.name.to_string()).unwrap_or_default()
    }
}

/// The argument at a place, if there is one and it is not empty.
pub(super) fn argument<'a>(arguments: &[&'a str], at: usize, command: &str) -> Result<&'a str, Numeric> {
    match arguments.get(at) {
        Some(argument) if !argument.is_empty() => Ok(argument),
        _ => Err(numeric::NEEDMOREPARAMS.about(&[command])),
    }
}

/// The beginning of a text that comes back to its sender.
pub(in super::super) fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_ECHO).collect()
}

pub(super) fn no_such_nick(nick: &str) -> Numeric {
    numeric::NOSUCHNICK.about(&[&shortened(nick)])
}

pub(super) fn no_such_channel(name: &str) -> Numeric {
    numeric::NOSUCHCHANNEL.about(&[&shortened(name)])
}

pub(super) fn not_on_channel(name: &str) -> Numeric {
    numeric::NOTONCHANNEL.about(&[&shortened(name)])
}
