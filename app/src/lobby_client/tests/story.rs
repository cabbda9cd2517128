//! What all stories share: a lobby without a browser, and what may happen to it.

pub(super) use super::super::{
    client::{LobbyClient, SESSION_SEARCH},
    event::{Effect, Event, StampFor},
    reading::POLL_SECONDS,
    tabs::MOST_LINES,
};
pub(super) use crate::{
    error::{ApiError, ErrorCode, StampDemand},
    scene::{
        self, MintEvent, Proof,
        lobby::{Access, LOBBY, Line, LobbyCommand, Progress, Said},
    },
    wire::{
        DropNews, Figures, Gate, PageState, RoundView, Search, Site, TurnstileConfig, View,
        lobby::{
            LobbyAnswer, LobbyBatch, LobbyChannel, LobbyEvent, LobbyMember, LobbyMembers, LobbyPage, LobbyRequest,
            LobbyState,
        },
    },
};
pub(super) use puzzle::{Cost, Difficulty, RoundNumber, Seed};
pub(super) use serde_json::{Value, json};
pub(super) use std::{sync::Arc, time::Duration};

/// A lobby without a browser, its clock and everything it asked for.
pub(super) struct Story {
    pub(super) client: LobbyClient,
    pub(super) now: Duration,
    pub(super) effects: Vec<Effect>,
}

pub(super) fn page(gate: Gate) -> PageState {
    PageState {
        view: View::Lobby,
        site: Site::default(),
        way_back: None,
        language: crate::Language::English,
        round: RoundView {
            round: RoundNumber(1),
            search: Some(Search {
                seed: Seed::from_bytes([1; 16]),
                target: Difficulty::new(2.0).unwrap().into(),
                curve: None,
            }),
            difficulty: 2.0,
            cost: Cost::DEFAULT,
            mining_time: 0.0,
            clock_running: false,
        },
        figures: Figures::default(),
        drop: DropNews::default(),
        turnstile: TurnstileConfig { site_key: String::new(), test_mode: true },
        turnstile_script: String::new(),
        gate,
        lobby: LobbyPage { open: true, users: 3, lines: vec![message("old", "ann", LOBBY, "before")] },
        has_session: false,
        miner_simd: String::new(),
        miner_scalar: String::new(),
    }
}

pub(super) fn event(id: &str, command: &str, from: &str, to: &str) -> LobbyEvent {
    LobbyEvent {
        id: id.into(),
        command: command.into(),
        from: from.into(),
        to: to.into(),
        ts: "2026-11-21T12:00:00.000Z".into(),
        ..LobbyEvent::default()
    }
}

pub(super) fn message(id: &str, from: &str, to: &str, text: &str) -> LobbyEvent {
    LobbyEvent { body: vec![text.into()], ..event(id, "PRIVMSG", from, to) }
}

pub(super) fn batch(messages: Vec<LobbyEvent>, last_id: u64) -> Event {
    Event::Polled(Ok(LobbyBatch { messages, last_id }))
}

pub(super) fn state(bits: u8) -> Event {
    let channel = LobbyChannel { name: LOBBY.into(), topic: "Hello".into(), hashcash_bits: bits };
    Event::StateFetched(Ok(LobbyState { nick: "me".into(), channels: vec![channel], last_id: 7 }))
}

pub(super) fn unreachable() -> ApiError {
    ApiError::new(ErrorCode::Unreachable, "no answer")
}

pub(super) fn refused(bits: u8) -> Event {
    let answer = LobbyAnswer {
        numeric: Some("404".into()),
        message: "a stamp is needed".into(),
        meta: json!({"hashcash_bits": bits}),
        ..LobbyAnswer::default()
    };
    Event::Answered(Ok(answer))
}

pub(super) fn found(search: u64, stamp: &str) -> Event {
    let proof = Proof { bits: 8, tries: 256, elapsed: Duration::from_millis(1) };
    Event::Stamp { search, event: MintEvent::Found(stamp.into(), proof) }
}

impl Story {
    pub(super) fn outside(gate: Gate) -> Self {
        Self { client: LobbyClient::new(&page(gate), || 0.5), now: Duration::ZERO, effects: Vec::new() }
    }

    /// In `#lobby`, whose messages cost so many bits, with a queue read up to 7.
    pub(super) fn inside(bits: u8) -> Self {
        let mut story = Self::outside(Gate { resource: "hashpass".into(), ..Gate::default() });
        story.tell(Event::Race { admitted: true, live: false });
        story.tell(Event::Command(LobbyCommand::InSight(true)));
        story.tell(Event::Command(LobbyCommand::Enter));
        assert_eq!(story.effects, [Effect::FetchState]);
        story.tell(state(bits));
        story.tell(Event::Command(LobbyCommand::InSight(true)));
        story.effects.clear();
        story
    }

    pub(super) fn tell(&mut self, event: Event) {
        let effects = self.client.handle(event, self.now);
        self.effects.extend(effects);
    }

    pub(super) fn say(&mut self, text: &str) {
        self.tell(Event::Command(LobbyCommand::Say(text.into())));
    }

    pub(super) fn lines(&self) -> Vec<Arc<Line>> {
        self.client.scene().lines
    }

    pub(super) fn texts(&self) -> Vec<String> {
        let text = |line: &Arc<Line>| match &line.said {
            Said::Message(text) => text.clone(),
            other => other.name().to_owned(),
        };
        self.lines().iter().map(text).collect()
    }

    pub(super) fn last(&self) -> Line {
        Line::clone(self.lines().last().unwrap())
    }

    pub(super) fn sent(&mut self) -> Vec<LobbyRequest> {
        let effects = std::mem::take(&mut self.effects);
        effects
            .into_iter()
            .filter_map(|effect| if let Effect::Send(request) = effect { Some(request) } else { None })
            .collect()
    }

    pub(super) fn minted(&mut self) -> Vec<(u64, u8)> {
        let effects = std::mem::take(&mut self.effects);
        let mint = |effect| if let Effect::Mint { search, bits, .. } = effect { Some((search, bits)) } else { None };
        effects.into_iter().filter_map(mint).collect()
    }
}
