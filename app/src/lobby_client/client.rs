//! The client itself: its state, and which event is for whom.

use super::{
    event::{Effect, Event},
    looking::Looking,
    outgoing::Speaking,
    reading::{Polled, Reading},
    tabs::{Seen, Tab},
};
use crate::{
    error::ApiError,
    scene::lobby::{Access, LOBBY, LobbyCommand, LobbyScene, MOST_SHOWN, TabView},
    wire::{PageState, lobby::LobbyBatch},
};
use std::time::Duration;

/// The number of the search for a session stamp; that of a line is its key plus one.
pub(super) const SESSION_SEARCH: u64 = 0;

/// The page's side of the lobby.
#[derive(Debug)]
pub struct LobbyClient {
    /// The server's name.
    pub(super) server: String,
    /// Bits of a session stamp; 0: none is needed.
    pub(super) session_bits: u8,
    /// True if the race mints the stamp by itself.
    pub(super) race_mints: bool,
    pub(super) random: fn() -> f64,
    pub(super) access: Access,
    /// When to stop waiting for the race and mint.
    pub(super) mint_at: Option<Duration>,
    /// Stamps that the server has refused since the visitor asked to come in.
    pub(super) refused_stamps: u32,
    pub(super) nick: String,
    /// `#lobby` first.
    pub(super) tabs: Vec<Tab>,
    pub(super) active: usize,
    pub(super) in_sight: bool,
    /// How many are in the lobby, as the server said when it rendered the page.
    pub(super) users: usize,
    pub(super) admitted: bool,
    /// Hashes per second of this page.
    pub(super) rate: f64,
    pub(super) reading: Reading,
    pub(super) looking: Looking,
    pub(super) seen: Seen,
    pub(super) speaking: Speaking,
    /// Counts lines.
    pub(super) keys: u64,
    pub(super) mint_rate: f64,
    /// The state is on its way.
    pub(super) fetching_state: bool,
    /// It was overtaken by an event.
    pub(super) state_is_outdated: bool,
    pub(super) effects: Vec<Effect>,
}

impl LobbyClient {
    /// A client on a page rendered from `page`.
    pub fn new(page: &PageState, random: fn() -> f64) -> Self {
        let mut client = Self {
            server: page.gate.resource.clone(),
            session_bits: page.gate.stamp_bits,
            race_mints: page.gate.asks_for_stamps,
            random,
            access: if page.lobby.open { Access::Reading } else { Access::Closed },
            mint_at: None,
            refused_stamps: 0,
            nick: String::new(),
            tabs: vec![Tab::new(LOBBY)],
            active: 0,
            in_sight: false,
            users: page.lobby.users,
            admitted: false,
            rate: 0.0,
            reading: Reading::default(),
            looking: Looking::default(),
            seen: Seen::default(),
            speaking: Speaking::default(),
            // The lines that the server rendered were counted in the same way.
            keys: 0,
            mint_rate: 0.0,
            fetching_state: false,
            state_is_outdated: false,
            effects: Vec::new(),
        };
        client.add_history(LOBBY, page.lobby.lines.clone());
        client
    }

    /// Hears `event` at `now` and says what is to be done about it.
    pub fn handle(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        match event {
            Event::Moment => {}
            Event::Command(command) => self.obey(command, now),
            Event::Race { admitted, live } => self.race_stands(admitted, live),
            Event::Entered(result) => match result {
                Ok(_) => self.fetch_state(),
                Err(error) => self.not_let_in(error),
            },
            Event::StateFetched(result) => self.state_fetched(result),
            Event::MembersFetched { channel, result } => self.members_fetched(&channel, result),
            Event::HistoryFetched { name, result } => {
                if let Ok(history) = result {
                    self.add_history(&name, history.messages);
                }
            }
            Event::Looked(result) => {
                let events = self.looking.looked(result, now, self.random());
                self.add_to_lobby(events);
            }
            Event::Polled(result) => self.polled(result, now),
            Event::Heard { id, event } => {
                if self.access == Access::Inside
                    && let Some(event) = self.reading.heard(id, event)
                {
                    self.take(event);
                }
            }
            Event::Answered(result) => self.answered(result, now),
            Event::Stamp { search: SESSION_SEARCH, event } => self.session_stamp(event),
            Event::Stamp { search, event } => self.message_stamp(search - 1, event),
        }
        if self.mint_at.is_some_and(|at| at <= now) {
            self.mint_at = None;
            self.prove();
        }
        if self.access == Access::Inside {
            self.effects.extend(self.reading.poll(now));
        }
        if self.look_at().is_some_and(|at| at <= now) {
            self.effects.push(self.looking.look());
        }
        self.speak_on(now);
        std::mem::take(&mut self.effects)
    }

