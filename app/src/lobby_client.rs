//! The page's side of the lobby, without a browser: hears [`Event`]s, keeps the
//! conversations and answers with [`Effect`]s, as [`crate::race_client`] does for
//! the race. `browser` is the caller.
//!
//! Whoever only reads needs no session: the page looks now and then what there is to
//! read, as anybody may. Coming in costs nothing where the race has
//! let the visitor in already; else a session stamp, if the server asks for one.
//!
//! Events come over the live connection while it stands, and by long polls while
//! it does not. Both read one queue on the server, and the client knows up to which
//! place it has read: after every change it reads on from there before it believes
//! the connection, so that nothing is missed; and every event has a name, so that
//! nothing is shown twice. A message of the visitor's carries a mark of its own in
//! `meta`: one whose answer got lost is recognised when it comes back, and sent
//! again only if it does not.

mod conversation;
mod event;
mod hearing;
mod looking;
mod slash;
mod speaking;
#[cfg(test)]
mod tests;

pub use event::{Effect, Event, StampFor};

use crate::{
    error::{ApiError, ErrorCode},
    scene::{
        self, MintEvent, Proof,
        lobby::{Access, LOBBY, LobbyCommand, LobbyScene, MOST_SHOWN, TabView},
    },
    wire::{
        PageState,
        lobby::{LobbyRequest, LobbyState},
    },
};
use conversation::{Seen, Tab};
use looking::Looking;
use puzzle::back_off::BackOff;
use speaking::Speaking;
use std::time::Duration;

/// The number of the search for a session stamp; that of a line is its key plus one.
const SESSION_SEARCH: u64 = 0;

/// How long to wait for the race to let the visitor in before a stamp is minted.
const RACE_PATIENCE: Duration = Duration::from_secs(2);

/// Stamps that the server may refuse before the page gives up.
const REFUSALS_AT_MOST: u32 = 3;

/// How long a long poll waits, in seconds.
const POLL_SECONDS: u32 = 25;

/// The page's side of the lobby.
#[derive(Debug)]
pub struct LobbyClient {
    /// The server's name.
    server: String,
    /// Bits of a session stamp; 0: none is needed.
    session_bits: u8,
    /// True if the race mints the stamp by itself.
    race_mints: bool,
    random: fn() -> f64,
    access: Access,
    /// When to stop waiting for the race and mint.
    mint_at: Option<Duration>,
    /// Stamps that the server has refused since the visitor asked to come in.
    refused_stamps: u32,
    nick: String,
    /// `#lobby` first.
    tabs: Vec<Tab>,
    active: usize,
    in_sight: bool,
    /// How many are in the lobby, as the server said when it rendered the page.
    users: usize,
    admitted: bool,
    live: bool,
    /// Hashes per second of this page.
    rate: f64,
    reading: Reading,
    looking: Looking,
    seen: Seen,
    speaking: Speaking,
    /// Counts lines.
    keys: u64,
    mint_rate: f64,
    /// The state is on its way.
    fetching_state: bool,
    /// It was overtaken by an event.
    state_is_outdated: bool,
    effects: Vec<Effect>,
}

