//! One channel, and what its members are in it.

use super::moment::Moment;
use crate::{
    gate::network::Network,
    identity::session::SessionId,
    lobby::{channel_name::ChannelName, modes::ChannelModes, store::ChannelRow},
};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// A topic, who set it, and when in seconds since 1970.
pub(in super::super) type Topic = (String, String, u64);

/// One channel.
#[derive(Debug)]
pub(in super::super) struct Channel {
    pub(in super::super) id: i64,
    pub(in super::super) name: ChannelName,
    pub(in super::super) topic: Option<Topic>,
    pub(in super::super) modes: ChannelModes,
    pub(in super::super) created_at: u64,
    pub(in super::super) members: HashMap<SessionId, Rank>,
    pub(in super::super) invited: HashSet<SessionId>,
    /// When something was last said in it, or when it was made, on the monotonic clock.
    pub(in super::super) last_words: Duration,
    pub(in super::super) has_words: bool,
    /// The network of whoever made it, if that is known.
    pub(in super::super) network: Option<Network>,
}

/// What a member is in a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Rank {
    pub(in super::super) operator: bool,
    pub(in super::super) voice: bool,
    /// The number of the event before which nothing was heard.
    pub(in super::super) since: u64,
}

impl Rank {
    /// `@`, `+` or nothing.
    pub(in super::super) const fn prefix(self) -> &'static str {
        match (self.operator, self.voice) {
            (true, _) => "@",
            (_, true) => "+",
            _ => "",
        }
    }
}

impl Channel {
    /// A channel that was just made.
    pub(in super::super) fn new(id: i64, name: ChannelName, moment: Moment) -> Self {
        Self {
            id,
            name,
            topic: None,
            modes: ChannelModes::initial(),
            created_at: moment.seconds(),
            members: HashMap::new(),
            invited: HashSet::new(),
            last_words: moment.now,
            has_words: false,
            network: None,
        }
    }

    /// So many of its members: operators and the voiced first, because there are few of
    /// them and they are looked for.
    pub(in super::super) fn foremost(&self, most: usize) -> impl Iterator<Item = (&SessionId, &Rank)> {
        let plain = |(_, rank): &(&SessionId, &Rank)| rank.prefix().is_empty();
        let few = most < self.members.len();
        let ranked = self.members.iter().filter(move |member| few && !plain(member));
        let others = self.members.iter().filter(move |member| !few || plain(member));
        ranked.chain(others).take(most)
    }

    /// Under which its messages are kept.
    pub(in super::super) fn target(&self) -> String {
        format!("c{}", self.id)
    }

    pub(in super::super) fn row(&self) -> ChannelRow {
        ChannelRow {
            id: self.id,
            name: self.name.to_string(),
            topic: self.topic.clone(),
            modes: self.modes.letters(),
            hashcash_bits: self.modes.hashcash.get(),
            created_at: self.created_at,
        }
    }
}

/// Under which the messages of two people are kept, and the two in order.
pub(in super::super) fn conversation(one: &SessionId, other: &SessionId) -> (String, (SessionId, SessionId)) {
    let (first, second) = if one <= other { (one, other) } else { (other, one) };
    (format!("d{first}:{second}"), (first.clone(), second.clone()))
}
