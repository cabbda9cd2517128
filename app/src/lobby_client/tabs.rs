//! Conversations: their lines, who is in them, and what was seen already.

use crate::{
    scene::lobby::{Line, Progress},
    wire::lobby::{LobbyEvent, LobbyMember},
};
use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

/// How many lines of a conversation are kept.
pub(super) const MOST_LINES: usize = 500;

/// How many events are remembered by name.
const MOST_SEEN: usize = 5000;

/// A channel or a conversation with somebody.
#[derive(Debug, Default)]
pub(super) struct Tab {
    pub(super) name: String,
    pub(super) topic: String,
    /// Bits of a message's stamp.
    pub(super) bits: u8,
    pub(super) joined: bool,
    pub(super) unread: u32,
    pub(super) members: Vec<LobbyMember>,
    pub(super) member_list: MemberList,
    pub(super) entries: VecDeque<Entry>,
}

/// The list of members on its way. It may have been written before somebody came or
/// went whom this page has heard of meanwhile.
#[derive(Debug, Default)]
pub(super) struct MemberList {
    pub(super) under_way: bool,
    /// It is asked for again once it is there.
    pub(super) again: bool,
    /// Who has come, gone, and taken another nick since it was asked for.
    pub(super) since: Vec<LobbyEvent>,
}

/// A line, and the event that it shows.
#[derive(Debug)]
pub(super) struct Entry {
    /// The event's name; empty for what this page says itself.
    pub(super) id: String,
    pub(super) line: Arc<Line>,
}

impl Tab {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub(super) fn is_channel(&self) -> bool {
        self.name.starts_with('#')
    }

    pub(super) fn lines(&self) -> Vec<Arc<Line>> {
        self.entries.iter().map(|entry| entry.line.clone()).collect()
    }

    /// Adds a line at the end, and drops the oldest one when there are too many.
    pub(super) fn push(&mut self, id: String, line: Line) {
        self.entries.push_back(Entry { id, line: Arc::new(line) });
        while MOST_LINES < self.entries.len() {
            self.entries.pop_front();
        }
    }

    /// Changes a line of this page's own.
    pub(super) fn change(&mut self, key: u64, change: impl FnOnce(&mut Line)) -> bool {
        match self.entries.iter_mut().rev().find(|entry| entry.line.key == key) {
            Some(entry) => {
                change(Arc::make_mut(&mut entry.line));
                true
            }
            None => false,
        }
    }

    pub(super) fn progress(&self, key: u64) -> Option<&Progress> {
        self.entries.iter().rev().find(|entry| entry.line.key == key).map(|entry| &entry.line.progress)
    }

    /// Takes in that somebody comes, goes or takes another nick; true if that changes
    /// who is here.
    pub(super) fn follow(&mut self, event: &LobbyEvent) -> bool {
        if self.member_list.under_way {
            self.member_list.since.push(event.clone());
        }
        self.apply(event)
    }

    /// The same for an event that the list may know already.
    pub(super) fn apply(&mut self, event: &LobbyEvent) -> bool {
        let about = || event.params.first().unwrap_or(&event.from);
        match event.command.as_str() {
            "JOIN" => self.add_member(LobbyMember { nick: event.from.clone(), ..LobbyMember::default() }),
            "KICK" => self.remove_member(about()).is_some(),
            "NICK" => self.remove_member(&event.from).is_some_and(|member| {
                self.add_member(LobbyMember { nick: about().clone(), ..member });
                true
            }),
            _ => self.remove_member(&event.from).is_some(),
        }
    }

    fn remove_member(&mut self, nick: &str) -> Option<LobbyMember> {
        let at = self.members.iter().position(|member| member.nick.eq_ignore_ascii_case(nick))?;
        Some(self.members.remove(at))
    }

    fn add_member(&mut self, member: LobbyMember) -> bool {
        let is_new = !self.members.iter().any(|other| other.nick.eq_ignore_ascii_case(&member.nick));
        if is_new {
            let lower = member.nick.to_ascii_lowercase();
            let place = self.members.partition_point(|other| other.nick.to_ascii_lowercase() < lower);
            self.members.insert(place, member);
        }
        is_new
    }
}

/// The names of the last events.
#[derive(Debug, Default)]
pub(super) struct Seen {
    order: VecDeque<String>,
    names: HashSet<String>,
}

impl Seen {
    /// True if it was not seen before.
    pub(super) fn insert(&mut self, name: &str) -> bool {
        if !self.names.insert(name.to_owned()) {
            return false;
        }
        self.order.push_back(name.to_owned());
        if MOST_SEEN < self.order.len()
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
        true
    }
}
