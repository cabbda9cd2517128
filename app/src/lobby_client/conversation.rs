//! What happens in the conversations: tabs that open and close, events that become
//! lines.

use super::{
    client::LobbyClient,
    event::Effect,
    tabs::{Entry, MOST_LINES, MemberList, Tab},
};
use crate::{
    error::ApiError,
    scene::lobby::{Line, Progress, Said, line},
    wire::lobby::{LobbyEvent, LobbyMembers, LobbyRequest},
};
use std::sync::Arc;

/// How many conversations there may be; who is written to by more people than that
/// does not see the last of them.
const MOST_TABS: usize = 50;

impl LobbyClient {
    pub(super) fn tab_mut(&mut self, name: &str) -> Option<&mut Tab> {
        self.tabs.iter_mut().find(|tab| tab.name.eq_ignore_ascii_case(name))
    }

    /// The tab of a channel or nick; a new one if need be.
    pub(super) fn open(&mut self, name: &str) -> usize {
        if let Some(at) = self.tabs.iter().position(|tab| tab.name.eq_ignore_ascii_case(name)) {
            return at;
        }
        if MOST_TABS <= self.tabs.len() {
            return self.tabs.len() - 1;
        }
        self.tabs.push(Tab::new(name));
        self.tabs.len() - 1
    }

    /// Asks who is in a channel. Asked while the answer is under way, that one counts
    /// for nothing and the next one does.
    pub(super) fn fetch_members(&mut self, channel: &str) {
        let at = self.open(channel);
        let tab = &mut self.tabs[at];
        tab.member_list.again = tab.member_list.under_way;
        if !std::mem::replace(&mut tab.member_list.under_way, true) {
            self.effects.push(Effect::FetchMembers(tab.name.clone()));
        }
    }

    pub(super) fn members_fetched(&mut self, channel: &str, result: Result<LobbyMembers, ApiError>) {
        let Some(tab) = self.tab_mut(channel) else { return };
        let MemberList { again, since, .. } = std::mem::take(&mut tab.member_list);
        if again {
            return self.fetch_members(channel);
        }
        let Ok(LobbyMembers { members }) = result else { return };
        tab.members = members;
        // All of it may be in the list already: then it changes nothing.
        for event in &since {
            tab.apply(event);
        }
    }

    /// Leaves a channel, or closes a conversation.
    pub(super) fn close(&mut self, at: usize) {
        let tab = &self.tabs[at];
        if tab.is_channel() && tab.joined {
            let to = Some(tab.name.clone());
            self.command(LobbyRequest { command: "PART".into(), to, ..LobbyRequest::default() });
        } else {
            self.remove(at);
        }
    }

    fn remove(&mut self, at: usize) {
        self.tabs.remove(at);
        if at <= self.active {
            self.active = self.active.saturating_sub(1);
        }
        self.look();
    }

    pub(super) fn next_key(&mut self) -> u64 {
        let key = self.keys;
        self.keys += 1;
        key
    }

    /// Adds a line that this page says itself to the conversation in front.
    pub(super) fn note(&mut self, said: Said) {
        self.note_in(self.active, said, Progress::Delivered);
    }

    /// The same in any conversation. Returns the line's key.
    pub(super) fn note_in(&mut self, tab: usize, said: Said, progress: Progress) -> u64 {
        let key = self.next_key();
        let line =
            Line { key, time: String::new(), from: self.nick.clone(), is_mine: said.is_speech(), said, progress };
        if let Some(tab) = self.tabs.get_mut(tab) {
            tab.push(String::new(), line);
        }
        key
    }

    /// Adds what was said before, each line at its place in time.
    pub(super) fn add_history(&mut self, name: &str, events: Vec<LobbyEvent>) {
        let at = self.open(name);
        let mut entries = Vec::new();
        for event in events {
            let key = self.next_key();
            if self.seen.insert(&event.id)
                && let Some(line) = line(key, &event, &self.nick, &self.server)
            {
                entries.push(Entry { id: event.id, line: Arc::new(line) });
            }
        }
        let tab = &mut self.tabs[at];
        // A line of this page's own belongs after the one before it.
        let mut time = String::new();
        let mut timed: Vec<(String, Entry)> = Vec::new();
        let mut insert = |time: String, entry| {
            // Most come in order: then this is the end.
            let place = timed.iter().rposition(|(earlier, _)| *earlier <= time).map_or(0, |at| at + 1);
            timed.insert(place, (time, entry));
        };
        for entry in entries {
            insert(entry.line.time.clone(), entry);
        }
        for entry in tab.entries.drain(..) {
            if !entry.line.time.is_empty() {
                time.clone_from(&entry.line.time);
            }
            insert(time.clone(), entry);
        }
        let surplus = timed.len().saturating_sub(MOST_LINES);
        tab.entries = timed.into_iter().skip(surplus).map(|(_, entry)| entry).collect();
    }

