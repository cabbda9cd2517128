//! What all stories share: a page without a browser, and what may happen to it.

pub(super) use crate::{
    error::{ApiError, DropDetails, ErrorCode, StampDemand},
    mining::{PoolEvent, PoolFailure},
    race_client::{CheckEvent, Device, Effect, Event, RaceClient},
    scene::{
        CheckFailure, Command, Connection, Failure, HumanCheck, MintEvent, Note, Pause, Phase, Proof, SessionProof,
    },
    wire::{
        ClientMessage, DropNews, Figures, Gate, PageState, Puzzle, ResetReason, RoundView, Search, ServerMessage,
        SessionView, Share, Site, Submission, TurnstileConfig, Victory, View, Win, lobby::LobbyPage,
    },
};
pub(super) use miner::Job;
pub(super) use puzzle::{
    Cost, Difficulty, Hash, Nonce, RoundNumber, Seed, Target, curve::RisingCurve, invite_code::InviteCode,
};
pub(super) use std::time::Duration;

use crate::language::Language;

/// A page, its clock and everything it asked for since it was last looked at.
pub(super) struct Story {
    pub(super) client: RaceClient,
    pub(super) now: Duration,
    pub(super) effects: Vec<Effect>,
}

/// A page in test mode, as the server renders it.
pub(super) fn page(round: RoundView) -> PageState {
    PageState {
        site: Site::default(),
        way_back: None,
        language: Language::English,
        round,
        figures: Figures::default(),
        drop: DropNews::default(),
        turnstile: TurnstileConfig { site_key: String::new(), test_mode: true },
        turnstile_script: String::new(),
        view: View::Race,
        gate: Gate { asks_for_humans: true, ..Gate::default() },
        lobby: LobbyPage::default(),
        miner_simd: String::new(),
        has_session: false,
        miner_scalar: String::new(),
    }
}

pub(super) fn round(number: u64, digits: f64) -> RoundView {
    RoundView {
        round: RoundNumber(number),
        search: Some(Search {
            seed: Seed::from_bytes([number as u8; 16]),
            target: Difficulty::new(digits).unwrap().into(),
            curve: None,
        }),
        difficulty: digits,
        cost: Cost { memory_cost: 64, time_cost: 1, parallelism: 1 },
        mining_time: 0.0,
        clock_running: false,
    }
}

/// A round whose target is one in 256 after 60 s of mining time.
pub(super) fn rising_round(number: u64) -> RoundView {
    let target = |digits| Target::from(Difficulty::new(digits).unwrap());
    let curve = RisingCurve {
        reference_time: 60.0,
        reference_target: target(2.0),
        power: 2.0,
        easiest: target(1.0),
        hardest: target(6.0),
    };
    let mut round = round(number, 6.0);
    round.search = round.search.map(|search| Search { curve: Some(curve), ..search });
    round
}

/// The same, and somebody mines it already.
pub(super) fn rising_round_of_others(number: u64) -> RoundView {
    RoundView { clock_running: true, ..rising_round(number) }
}

/// What the server tells every two seconds.
pub(super) fn figures(active_miners: u32, mining_time: f64) -> Event {
    Event::Heard(ServerMessage::NetworkHashrate {
        total_hashrate: 0.0,
        active_miners,
        online: active_miners,
        timestamp: 0.0,
        round: RoundNumber(1),
        mining_time,
        clock_running: 0 < active_miners,
    })
}

/// A hash that begins with these bytes.
pub(super) fn hash(first: u8, second: u8) -> Hash {
    let mut bytes = [0; 32];
    (bytes[0], bytes[1]) = (first, second);
    Hash::from_bytes(bytes)
}

pub(super) fn error(code: ErrorCode) -> ApiError {
    ApiError::new(code, "as the server says")
}

pub(super) fn code(text: &str) -> InviteCode {
    serde_json::from_value(text.into()).unwrap()
}

pub(super) fn victory(round: u64) -> Victory {
    Victory {
        invite_code: code("HASHPASS-ABCDEFGHJKMN"),
        round: RoundNumber(round),
        solve_time: 5.0,
        difficulty: 2.0,
        new_difficulty: 2.0,
    }
}

pub(super) fn session() -> SessionView {
    SessionView { id: "1".into(), nick: "guest".into(), verified: true }
}

pub(super) fn snapshot(round: RoundView) -> Event {
    Event::Heard(ServerMessage::Puzzle {
        round,
        figures: Figures::default(),
        proof_interval: 60.0,
        drop: Box::default(),
    })
}

pub(super) fn reset(round: RoundView) -> Event {
    Event::Heard(ServerMessage::PuzzleReset { round, reason: ResetReason::Solved, solve_time: Some(9.0) })
}

pub(super) fn found(round: u64, hash: Hash) -> Event {
    let best = Some((hash, Nonce::new(7).unwrap()));
    Event::Pool(PoolEvent::Progress { round: RoundNumber(round), hashes: 2, best, lowest: best })
}

pub(super) fn trace(text: &str) -> Event {
    Event::TraceFetched(text.parse().ok())
}

impl Story {
    /// A page that was just opened.
    pub(super) fn opened(round: RoundView) -> Self {
        Self::on(&page(round))
    }

