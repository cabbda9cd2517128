//! Coming in: by the race's session or one of the lobby's own, and being thrown out.

use super::{
    client::{LobbyClient, SESSION_SEARCH},
    event::{Effect, StampFor},
    outgoing::Speaking,
};
use crate::{
    error::{ApiError, ErrorCode},
    scene::{
        Command, MintEvent, Proof,
        lobby::{Access, LOBBY},
    },
    wire::lobby::{LobbyRequest, LobbyState},
};
use std::time::Duration;

/// How long to wait for the race to let the visitor in before a stamp is minted.
const WAIT_FOR_RACE: Duration = Duration::from_secs(2);

/// Stamps that the server may refuse before the page gives up.
const REFUSALS_AT_MOST: u32 = 3;

impl LobbyClient {
    pub(super) fn enter(&mut self, now: Duration) {
        if matches!(self.access, Access::Inside | Access::Entering | Access::Proving(_) | Access::Closed) {
            return;
        }
        self.access = Access::Entering;
        self.refused_stamps = 0;
        if self.admitted {
            self.fetch_state();
        } else if self.race_mints {
            self.effects.push(Effect::Race(Command::RetryProof));
        } else {
            // Usually the race is only a moment away from a session that will do.
            self.mint_at = Some(now + WAIT_FOR_RACE);
        }
    }

    pub(super) fn prove(&mut self) {
        if self.session_bits == 0 {
            self.effects.push(Effect::Enter { stamp: None });
            return;
        }
        let bits = self.session_bits;
        self.access = Access::Proving(Proof { bits, ..Proof::default() });
        let purpose = StampFor::Session(self.server.clone());
        self.effects.push(Effect::Mint { search: SESSION_SEARCH, bits, purpose });
    }

    pub(super) fn session_stamp(&mut self, event: MintEvent) {
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

    pub(super) fn race_stands(&mut self, admitted: bool, live: bool) {
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
        if self.reading.connection_changed(live) {
            self.listen();
        }
    }

    /// Has the server put an event into the queue. Once the live connection brings it,
    /// or another one before it, nothing is missed any more.
    pub(super) fn listen(&mut self) {
        if self.reading.is_live() && self.access == Access::Inside {
            self.effects.push(Effect::Listen);
        }
    }

    /// Asks for nick, channels, topics and bits. An answer that an event has overtaken
    /// does not count: it is asked for again.
    pub(super) fn fetch_state(&mut self) {
        self.state_is_outdated = self.fetching_state;
        if !std::mem::replace(&mut self.fetching_state, true) {
            self.effects.push(Effect::FetchState);
        }
    }

    pub(super) fn state_fetched(&mut self, result: Result<LobbyState, ApiError>) {
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
        self.reading.begin_after(state.last_id);
        for channel in &state.channels {
            self.fetch_members(&channel.name);
            self.effects.push(Effect::FetchHistory(channel.name.clone()));
        }
        if !self.tabs[0].joined {
            self.command(LobbyRequest { command: "JOIN".into(), to: Some(LOBBY.into()), ..LobbyRequest::default() });
        }
        self.listen();
    }

    pub(super) fn not_let_in(&mut self, error: ApiError) {
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
    pub(super) fn thrown_out(&mut self) {
        self.access = Access::Reading;
        self.speaking = Speaking::default();
        self.reading.end();
        for tab in &mut self.tabs {
            tab.joined = false;
        }
    }
}