    /// Adds what was said in `#lobby` since the last look.
    pub(super) fn add_to_lobby(&mut self, events: Vec<LobbyEvent>) {
        for event in events {
            if self.seen.insert(&event.id) {
                self.add(0, event);
            }
        }
    }

    /// Takes an event in, once.
    pub(super) fn take(&mut self, event: LobbyEvent) {
        if !self.seen.insert(&event.id) {
            return;
        }
        let is_me = event.from.eq_ignore_ascii_case(&self.nick);
        match event.command.as_str() {
            "PRIVMSG" | "NOTICE" => self.spoken(event, is_me),
            "JOIN" => {
                let at = self.open(&event.to);
                if is_me {
                    self.tabs[at].joined = true;
                    if std::mem::take(&mut self.speaking.select_next) {
                        self.active = at;
                        self.look();
                    }
                    self.fetch_state();
                    self.fetch_members(&event.to);
                    self.effects.push(Effect::FetchHistory(event.to.clone()));
                } else {
                    self.tabs[at].follow(&event);
                }
                self.add(at, event);
            }
            "PART" | "KICK" => {
                let Some(at) = self.tabs.iter().position(|tab| tab.name.eq_ignore_ascii_case(&event.to)) else {
                    return;
                };
                let gone = if event.command == "KICK" { event.params.first().cloned() } else { None };
                let gone = gone.unwrap_or_else(|| event.from.clone());
                self.tabs[at].follow(&event);
                if !gone.eq_ignore_ascii_case(&self.nick) {
                    return self.add(at, event);
                }
                self.tabs[at].joined = false;
                if event.command == "KICK" || at == 0 {
                    self.add(at, event);
                } else {
                    self.remove(at);
                }
            }
            "QUIT" => {
                for at in 0..self.tabs.len() {
                    if self.tabs[at].follow(&event) {
                        self.add(at, event.clone());
                    }
                }
            }
            "NICK" => self.renamed(&event, is_me),
            "TOPIC" => {
                let at = self.open(&event.to);
                self.tabs[at].topic = event.body.join(" ");
                self.fetch_state();
                self.add(at, event);
            }
            "MODE" => {
                let at = self.open(&event.to);
                self.fetch_state();
                self.fetch_members(&event.to);
                self.add(at, event);
            }
            "INVITE" => self.add(self.active, event),
            _ => {}
        }
    }

    fn spoken(&mut self, event: LobbyEvent, is_me: bool) {
        let at = if event.to.starts_with('#') {
            self.open(&event.to)
        } else if event.from == self.server {
            self.active
        } else {
            self.open(if is_me { &event.to } else { &event.from })
        };
        let key = event.meta.get("line").and_then(serde_json::Value::as_str).filter(|_| is_me);
        if let Some(key) = key.and_then(|mark| self.speaking.key_of(mark)) {
            let tab = &mut self.tabs[at];
            let found = tab.change(key, |line| {
                line.progress = Progress::Delivered;
                line.time.clone_from(&event.ts);
            });
            if found {
                if let Some(entry) = tab.entries.iter_mut().find(|entry| entry.line.key == key) {
                    entry.id = event.id;
                }
                return;
            }
        }
        self.add(at, event);
    }

    fn renamed(&mut self, event: &LobbyEvent, is_me: bool) {
        let Some(new) = event.params.first().cloned() else { return };
        if is_me {
            self.nick.clone_from(&new);
        }
        for at in 0..self.tabs.len() {
            let tab = &mut self.tabs[at];
            if !tab.is_channel() && tab.name.eq_ignore_ascii_case(&event.from) {
                tab.name.clone_from(&new);
            } else if !tab.follow(event) {
                continue;
            }
            self.add(at, event.clone());
        }
    }

    fn add(&mut self, at: usize, event: LobbyEvent) {
        let key = self.next_key();
        let Some(line) = line(key, &event, &self.nick, &self.server) else { return };
        let looks = self.in_sight && at == self.active;
        let Some(tab) = self.tabs.get_mut(at) else { return };
        if line.said.is_speech() && !line.is_mine && !looks {
            tab.unread = tab.unread.saturating_add(1);
        }
        tab.push(event.id, line);
    }
}