    pub(super) fn on(page: &PageState) -> Self {
        let device = Device { workers: 2, most_workers: 4, random: || 1.0 };
        Self { client: RaceClient::new(page, device), now: Duration::ZERO, effects: Vec::new() }
    }

    /// A page whose visitor may start.
    pub(super) fn ready(round: RoundView) -> Self {
        let mut story = Self::opened(round.clone());
        story.tell(Event::Begin { had_session: false });
        story.tell(Event::Entered(Ok(session())));
        story.tell(Event::Identified { visitor: "visitor-1".parse().unwrap(), at_random: false });
        story.tell(trace("fl=1\nip=192.0.2.1\nts=1\n"));
        story.tell(Event::SocketOpened);
        story.tell(snapshot(round));
        story
    }

    /// A page that mines.
    pub(super) fn mining(round: RoundView) -> Self {
        let number = round.round;
        let mut story = Self::ready(round);
        story.tell(Event::Command(Command::Start));
        story.tell(Event::Pool(PoolEvent::Progress { round: number, hashes: 1, best: None, lowest: None }));
        assert_eq!(story.phase(), Phase::Mining);
        story.effects.clear();
        story
    }

    pub(super) fn tell(&mut self, event: Event) {
        let effects = self.client.handle(event, self.now);
        self.effects.extend(effects);
    }

    pub(super) fn answer(&mut self, round: u64, result: Result<Victory, ApiError>) {
        self.tell(Event::Answered { round: RoundNumber(round), result });
    }

    /// Lets time pass, waking the page up exactly when it asked for it.
    pub(super) fn wait(&mut self, seconds: f64) {
        let end = self.now + Duration::from_secs_f64(seconds);
        for _ in 0..10_000 {
            let Some(deadline) = self.client.deadline(self.now).filter(|deadline| *deadline <= end) else {
                self.now = end;
                return self.tell(Event::Moment);
            };
            self.now = self.now.max(deadline);
            self.tell(Event::Moment);
        }
        panic!("the page asks to be woken up again and again");
    }

    pub(super) fn phase(&self) -> Phase {
        self.client.phase(self.now)
    }

    /// How often the page asked for this since the last time.
    pub(super) fn count(&mut self, is_meant: impl Fn(&Effect) -> bool) -> usize {
        let before = self.effects.len();
        self.effects.retain(|effect| !is_meant(effect));
        before - self.effects.len()
    }

    /// Lets time pass on a connection that is never silent for long.
    pub(super) fn hear_of_it_for(&mut self, seconds: f64) {
        let mut left = seconds;
        while 0.0 < left {
            self.tell(Event::Heard(ServerMessage::Pong { online: 1 }));
            self.wait(left.min(5.0));
            left -= 5.0;
        }
    }

    /// The shares that the page sent since the last time.
    pub(super) fn shares(&mut self) -> Vec<Share> {
        let shares = self.effects.iter().filter_map(|effect| match effect {
            Effect::Send(ClientMessage::Share(share)) => Some(share.clone()),
            _ => None,
        });
        let shares = shares.collect();
        self.effects.retain(|effect| !matches!(effect, Effect::Send(ClientMessage::Share(_))));
        shares
    }

    pub(super) fn submissions(&mut self) -> Vec<Submission> {
        let (submissions, rest) =
            std::mem::take(&mut self.effects).into_iter().partition(|effect| matches!(effect, Effect::Submit { .. }));
        self.effects = rest;
        let submissions: Vec<Effect> = submissions;
        submissions
            .into_iter()
            .filter_map(|effect| if let Effect::Submit { submission, .. } = effect { Some(submission) } else { None })
            .collect()
    }

    pub(super) fn replaced_jobs(&mut self) -> Vec<Job> {
        let jobs = self
            .effects
            .iter()
            .filter_map(|effect| if let Effect::ReplaceJob(job) = effect { Some(job.clone()) } else { None })
            .collect();
        self.effects.retain(|effect| !matches!(effect, Effect::ReplaceJob(_)));
        jobs
    }

    pub(super) fn notes(&self) -> Vec<&Note> {
        self.effects
            .iter()
            .filter_map(|effect| if let Effect::Write(note) = effect { Some(note) } else { None })
            .collect()
    }
}

pub(super) fn starts(effect: &Effect) -> bool {
    matches!(effect, Effect::StartMiner { .. })
}

pub(super) fn stops(effect: &Effect) -> bool {
    matches!(effect, Effect::StopMiner)
}

pub(super) fn opens_socket(effect: &Effect) -> bool {
    matches!(effect, Effect::OpenSocket)
}

pub(super) fn fetches_trace(effect: &Effect) -> bool {
    matches!(effect, Effect::FetchTrace)
}

pub(super) fn fetches_wins(effect: &Effect) -> bool {
    matches!(effect, Effect::FetchWins)
}

pub(super) fn enters(effect: &Effect) -> bool {
    matches!(effect, Effect::Enter { .. })
}

pub(super) fn says(message: ClientMessage) -> impl Fn(&Effect) -> bool {
    move |effect| matches!(effect, Effect::Send(sent) if *sent == message)
}
