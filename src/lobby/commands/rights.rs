//! What speaking in a channel takes, and what was given for it.

use crate::{
    identity::nick::Folded,
    lobby::{
        numeric::{self, Numeric},
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

/// A command that brings a text to members of channels beside their messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Remark {
    /// The reason of PART.
    Part,
    /// The topic of TOPIC.
    Topic,
    /// The reason of KICK.
    Kick,
    /// The new nick of NICK.
    Nick,
    /// The reason of QUIT.
    Quit,
}

impl Remark {
    /// The text among the arguments of the command, if there is one.
    pub(in super::super) fn text<'a>(self, arguments: &[&'a str]) -> Option<&'a str> {
        let at = match self {
            Self::Part | Self::Topic => 1,
            Self::Kick => 2,
            Self::Nick | Self::Quit => 0,
        };
        arguments.get(at).copied()
    }

    /// True if it is for the channels that the command names, and not for all that the
    /// caller is in.
    pub(super) const fn is_for_named_channels(self) -> bool {
        matches!(self, Self::Part | Self::Topic | Self::Kick)
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
