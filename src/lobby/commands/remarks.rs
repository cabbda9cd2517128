//! Texts that reach the members of a channel beside its messages: why somebody parts,
//! quits or is kicked, topics, and new nicks.
//!
//! They are no way around `+m` and `+H`. Where somebody may not speak or has not paid,
//! a reason is left out and the nick stands in its place; a topic and a new nick are
//! refused. Only the topics of operators need no stamp.

use super::{
    caller::{Caller, Outcome},
    speech::stamp_refused,
};
use crate::{
    identity::nick::Folded,
    lobby::{
        commands::Immediate,
        numeric,
        state::{Channel, Rank},
    },
};
use puzzle::stamp::{Bits, Rejection, StampHash};

/// What speaking in a channel takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// Nothing.
    Free,
    /// A stamp.
    Stamp(Bits),
    /// To be a member.
    Membership,
    /// Voice.
    Voice,
}

/// A stamp that was spent for a text in a channel.
#[derive(Clone, Debug)]
pub(in super::super) struct Payment {
    pub(in super::super) channel: Folded,
    pub(in super::super) bits: Bits,
    pub(in super::super) hash: StampHash,
    /// True once a text was told for it.
    pub(in super::super) used: bool,
}

/// A channel that asks for a stamp.
#[derive(Clone, Debug)]
pub(in super::super) struct Demand {
    pub(in super::super) channel: Folded,
    /// The channel's name as its creator wrote it.
    pub(in super::super) shown: String,
    pub(in super::super) bits: Bits,
}

/// What somebody of this rank needs to speak in a channel.
pub(super) const fn right_to_speak(channel: &Channel, rank: Option<Rank>) -> Right {
    let modes = &channel.modes;
    match rank {
        None if modes.members_only => Right::Membership,
        None | Some(Rank { operator: false, voice: false, .. }) if modes.moderated => Right::Voice,
        _ if modes.hashcash.is_none() => Right::Free,
        _ => Right::Stamp(modes.hashcash),
    }
}

/// The text that a command brings to others, if it brings one.
pub(in super::super) fn remark<'a>(command: Option<Immediate>, arguments: &[&'a str]) -> Option<&'a str> {
    let at = match command {
        Some(Immediate::Part | Immediate::Topic) => 1,
        Some(Immediate::Kick) => 2,
        // QUIT.
        Some(Immediate::Nick) | None => 0,
        Some(_) => return None,
    };
    arguments.get(at).copied()
}

impl Caller<'_> {
    /// The channels that ask for a stamp for the text of a command: the named ones, or
    /// all that the caller is in.
    pub(in super::super) fn demands(&self, command: Option<Immediate>, arguments: &[&str]) -> Vec<Demand> {
        let channels: Vec<Folded> = match command {
            Some(Immediate::Part | Immediate::Topic | Immediate::Kick) => {
                arguments.first().map(|names| names.split(',').map(Folded::of).collect()).unwrap_or_default()
            }
            _ => self.my_channels(),
        };
        let demand = |folded: Folded| {
            let channel = self.state.channels.get(&folded)?;
            let rank = channel.members.get(&self.me).copied();
            match right_to_speak(channel, rank) {
                Right::Stamp(bits) if rank.is_some() => {
                    Some(Demand { shown: channel.name.to_string(), channel: folded, bits })
                }
                _ => None,
            }
        };
        channels.into_iter().filter_map(demand).collect()
    }

    fn my_channels(&self) -> Vec<Folded> {
        self.state.users.get(&self.me).map(|user| user.channels.iter().cloned().collect()).unwrap_or_default()
    }

    /// Whether a text of the caller may reach the members of a channel. Uses the payment
    /// up where the channel asks for one.
    pub(super) fn may_tell(&mut self, folded: &Folded) -> Outcome {
        let Some(channel) = self.state.channels.get(folded) else { return Ok(()) };
        let shown = channel.name.to_string();
        let refused = |why| Err(numeric::CANNOTSENDTOCHAN.saying(&[&shown], format!("Cannot send to channel ({why})")));
        match right_to_speak(channel, channel.members.get(&self.me).copied()) {
            Right::Free => Ok(()),
            Right::Membership => refused("+n: join it first"),
            Right::Voice => refused("+m: you need voice"),
            Right::Stamp(bits) => match &mut self.payment {
                Ok(payment) if payment.channel == *folded && bits <= payment.bits => {
                    payment.used = true;
                    Ok(())
                }
                Ok(_) => Err(stamp_refused(&shown, bits, Rejection::Missing)),
                Err(why) => Err(stamp_refused(&shown, bits, *why)),
            },
        }
    }

    /// The same for all channels that the caller is in.
    pub(super) fn may_tell_all(&mut self) -> Outcome {
        let refused = self.my_channels().iter().try_for_each(|channel| self.may_tell(channel));
        if refused.is_err()
            && let Ok(payment) = &mut self.payment
        {
            payment.used = false;
        }
        refused
    }

    /// A reason as the members of a channel are told it.
    pub(super) fn reason(&mut self, folded: &Folded, reason: &str) -> String {
        if self.may_tell(folded).is_ok() { reason.to_owned() } else { self.my_nick() }
    }

    /// Ends the caller's session with all its clients.
    pub(in super::super) fn quit(&mut self, reason: Option<&str>) {
        let reason = match reason {
            None => "Quit".to_owned(),
            Some(reason) if self.may_tell_all().is_ok() => reason.to_owned(),
            Some(_) => self.my_nick(),
        };
        for client in self.state.quit(self.moment, &self.me, &reason) {
            self.environment.sessions.close_client(&client);
        }
    }
}