    /// This page mines so many hashes a second.
    pub fn mines_at(&mut self, rate: f64) {
        self.rate = rate;
    }

    /// True if [`Event::Race`] would be news, or something is due.
    pub fn wants_to_hear(&self, admitted: bool, live: bool, now: Duration) -> bool {
        (self.admitted, self.reading.is_live()) != (admitted, live) || self.deadline().is_some_and(|at| at <= now)
    }

    /// When to come back with [`Event::Moment`], if nothing happens before.
    pub fn deadline(&self) -> Option<Duration> {
        [self.mint_at, self.reading.deadline(), self.look_at(), self.speaking.send_at].into_iter().flatten().min()
    }

    /// The lobby as it is to be shown.
    pub fn scene(&self) -> LobbyScene {
        let is_inside = self.access == Access::Inside;
        let tab = &self.tabs[self.active];
        let members = tab.members.iter().take(MOST_SHOWN).cloned().collect();
        LobbyScene {
            access: self.access.clone(),
            is_current: !is_inside || self.reading.is_current(),
            nick: self.nick.clone(),
            tabs: self.tabs.iter().map(|tab| TabView { name: tab.name.clone(), unread: tab.unread }).collect(),
            active: self.active,
            topic: tab.topic.clone(),
            bits: tab.bits,
            mint_rate: self.mint_rate,
            members,
            member_count: if is_inside { tab.members.len() } else { self.users },
            lines: tab.lines(),
            unread: self.tabs.iter().map(|tab| tab.unread).sum(),
        }
    }

    fn obey(&mut self, command: LobbyCommand, now: Duration) {
        match command {
            LobbyCommand::Enter => self.enter(now),
            LobbyCommand::CancelProof if matches!(self.access, Access::Proving(_)) => {
                self.access = Access::Reading;
                self.effects.push(Effect::CancelMint(SESSION_SEARCH));
            }
            LobbyCommand::CancelProof => {}
            LobbyCommand::Select(tab) if tab < self.tabs.len() => {
                self.active = tab;
                self.look();
            }
            LobbyCommand::Close(tab) if 0 < tab && tab < self.tabs.len() => self.close(tab),
            LobbyCommand::Select(_) | LobbyCommand::Close(_) => {}
            LobbyCommand::Say(text) => self.say(&text),
            LobbyCommand::InSight(in_sight) => {
                self.in_sight = in_sight;
                self.look();
            }
        }
    }

    /// When to look again; never while nobody looks, or while everything is heard.
    fn look_at(&self) -> Option<Duration> {
        let reads = !matches!(self.access, Access::Inside | Access::Closed);
        self.looking.due().filter(|_| reads && self.in_sight)
    }

    fn polled(&mut self, result: Result<LobbyBatch, ApiError>, now: Duration) {
        if self.access != Access::Inside {
            return self.reading.poll_ended();
        }
        match self.reading.polled(result, now, self.random()) {
            Polled::Events(events) => {
                for event in events {
                    self.take(event);
                }
            }
            Polled::Ended => self.thrown_out(),
        }
    }

    /// What the visitor looks at is read.
    pub(super) fn look(&mut self) {
        if self.in_sight {
            self.tabs[self.active].unread = 0;
        }
    }

    pub(super) fn random(&self) -> f64 {
        (self.random)()
    }
}
