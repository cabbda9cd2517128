//! PRIVMSG and NOTICE.
//!
//! A message to a channel with `+H` needs a stamp. Whether the message could be
//! delivered at all is found out first; only then the stamp is judged, spent and
//! the message said. There is no exemption: not for operators, not for NOTICE.

use super::{Act, channel::no_such_channel, short};
use crate::{
    identity::nick::Folded,
    lobby::{
        envelope::Envelope,
        numeric::{self, Numeric},
        state::{LOBBY_ID, Saying, conversation},
        store::Write,
    },
    race::SessionId,
};
use puzzle::stamp::{Bits, Rejection};
use uuid::Uuid;

/// A message on its way.
#[derive(Debug)]
pub(in super::super) struct Message<'a> {
    /// `PRIVMSG` or `NOTICE`.
    pub(in super::super) command: &'static str,
    /// A channel or a nick.
    pub(in super::super) to: &'a str,
    /// What is said.
    pub(in super::super) body: Vec<String>,
    /// The envelope it came in.
    pub(in super::super) envelope: &'a Envelope,
}

/// A stamp that was judged and spent for a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Proof(pub(in super::super) Bits);

/// What became of a message.
#[derive(Debug)]
pub(in super::super) enum Spoken {
    /// It was delivered.
    Delivered(Uuid),
    /// It could be delivered with a stamp of so many bits for this channel.
    NeedsProof {
        /// How many.
        bits: Bits,
        /// The channel's name as its creator wrote it.
        channel: String,
    },
}

impl<'a> Message<'a> {
    /// Takes a message out of its envelope. Without a body the parameters are its
    /// one line.
    pub(in super::super) fn new(command: &'static str, envelope: &'a Envelope) -> Result<Self, Numeric> {
        let mut parameters = envelope.to.iter().chain(&envelope.params).map(String::as_str);
        let to = parameters.next().unwrap_or_default();
        let rest: Vec<&str> = parameters.collect();
        let body =
            if envelope.body.is_empty() && !rest.is_empty() { vec![rest.join(" ")] } else { envelope.body.clone() };
        if to.is_empty() {
            return Err(numeric::NORECIPIENT.saying(&[], format!("No recipient given ({command})")));
        }
        if body.iter().all(String::is_empty) {
            return Err(numeric::NOTEXTTOSEND.about(&[]));
        }
        Ok(Self { command, to, body, envelope })
    }
}

/// 404 for a stamp that is missing or not good enough.
pub(in super::super) fn stamp_refused(channel: &str, bits: Bits, why: Rejection) -> Numeric {
    let text = format!("Cannot send to channel (+H): a stamp of {bits} bits is needed: {why}");
    let mut numeric = numeric::CANNOTSENDTOCHAN.saying(&[channel], text);
    numeric.meta.insert("hashcash_bits".into(), bits.get().into());
    numeric.meta.insert("reason".into(), why.reason().into());
    numeric
}

impl Act<'_> {
    /// Says a message for which `proof` was spent.
    pub(in super::super) fn speak(&mut self, message: &Message<'_>, proof: Option<Proof>) -> Result<Spoken, Numeric> {
        if message.to.starts_with('#') { self.speak_in(message, proof) } else { self.speak_to(message) }
    }

    fn speak_in(&mut self, message: &Message<'_>, proof: Option<Proof>) -> Result<Spoken, Numeric> {
        let folded = Folded::of(message.to);
        let Some(channel) = self.state.channels.get(&folded) else { return Err(no_such_channel(message.to)) };
        let rank = channel.members.get(&self.me).copied();
        let modes = channel.modes;
        if rank.is_none() && modes.secret {
            return Err(no_such_channel(message.to));
        }
        let shown = channel.name.to_string();
        let refused = |why| Err(numeric::CANNOTSENDTOCHAN.saying(&[&shown], format!("Cannot send to channel ({why})")));
        if rank.is_none() && modes.members_only {
            return refused("+n: join it first");
        }
        if modes.moderated && !rank.is_some_and(|rank| rank.operator || rank.voice) {
            return refused("+m: you need voice");
        }
        if proof.unwrap_or_default() < Proof(modes.hashcash) {
            return Ok(Spoken::NeedsProof { bits: modes.hashcash, channel: shown });
        }
        let (id, target) = (channel.id, channel.target());
        Ok(Spoken::Delivered(self.say(message, &shown, target, None, |act, line| {
            act.state.tell_channel(&folded, line);
            // Somebody outside of a channel without +n hears themselves too.
            if rank.is_none() {
                act.state.tell(&act.me, line);
            }
            if id == LOBBY_ID {
                act.state.remember(line.clone());
            }
        })))
    }

    fn speak_to(&mut self, message: &Message<'_>) -> Result<Spoken, Numeric> {
        let Some((id, user)) = self.state.by_nick(message.to) else {
            return Err(numeric::NOSUCHNICK.about(&[&short(message.to)]));
        };
        let (id, shown, away) = (id.clone(), user.nick.to_string(), user.away.clone());
        let (target, pair) = conversation(&self.me, &id);
        let uuid = self.say(message, &shown, target, Some(pair), |act, line| {
            act.state.tell(&id, line);
            if id != act.me {
                act.state.tell(&act.me, line);
            }
        });
        if let Some(away) = away.filter(|_| message.command == "PRIVMSG") {
            self.reply(&numeric::AWAY.saying(&[&shown], away));
        }
        Ok(Spoken::Delivered(uuid))
    }

    fn say(
        &mut self,
        message: &Message<'_>,
        shown: &str,
        target: String,
        pair: Option<(SessionId, SessionId)>,
        deliver: impl FnOnce(&mut Self, &std::sync::Arc<crate::lobby::envelope::Line>),
    ) -> Uuid {
        let nick = self.my_nick();
        let meta = message.envelope.meta.as_deref().filter(|meta| meta.get() != "null");
        let saying =
            Saying { command: message.command, from: &nick, to: shown, params: &[], body: &message.body, meta };
        let (id, line) = self.state.event(self.moment, &saying);
        deliver(self, &line);
        if let Some(user) = self.state.users.get_mut(&self.me) {
            user.last_spoke = self.moment.now;
        }
        let envelope = line.json().to_owned();
        self.state.writes.push(Write::SaveMessage { seq: line.seq, target, envelope, pair });
        id
    }
}