/// Reading the queue.
#[derive(Debug, Default)]
struct Reading {
    /// The place up to which it was read.
    after: u64,
    /// A poll is under way.
    polling: bool,
    /// When to poll again, after a failure.
    poll_at: Option<Duration>,
    back_off: BackOff,
    /// The last poll succeeded.
    polled: bool,
    /// The live connection brings events.
    seated: bool,
    /// Everything before them was read.
    caught_up: bool,
    /// What came while it was not.
    held: Vec<(u64, crate::wire::lobby::LobbyEvent)>,
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
            live: false,
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
            Event::HistoryFetched { target, result } => {
                if let Ok(history) = result {
                    self.add_history(&target, history.messages);
                }
            }
            Event::Looked(result) => self.looked(result, now),
            Event::Polled(result) => self.polled(result, now),
            Event::Heard { id, event } => self.heard(id, event),
            Event::Answered(result) => self.answered(result, now),
            Event::Stamp { search: SESSION_SEARCH, event } => self.session_stamp(event),
            Event::Stamp { search, event } => self.message_stamp(search - 1, event),
        }
        if self.mint_at.is_some_and(|at| at <= now) {
            self.mint_at = None;
            self.prove();
        }
        if self.reading.poll_at.is_some_and(|at| at <= now) {
            self.reading.poll_at = None;
        }
        self.read_on();
        self.look_on(now);
        self.speak_on(now);
        std::mem::take(&mut self.effects)
    }

    /// This page mines so many hashes a second.
    pub fn mines_at(&mut self, rate: f64) {
        self.rate = rate;
    }

    /// True if [`Event::Race`] would be news, or something is due.
    pub fn wants_to_hear(&self, admitted: bool, live: bool, now: Duration) -> bool {
        (self.admitted, self.live) != (admitted, live) || self.deadline().is_some_and(|at| at <= now)
    }

    /// When to come back with [`Event::Moment`], if nothing happens before.
    pub fn deadline(&self) -> Option<Duration> {
        [self.mint_at, self.reading.poll_at, self.look_at(), self.speaking.send_at].into_iter().flatten().min()
    }

    /// The lobby as it is to be shown.
    pub fn scene(&self) -> LobbyScene {
        let is_inside = self.access == Access::Inside;
        let tab = &self.tabs[self.active];
        let members = tab.members.iter().take(MOST_SHOWN).cloned().collect();
        LobbyScene {
            access: self.access.clone(),
            is_current: !is_inside || self.is_current(),
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

    /// What the visitor looks at is read.
    fn look(&mut self) {
        if self.in_sight {
            self.tabs[self.active].unread = 0;
        }
    }

    fn enter(&mut self, now: Duration) {
        if matches!(self.access, Access::Inside | Access::Entering | Access::Proving(_) | Access::Closed) {
            return;
        }
        self.access = Access::Entering;
        self.refused_stamps = 0;
        if self.admitted {
            self.fetch_state();
        } else if self.race_mints {
            self.effects.push(Effect::Race(scene::Command::RetryProof));
        } else {
            // Usually the race is only a moment away from a session that will do.
            self.mint_at = Some(now + RACE_PATIENCE);
        }
    }

    fn prove(&mut self) {
        if self.session_bits == 0 {
            self.effects.push(Effect::Enter { stamp: None });
            return;
        }
        let bits = self.session_bits;
        self.access = Access::Proving(Proof { bits, ..Proof::default() });
        let purpose = StampFor::Session(self.server.clone());
        self.effects.push(Effect::Mint { search: SESSION_SEARCH, bits, purpose });
    }

    fn session_stamp(&mut self, event: MintEvent) {
        if !matches!(self.access, Access::Proving(_)) {
            return;
        }
        match event {
            MintEvent::Progress(proof) => self.access = Access::Proving(proof),
            MintEvent::Found(stamp, proof) => {
                self.mint_rate = proof.rate();
                self.access = Access::Entering;
                self.effects.push(Effect::Enter { stamp: Some(stamp) });
            }
            MintEvent::Failed => self.access = Access::NoWorker,
        }
    }

    fn race_stands(&mut self, admitted: bool, live: bool) {
        if admitted && !self.admitted {
            let waits = self.mint_at.take().is_some() || (self.race_mints && self.access == Access::Entering);
            let proves = matches!(self.access, Access::Proving(_));
            if proves {
                self.effects.push(Effect::CancelMint(SESSION_SEARCH));
                self.access = Access::Entering;
            }
            if waits || proves {
                self.fetch_state();
            }
        }
        self.admitted = admitted;
        if live != self.live {
            self.live = live;
            self.reading.seated = false;
            self.reading.caught_up = false;
            self.reading.held.clear();
            self.listen();
        }
    }

    /// Asks for the events on the live connection. The server answers by an event:
    /// from then on nothing passes unheard.
    fn listen(&mut self) {
        if self.live && self.access == Access::Inside {
            self.effects.push(Effect::Listen);
        }
    }

    /// Asks for nick, channels, topics and bits. An answer that an event has overtaken
    /// does not count: it is asked for again.
    fn fetch_state(&mut self) {
        self.state_is_outdated = self.fetching_state;
        if !std::mem::replace(&mut self.fetching_state, true) {
            self.effects.push(Effect::FetchState);
        }
    }

    fn state_fetched(&mut self, result: Result<LobbyState, ApiError>) {
        self.fetching_state = false;
        if self.state_is_outdated && self.access == Access::Inside {
            return self.fetch_state();
        }
        let state = match result {
            Ok(state) => state,
            Err(error) if self.access != Access::Inside => return self.not_let_in(error),
            // The next change asks again.
            Err(_) => return,
        };
        let is_new = self.access != Access::Inside;
        self.nick = state.nick;
        for channel in &state.channels {
            let tab = self.open(&channel.name);
            let tab = &mut self.tabs[tab];
            tab.topic.clone_from(&channel.topic);
            tab.bits = channel.hashcash_bits;
            tab.joined = true;
        }
        if !is_new {
            return;
        }
        self.access = Access::Inside;
        self.reading.after = self.reading.after.max(state.last_id);
        self.reading.polled = true;
        for channel in &state.channels {
            self.fetch_members(&channel.name);
            self.effects.push(Effect::FetchHistory(channel.name.clone()));
        }
        if !self.tabs[0].joined {
            self.command(LobbyRequest { command: "JOIN".into(), to: Some(LOBBY.into()), ..LobbyRequest::default() });
        }
        self.listen();
    }

    fn not_let_in(&mut self, error: ApiError) {
        self.access = match error.code {
            ErrorCode::LobbyClosed => Access::Closed,
            // The bits were raised since the page was rendered, or the stamp is too old.
            ErrorCode::StampRequired
                if error.stamp.is_some() && !self.race_mints && self.refused_stamps < REFUSALS_AT_MOST =>
            {
                self.refused_stamps += 1;
                if let Some(demand) = error.stamp {
                    self.session_bits = demand.hashcash_bits;
                    self.server = demand.resource;
                }
                return self.prove();
            }
            _ => Access::Refused(error.into()),
        };
    }

    /// The session has ended; what was said stays to be read.
    fn thrown_out(&mut self) {
        self.access = Access::Reading;
        self.speaking = Speaking::default();
        self.reading = Reading::default();
        for tab in &mut self.tabs {
            tab.joined = false;
        }
    }

    fn random(&self) -> f64 {
        (self.random)()
    }
}
