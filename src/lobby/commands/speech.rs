//! PRIVMSG and NOTICE.
//!
//! A message to a channel with `+H` needs a stamp. Whether the message could be
//! delivered at all is found out first; only then the stamp is judged and spent, and
//! the message delivered. There is no exemption: not for operators, not for NOTICE.

use super::{
    caller::{Caller, no_such_channel, no_such_nick},
    rights::{Right, right_to_speak},
};
use crate::{
    identity::{nick::Folded, session::SessionId},
    lobby::{
        envelope::Envelope,
        event::{Draft, Event},
        numeric::{self, Numeric},
        state::{LOBBY_ID, conversation},
        store::Write,
    },
};
use puzzle::stamp::Bits;
use std::sync::Arc;
use uuid::Uuid;

/// The two commands that say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Speech {
    Privmsg,
    Notice,
}

/// A message on its way.
#[derive(Debug)]
pub(in super::super) struct Message<'a> {
    speech: Speech,
    /// A channel or a nick.
    to: &'a str,
    /// What is said.
    pub(in super::super) body: Vec<String>,
    /// The envelope it came in.
    pub(in super::super) envelope: &'a Envelope,
}

/// What became of a message.
#[derive(Debug)]
pub(in super::super) enum Spoken {
    /// It was delivered.
    Delivered(Uuid),
    /// It could be delivered with a stamp of so many bits for this channel.
    NeedsStamp {
        /// How many.
        bits: Bits,
        /// The channel's name as its creator wrote it.
        channel: String,
    },
}

impl Speech {
    const fn name(self) -> &'static str {
        match self {
            Self::Privmsg => "PRIVMSG",
            Self::Notice => "NOTICE",
        }
    }
}

impl<'a> Message<'a> {
    /// Takes a message out of its envelope. Without a body the parameters are its
    /// one line.
    pub(in super::super) fn new(speech: Speech, envelope: &'a Envelope) -> Result<Self, Numeric> {
        let mut parameters = envelope.to.iter().chain(&envelope.params).map(String::as_str);
        let to = parameters.next().unwrap_or_default();
        let rest: Vec<&str> = parameters.collect();
        let body =
            if envelope.body.is_empty() && !rest.is_empty() { vec![rest.join(" ")] } else { envelope.body.clone() };
        if to.is_empty() {
            return Err(numeric::NORECIPIENT.saying(&[], format!("No recipient given ({})", speech.name())));
        }
        if body.iter().all(String::is_empty) {
            return Err(numeric::NOTEXTTOSEND.about(&[]));
        }
        Ok(Self { speech, to, body, envelope })
    }
}

impl Caller<'_> {
    /// Delivers a message, or says what it needs. A stamp was spent for it where the
    /// channel had asked for `spent_bits`, if those are not zero.
    pub(in super::super) fn speak(&mut self, message: &Message<'_>, spent_bits: Bits) -> Result<Spoken, Numeric> {
        if message.to.starts_with('#') { self.speak_in(message, spent_bits) } else { self.speak_to(message) }
    }

    fn speak_in(&mut self, message: &Message<'_>, spent_bits: Bits) -> Result<Spoken, Numeric> {
        let folded = Folded::of(message.to);
        let Some(channel) = self.state.channels.get(&folded) else { return Err(no_such_channel(message.to)) };
        let rank = channel.members.get(&self.me).copied();
        if rank.is_none() && channel.modes.secret {
            return Err(no_such_channel(message.to));
        }
        let shown = channel.name.to_string();
        let refused = |why| Err(numeric::CANNOTSENDTOCHAN.saying(&[&shown], format!("Cannot send to channel ({why})")));
        match right_to_speak(channel, rank) {
            Right::Membership => return refused("+n: join it first"),
            Right::Voice => return refused("+m: you need voice"),
            Right::Stamp(bits) if spent_bits < bits => return Ok(Spoken::NeedsStamp { bits, channel: shown }),
            Right::Stamp(_) | Right::Free => {}
        }
        let (id, target) = (channel.id, channel.target());
        if let Some(channel) = self.state.channels.get_mut(&folded) {
            channel.last_words = self.moment.now;
            channel.has_words = true;
        }
        Ok(Spoken::Delivered(self.say(message, &shown, target, None, |caller, event| {
            caller.state.tell_channel(&folded, event);
            // Somebody outside of a channel without +n is told their own words too.
            if rank.is_none() {
                caller.state.tell(&caller.me.clone(), event);
            }
            if id == LOBBY_ID {
                caller.state.deliveries.remember(event.clone());
            }
        })))
    }

    fn speak_to(&mut self, message: &Message<'_>) -> Result<Spoken, Numeric> {
        let Some((id, user)) = self.state.by_nick(message.to) else {
            return Err(no_such_nick(message.to));
        };
        let (id, shown, away) = (id.clone(), user.nick.to_string(), user.away.clone());
        let (target, pair) = conversation(&self.me, &id);
        let uuid = self.say(message, &shown, target, Some(pair), |caller, event| {
            caller.state.tell(&id, event);
            if id != caller.me {
                caller.state.tell(&caller.me.clone(), event);
            }
        });
        if let Some(away) = away.filter(|_| message.speech == Speech::Privmsg) {
            self.reply(&numeric::AWAY.saying(&[&shown], away));
        }
        Ok(Spoken::Delivered(uuid))
    }

    /// Makes the message an event, delivers it and has it kept.
    fn say(
        &mut self,
        message: &Message<'_>,
        shown: &str,
        target: String,
        pair: Option<(SessionId, SessionId)>,
        deliver: impl FnOnce(&mut Self, &Arc<Event>),
    ) -> Uuid {
        let nick = self.my_nick();
        let meta = message.envelope.meta.as_deref().filter(|meta| meta.get() != "null");
        let command = message.speech.name();
        let draft = Draft { command, from: &nick, to: shown, params: &[], body: &message.body, meta };
        let (id, event) = self.state.event(self.moment, &draft);
        deliver(self, &event);
        self.state.deliveries.only_if_stored();
        if let Some(user) = self.state.users.get_mut(&self.me) {
            user.last_spoke = self.moment.now;
            user.has_spoken = true;
        }
        let envelope = event.json().to_owned();
        self.state.writes.push(Write::SaveMessage { seq: event.seq, target, envelope, pair });
        id
    }
}
