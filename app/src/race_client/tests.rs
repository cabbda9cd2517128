//! Whole stories of a race, told event by event.

use super::*;
use crate::{
    error::{ApiError, ErrorCode, StampDemand},
    language::Language,
    mining::PoolEvent,
    scene::{CheckFailure, Connection},
    scene::{MintEvent, Proof, SessionProof},
    wire::{
        Gate, Puzzle, ResetReason, ServerMessage, SessionView, Share, Submission, TurnstileConfig, Victory, View, Win,
        lobby::LobbyPage,
    },
};
use puzzle::{Cost, Difficulty, Hash, Nonce, Seed, curve::RisingCurve, invite_code::InviteCode};

/// A page, its clock and everything it asked for since it was last looked at.
struct Story {
    client: RaceClient,
    now: Duration,
    effects: Vec<Effect>,
}

fn round(number: u64, digits: f64) -> RoundView {
    RoundView {
        round: RoundNumber(number),
        seed: Seed::from_bytes([number as u8; 16]),
        difficulty: digits,
        target: Difficulty::new(digits).unwrap().into(),
        cost: Cost { memory_cost: 64, time_cost: 1, parallelism: 1 },
        mining_time: 0.0,
        clock_running: false,
        curve: None,
    }
}

/// A round whose target is one in 256 after 60 s of mining time.
fn rising_round(number: u64) -> RoundView {
    let target = |digits| Target::from(Difficulty::new(digits).unwrap());
    let curve = RisingCurve {
        reference_time: 60.0,
        reference_target: target(2.0),
        power: 2.0,
        easiest: target(1.0),
        hardest: target(6.0),
    };
    RoundView { curve: Some(curve), ..round(number, 6.0) }
}

/// The same, and somebody mines it already.
fn rising_round_of_others(number: u64) -> RoundView {
    RoundView { clock_running: true, ..rising_round(number) }
}

/// What the server tells every two seconds.
fn figures(active_miners: u32, mining_time: f64) -> Event {
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
fn hash(first: u8, second: u8) -> Hash {
    let mut bytes = [0; 32];
    (bytes[0], bytes[1]) = (first, second);
    Hash::from_bytes(bytes)
}

fn error(code: ErrorCode) -> ApiError {
    ApiError::new(code, "as the server says")
}

fn code(text: &str) -> InviteCode {
    serde_json::from_value(text.into()).unwrap()
}

fn victory(round: u64) -> Victory {
    Victory {
        invite_code: code("HASHPASS-ABCDEFGHJKMN"),
        round: RoundNumber(round),
        solve_time: 5.0,
        difficulty: 2.0,
        new_difficulty: 2.0,
    }
}

fn session() -> SessionView {
    SessionView { id: "1".into(), nick: "guest".into(), verified: true }
}

fn snapshot(round: RoundView) -> Event {
    Event::Heard(ServerMessage::Puzzle { round, figures: Figures::default(), proof_interval: 60.0 })
}

fn reset(round: RoundView) -> Event {
    Event::Heard(ServerMessage::PuzzleReset { round, reason: ResetReason::Solved, solve_time: Some(9.0) })
}

fn found(round: u64, hash: Hash) -> Event {
    let best = Some((hash, Nonce::new(7).unwrap()));
    Event::Pool(PoolEvent::Progress { round: RoundNumber(round), hashes: 2, best, lowest: best })
}

fn trace(text: &str) -> Event {
    Event::TraceFetched(text.parse().ok())
}

impl Story {
    /// A page that was just opened.
    fn opened(round: RoundView) -> Self {
        let page = PageState {
            language: Language::English,
            round,
            figures: Figures::default(),
            turnstile: TurnstileConfig { site_key: String::new(), test_mode: true },
            turnstile_script: String::new(),
            view: View::Race,
            gate: Gate { asks_for_humans: true, ..Gate::default() },
            lobby: LobbyPage::default(),
            miner_simd: String::new(),
            has_session: false,
            miner_scalar: String::new(),
        };
        let device = Device { workers: 2, most_workers: 4, random: || 1.0 };
        Self { client: RaceClient::new(&page, device), now: Duration::ZERO, effects: Vec::new() }
    }

    /// A page whose visitor may start.
    fn ready(round: RoundView) -> Self {
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
    fn mining(round: RoundView) -> Self {
        let number = round.round;
        let mut story = Self::ready(round);
        story.tell(Event::Command(Command::Start));
        story.tell(Event::Pool(PoolEvent::Progress { round: number, hashes: 1, best: None, lowest: None }));
        assert_eq!(story.phase(), Phase::Mining);
        story.effects.clear();
        story
    }

    fn tell(&mut self, event: Event) {
        let effects = self.client.handle(event, self.now);
        self.effects.extend(effects);
    }

    fn answer(&mut self, round: u64, result: Result<Victory, ApiError>) {
        self.tell(Event::Answered { round: RoundNumber(round), result });
    }

    /// Lets time pass, waking the page up exactly when it asked for it.
    fn wait(&mut self, seconds: f64) {
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

    fn phase(&self) -> Phase {
        self.client.phase(self.now)
    }

    /// How often the page asked for this since the last time.
    fn count(&mut self, is_meant: impl Fn(&Effect) -> bool) -> usize {
        let before = self.effects.len();
        self.effects.retain(|effect| !is_meant(effect));
        before - self.effects.len()
    }

    /// Lets time pass on a connection that is never silent for long.
    fn hear_of_it_for(&mut self, seconds: f64) {
        let mut left = seconds;
        while 0.0 < left {
            self.tell(Event::Heard(ServerMessage::Pong { online: 1 }));
            self.wait(left.min(5.0));
            left -= 5.0;
        }
    }

    /// The shares that the page sent since the last time.
    fn shares(&mut self) -> Vec<Share> {
        let shares = self.effects.iter().filter_map(|effect| match effect {
            Effect::Send(ClientMessage::Share(share)) => Some(share.clone()),
            _ => None,
        });
        let shares = shares.collect();
        self.effects.retain(|effect| !matches!(effect, Effect::Send(ClientMessage::Share(_))));
        shares
    }

    fn submissions(&mut self) -> Vec<Submission> {
        let (submissions, rest) =
            std::mem::take(&mut self.effects).into_iter().partition(|effect| matches!(effect, Effect::Submit { .. }));
        self.effects = rest;
        let submissions: Vec<Effect> = submissions;
        submissions
            .into_iter()
            .filter_map(|effect| if let Effect::Submit { submission, .. } = effect { Some(submission) } else { None })
            .collect()
    }

    fn replaced_jobs(&mut self) -> Vec<Job> {
        let jobs = self
            .effects
            .iter()
            .filter_map(|effect| if let Effect::ReplaceJob(job) = effect { Some(job.clone()) } else { None })
            .collect();
        self.effects.retain(|effect| !matches!(effect, Effect::ReplaceJob(_)));
        jobs
    }

    fn notes(&self) -> Vec<&Note> {
        self.effects
            .iter()
            .filter_map(|effect| if let Effect::Write(note) = effect { Some(note) } else { None })
            .collect()
    }
}

fn starts(effect: &Effect) -> bool {
    matches!(effect, Effect::StartMiner { .. })
}

fn stops(effect: &Effect) -> bool {
    matches!(effect, Effect::StopMiner)
}

fn opens_socket(effect: &Effect) -> bool {
    matches!(effect, Effect::OpenSocket)
}

fn fetches_trace(effect: &Effect) -> bool {
    matches!(effect, Effect::FetchTrace)
}

fn fetches_wins(effect: &Effect) -> bool {
    matches!(effect, Effect::FetchWins)
}

fn enters(effect: &Effect) -> bool {
    matches!(effect, Effect::Enter { .. })
}

fn says(message: ClientMessage) -> impl Fn(&Effect) -> bool {
    move |effect| matches!(effect, Effect::Send(sent) if *sent == message)
}

#[test]
fn nothing_can_be_started_before_the_check_has_passed() {
    let mut story = Story::opened(round(1, 2.0));
    story.tell(Event::Begin { had_session: false });
    story.tell(Event::Command(Command::Start));
    assert_eq!(story.phase(), Phase::Checking);
    assert!(!story.client.scene(story.now).can_start);
    story.tell(Event::Entered(Ok(session())));
    story.tell(trace("ip=192.0.2.1\n"));
    assert_eq!(story.phase(), Phase::Checking);
    story.tell(Event::Identified { visitor: "visitor-1".parse().unwrap(), at_random: false });
    assert_eq!(story.phase(), Phase::Idle);
    assert!(story.client.scene(story.now).can_start);
    assert_eq!(story.count(enters), 1);
    assert_eq!(story.count(opens_socket), 1);
    assert_eq!(story.count(starts), 0);
}

#[test]
fn mining_waits_for_the_round_as_it_is_now() {
    let mut story = Story::opened(round(1, 2.0));
    story.tell(Event::Begin { had_session: false });
    story.tell(Event::Entered(Ok(session())));
    story.tell(trace("ip=192.0.2.1\n"));
    story.tell(Event::Identified { visitor: "visitor-1".parse().unwrap(), at_random: false });
    story.tell(Event::Command(Command::Start));
    assert_eq!(story.phase(), Phase::Starting);
    assert_eq!(story.count(starts), 0);
    story.tell(Event::SocketOpened);
    story.tell(snapshot(round(5, 2.0)));
    assert_eq!(story.count(starts), 1);
    assert_eq!(story.count(says(ClientMessage::MiningStart)), 1);
    story.tell(found(5, hash(0xff, 0)));
    assert_eq!(story.phase(), Phase::Mining);
}

#[test]
fn a_start_without_a_connection_says_so_after_a_while() {
    let mut story = Story::opened(round(1, 2.0));
    story.tell(Event::Begin { had_session: false });
    story.tell(Event::Entered(Ok(session())));
    story.tell(trace("ip=192.0.2.1\n"));
    story.tell(Event::Identified { visitor: "visitor-1".parse().unwrap(), at_random: true });
    story.tell(Event::Command(Command::Start));
    story.wait(25.0);
    assert_eq!(story.phase(), Phase::Paused(Pause::ConnectionLost));
    assert!(1 < story.count(opens_socket));
}

#[test]
fn a_server_that_cannot_be_reached_is_tried_for_ever() {
    let mut story = Story::opened(round(1, 2.0));
    story.tell(Event::Begin { had_session: false });
    for attempt in 1..10 {
        assert_eq!(story.count(enters), 1, "attempt {attempt}");
        story.tell(Event::Entered(Err(error(ErrorCode::Unreachable))));
        assert_eq!(story.phase(), Phase::Paused(Pause::ServerUnreachable));
        story.wait(30.0);
    }
    let delayed = ApiError { retry_after: Some(100), ..error(ErrorCode::TooManyRequests) };
    story.effects.clear();
    story.tell(Event::Entered(Err(delayed)));
    story.wait(99.0);
    assert_eq!(story.count(enters), 0);
    story.wait(1.0);
    assert_eq!(story.count(enters), 1);
}

#[test]
fn who_is_refused_reads_why() {
    for (answer, failure) in [
        (Ok(SessionView { verified: false, ..session() }), Failure::NotVerified),
        (Err(error(ErrorCode::TurnstileFailed)), Failure::EntryRefused(error(ErrorCode::TurnstileFailed).into())),
        (Err(error(ErrorCode::CrossSite)), Failure::EntryRefused(error(ErrorCode::CrossSite).into())),
    ] {
        let mut story = Story::opened(round(1, 2.0));
        story.tell(Event::Begin { had_session: false });
        story.tell(Event::Entered(answer));
        assert_eq!(story.phase(), Phase::Failed(failure));
        assert!(!story.client.scene(story.now).can_start);
    }
}

#[test]
fn an_earlier_session_is_taken_up_and_its_codes_are_shown_again() {
    let mut story = Story::opened(round(1, 2.0));
    story.tell(Event::Begin { had_session: true });
    assert_eq!((story.count(enters), story.count(fetches_wins)), (0, 1));
    let wins = [9, 4].map(|round| Win {
        round: RoundNumber(round),
        invite_code: code(&format!("HASHPASS-{round:0>12}")),
        at: "2026-01-02T03:04:05Z".into(),
    });
    story.tell(Event::WinsFetched(Ok(wins.to_vec())));
    assert_eq!(story.count(opens_socket), 1);
    let rounds: Vec<_> = story.client.scene(story.now).prizes.iter().map(|prize| prize.round.0).collect();
    assert_eq!(rounds, [9, 4]);
    assert!(!matches!(story.phase(), Phase::Won(_)));
}

#[test]
fn an_expired_session_is_replaced_by_a_new_one() {
    let mut story = Story::opened(round(1, 2.0));
    story.tell(Event::Begin { had_session: true });
    story.tell(Event::WinsFetched(Err(error(ErrorCode::MissingToken))));
    assert_eq!(story.count(enters), 1);
}

#[test]
fn a_session_that_the_browser_does_not_keep_is_not_made_for_ever() {
    let mut story = Story::ready(round(1, 2.0));
    for _ in 0..3 {
        assert_eq!(story.phase(), Phase::Idle);
        story.tell(Event::Heard(ServerMessage::Rejected {
            code: ErrorCode::MissingToken,
            detail: "who?".into(),
            retry_after: None,
        }));
        story.tell(Event::Entered(Ok(session())));
        story.tell(Event::SocketOpened);
    }
    story.tell(Event::Heard(ServerMessage::Rejected {
        code: ErrorCode::MissingToken,
        detail: "who?".into(),
        retry_after: None,
    }));
    assert_eq!(story.phase(), Phase::Failed(Failure::SessionNotKept));
}

#[test]
fn a_crowded_server_is_asked_again_later_and_the_session_stays() {
    let mut story = Story::mining(round(1, 2.0));
    let crowded = |retry_after| {
        Event::Heard(ServerMessage::Rejected {
            code: ErrorCode::TooManyRequests,
            detail: "crowded".into(),
            retry_after,
        })
    };
    for _ in 0..5 {
        story.tell(Event::SocketClosed);
        while story.count(opens_socket) == 0 {
            story.wait(1.0);
        }
        story.tell(Event::SocketOpened);
        story.tell(crowded(Some(60)));
        story.tell(Event::SocketClosed);
        assert!(matches!(story.client.scene(story.now).connection, Connection::Waiting { seconds: 60..=90 }));
        story.wait(59.0);
        assert_eq!(story.count(opens_socket), 0, "no sooner than the server asked for");
        assert_eq!(story.phase(), Phase::Paused(Pause::ConnectionLost));
        story.wait(31.0);
        assert_eq!(story.count(opens_socket), 1);
        story.tell(Event::SocketOpened);
        story.tell(crowded(None));
    }
    assert_eq!(story.count(enters), 0, "this is no reason for a new session");
    story.tell(snapshot(round(1, 2.0)));
    story.tell(found(1, hash(0xff, 0)));
    assert_eq!(story.phase(), Phase::Mining);
}

#[test]
fn a_submission_refused_for_its_crowded_address_is_made_again() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0x00, 0xff)));
    for code in [ErrorCode::TooManyRequests, ErrorCode::TooManySubmissions, ErrorCode::ServerFull] {
        for _ in 0..5 {
            assert_eq!(story.submissions().len(), 1, "{code:?}");
            story.answer(1, Err(ApiError { retry_after: Some(40), ..error(code) }));
            assert_eq!(story.phase(), Phase::Mining);
            story.tell(Event::Heard(ServerMessage::Pong { online: 1 }));
            for _ in 0..3 {
                story.wait(13.0);
                story.tell(Event::Heard(ServerMessage::Pong { online: 1 }));
            }
            assert!(story.submissions().is_empty(), "no sooner than the server asked for");
            story.wait(1.0);
        }
    }
    story.answer(1, Ok(victory(1)));
    assert_eq!(story.phase(), Phase::Won(RoundNumber(1)));
}

#[test]
fn a_solution_wins_and_mining_goes_on_with_the_next_round() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0x01, 0)));
    assert!(story.submissions().is_empty());
    story.tell(found(1, hash(0x00, 0xff)));
    let submissions = story.submissions();
    assert_eq!(submissions.len(), 1);
    assert_eq!(submissions[0].visitor_id.as_str(), "visitor-1");
    assert_eq!(submissions[0].hash, hash(0x00, 0xff));
    assert_eq!(submissions[0].submitted_seed, Seed::from_bytes([1; 16]));
    assert_eq!(story.phase(), Phase::Submitting);

    story.tell(found(1, hash(0x00, 0x01)));
    assert!(story.submissions().is_empty(), "one at a time");
    story.answer(1, Ok(victory(1)));
    assert_eq!(story.phase(), Phase::Won(RoundNumber(1)));
    assert_eq!(story.client.scene(story.now).prizes.len(), 1);
    story.tell(reset(round(2, 2.0)));
    assert_eq!(story.replaced_jobs().len(), 1);
    assert_eq!(story.count(stops), 0, "the workers stay warm");
    assert!(!story.notes().iter().any(|note| matches!(note, Note::RoundSolved { .. })), "nobody else won");
    story.wait(12.0);
    assert_eq!(story.phase(), Phase::Mining);
    story.tell(found(2, hash(0x00, 0x01)));
    assert_eq!(story.submissions().len(), 1);
}

#[test]
fn a_round_that_somebody_else_wins_is_left_at_once() {
    let mut story = Story::mining(round(1, 4.0));
    story.tell(found(1, hash(0x00, 0x80)));
    story.tell(reset(round(2, 4.0)));
    let jobs = story.replaced_jobs();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].round, RoundNumber(2));
    assert_eq!(story.client.scene(story.now).best, None);
    story.tell(found(1, hash(0x00, 0x00)));
    assert!(story.submissions().is_empty(), "a hash of the round before");
    assert_eq!(story.phase(), Phase::Mining);
}

#[test]
fn who_comes_too_late_goes_on_with_the_next_round() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0, 1)));
    story.answer(1, Err(error(ErrorCode::PuzzleAlreadySolved)));
    story.tell(found(1, hash(0, 0)));
    assert_eq!(story.submissions().len(), 1, "nothing more of a round that is over");
    story.tell(reset(round(2, 2.0)));
    assert_eq!(story.phase(), Phase::Mining);
    assert_eq!(story.replaced_jobs().len(), 1);
    story.wait(5.0);
    assert_eq!(story.count(|effect| matches!(effect, Effect::FetchPuzzle)), 0);
}

#[test]
fn a_next_round_that_is_not_announced_is_asked_for() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0, 1)));
    story.answer(1, Ok(victory(1)));
    let asks = |effect: &Effect| matches!(effect, Effect::FetchPuzzle);
    story.wait(2.0);
    assert_eq!(story.count(asks), 1);
    story.tell(Event::PuzzleFetched(Err(error(ErrorCode::Unreachable))));
    story.wait(4.0);
    assert_eq!(story.count(asks), 1);
    story.tell(Event::PuzzleFetched(Ok(Puzzle { round: round(2, 2.0), expected_hashes: 256.0 })));
    assert_eq!(story.replaced_jobs().len(), 1);
    story.wait(30.0);
    assert_eq!(story.count(asks), 0);
}

#[test]
fn the_best_hash_waits_for_the_rising_target() {
    let mut story = Story::mining(rising_round_of_others(1));
    // A sixteenth of the reference target: valid after a quarter of the time.
    story.tell(found(1, hash(0x00, 0x10)));
    assert!(story.submissions().is_empty());
    story.wait(14.9);
    assert!(story.submissions().is_empty());
    story.wait(0.2);
    assert_eq!(story.submissions().len(), 1);
}

#[test]
fn the_clock_of_a_round_stands_still_while_nobody_mines() {
    let mut story = Story::mining(rising_round(1));
    story.tell(found(1, hash(0x00, 0x10)));
    story.wait(10.0);
    story.tell(Event::Command(Command::Stop));
    story.tell(figures(0, 10.0));
    for _ in 0..60 {
        story.wait(2.0);
        story.tell(figures(0, 10.0));
    }
    assert!(story.submissions().is_empty());
    assert_eq!(story.phase(), Phase::Idle);
    // Others go on: the work done still counts.
    for mining_time in [10.0, 12.0, 14.0, 16.0] {
        story.tell(figures(3, mining_time));
        story.wait(2.0);
    }
    assert_eq!(story.submissions().len(), 1);
}

#[test]
fn a_clock_that_this_page_sets_going_promises_nothing_until_the_server_says_so() {
    let mut story = Story::mining(rising_round(1));
    story.tell(found(1, hash(0x00, 0x10)));
    // It seems to be time, but the server heard late of this page, or does not count it.
    story.wait(15.1);
    assert!(story.client.scene(story.now).clock_running);
    assert!(story.submissions().is_empty());
    story.tell(figures(1, 14.5));
    story.wait(0.4);
    assert!(story.submissions().is_empty());
    story.wait(0.2);
    assert_eq!(story.submissions().len(), 1);
}

#[test]
fn a_new_round_promises_only_what_the_server_says_of_its_clock() {
    for (clock_running, submissions) in [(false, 0), (true, 1)] {
        let mut story = Story::mining(rising_round_of_others(1));
        story.tell(reset(RoundView { clock_running, ..rising_round(2) }));
        story.tell(found(2, hash(0x00, 0x10)));
        story.wait(15.1);
        assert_eq!(story.submissions().len(), submissions, "{clock_running}");
    }
}

#[test]
fn when_the_only_miner_leaves_the_clock_stands_at_once() {
    let leave: [fn(&mut Story); 2] =
        [|story| story.tell(Event::Command(Command::Stop)), |story| story.tell(Event::SocketClosed)];
    for (case, leave) in leave.into_iter().enumerate() {
        for (miners, submissions) in [(1, 0), (2, 1)] {
            let mut story = Story::mining(rising_round(1));
            story.tell(found(1, hash(0x00, 0x10)));
            story.tell(figures(miners, 14.0));
            leave(&mut story);
            story.wait(1.9);
            assert_eq!(story.submissions().len(), submissions, "{case}, {miners} miners");
        }
    }
}

#[test]
fn the_clock_is_the_servers_even_while_this_page_mines() {
    let mut story = Story::mining(rising_round(1));
    story.wait(10.0);
    // Whoever has not proven its work yet does not move the clock alone.
    let figures = |mining_time, clock_running| {
        let (total_hashrate, active_miners, online, timestamp) = (0.0, 0, 1, 0.0);
        let round = RoundNumber(1);
        let message = ServerMessage::NetworkHashrate {
            total_hashrate,
            active_miners,
            online,
            timestamp,
            round,
            mining_time,
            clock_running,
        };
        Event::Heard(message)
    };
    story.tell(figures(4.0, false));
    story.wait(2.0);
    let scene = story.client.scene(story.now);
    assert_eq!((scene.mining_time, scene.clock_running), (Duration::from_secs(4), false));
    story.tell(figures(4.0, true));
    story.wait(2.0);
    assert_eq!(story.client.scene(story.now).mining_time, Duration::from_secs(6));
}

#[test]
fn shares_are_sent_at_once_and_then_once_a_minute_each_with_a_new_hash() {
    let mut story = Story::mining(round(1, 6.0));
    story.tell(found(1, hash(0x10, 0)));
    assert_eq!(story.shares(), [], "not below the share target");
    story.tell(found(1, hash(0x0f, 0)));
    let shares = story.shares();
    assert_eq!(shares.len(), 1);
    assert_eq!((shares[0].round, shares[0].hash), (RoundNumber(1), hash(0x0f, 0)));
    assert_eq!(shares[0].visitor_id.as_str(), "visitor-1");
    assert_eq!(shares[0].trace_data.ip(), Some([192, 0, 2, 1].into()));

    // The best since then, though the best of the round is another.
    for first in [0x0e, 0x04, 0x08] {
        story.tell(found(1, hash(first, 0)));
    }
    story.hear_of_it_for(59.0);
    assert_eq!(story.shares(), []);
    story.hear_of_it_for(1.0);
    assert_eq!(story.shares().iter().map(|share| share.hash).collect::<Vec<_>>(), [hash(0x04, 0)]);
    story.hear_of_it_for(120.0);
    assert_eq!(story.shares(), [], "nothing new, nothing twice");
    story.tell(found(1, hash(0x0d, 0)));
    assert_eq!(story.shares().iter().map(|share| share.hash).collect::<Vec<_>>(), [hash(0x0d, 0)]);
}

#[test]
fn no_share_is_stale() {
    // A hash of the round before.
    let mut story = Story::mining(round(1, 6.0));
    story.tell(found(1, hash(0x0f, 0)));
    story.shares();
    story.tell(found(1, hash(0x01, 0)));
    story.tell(reset(round(2, 6.0)));
    story.hear_of_it_for(61.0);
    assert_eq!(story.shares(), []);
    story.tell(found(1, hash(0x00, 1)));
    assert_eq!(story.shares(), [], "a late batch");
    story.tell(found(2, hash(0x02, 0)));
    assert_eq!(story.shares()[0].round, RoundNumber(2));

    // A hash mined with the trace of another address.
    story.tell(found(2, hash(0x01, 0)));
    story.tell(trace("fl=1\nip=192.0.2.99\nts=2\n"));
    story.hear_of_it_for(61.0);
    assert_eq!(story.shares(), []);
    story.tell(found(2, hash(0x03, 0)));
    assert_eq!(story.shares()[0].trace_data.ip(), Some([192, 0, 2, 99].into()));
}

#[test]
fn nothing_is_proven_while_nothing_is_mined_or_nobody_hears_it() {
    let mut story = Story::mining(round(1, 6.0));
    story.tell(found(1, hash(0x0f, 0)));
    story.shares();
    story.tell(found(1, hash(0x01, 0)));
    story.tell(Event::Command(Command::Stop));
    story.hear_of_it_for(61.0);
    assert_eq!(story.shares(), []);
    story.tell(Event::Command(Command::Start));
    story.tell(Event::SocketClosed);
    story.tell(found(1, hash(0x01, 0)));
    assert_eq!(story.shares(), []);
    story.wait(1.0);
    story.tell(Event::SocketOpened);
    assert_eq!(story.shares(), [], "which round it is must be known first");
    story.tell(snapshot(round(1, 6.0)));
    assert_eq!(story.shares().len(), 1);
}

#[test]
fn a_new_session_proves_itself_at_once() {
    let mut story = Story::mining(round(1, 6.0));
    story.tell(found(1, hash(0x0f, 0)));
    assert_eq!(story.shares().len(), 1);
    let refusal = ServerMessage::Rejected { code: ErrorCode::MissingToken, detail: "who?".into(), retry_after: None };
    story.tell(Event::Heard(refusal));
    story.tell(Event::Entered(Ok(session())));
    story.tell(Event::SocketOpened);
    story.tell(snapshot(round(1, 6.0)));
    story.tell(found(1, hash(0x0e, 0)));
    assert_eq!(story.shares().len(), 1);
}

#[test]
fn a_share_too_large_for_a_message_is_not_sent() {
    let mut story = Story::mining(round(1, 6.0));
    story.tell(trace(&format!("fl=1\nip=192.0.2.7\nuag={}\n", "\u{1}".repeat(1000))));
    story.tell(found(1, hash(0x0f, 0)));
    assert_eq!(story.shares(), []);
}

#[test]
fn a_solution_that_comes_too_early_is_sent_again_in_time() {
    let mut story = Story::mining(rising_round_of_others(1));
    story.tell(found(1, hash(0x00, 0x10)));
    story.wait(16.0);
    assert_eq!(story.submissions().len(), 1);
    story.answer(1, Err(ApiError { valid_in: Some(Some(3.2)), ..error(ErrorCode::BelowDifficulty) }));
    assert_eq!(story.phase(), Phase::Mining);
    story.wait(3.1);
    assert!(story.submissions().is_empty());
    story.wait(0.2);
    assert_eq!(story.submissions().len(), 1);
}

#[test]
fn a_solution_that_never_wins_is_dropped() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0x00, 0x10)));
    assert_eq!(story.submissions().len(), 1);
    story.answer(1, Err(ApiError { valid_in: Some(None), ..error(ErrorCode::BelowDifficulty) }));
    story.wait(10.0);
    assert!(story.submissions().is_empty());
    story.tell(found(1, hash(0x00, 0x01)));
    assert_eq!(story.submissions().len(), 1);
}

#[test]
fn a_changed_address_costs_the_work_but_not_the_race() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0x00, 0x10)));
    story.submissions();
    story.answer(1, Err(error(ErrorCode::IdentityMismatch)));
    assert_eq!(story.count(fetches_trace), 1);
    story.tell(found(1, hash(0x00, 0x01)));
    assert!(story.submissions().is_empty(), "found with the old trace");
    story.tell(trace("ip=198.51.100.7\n"));
    let jobs = story.replaced_jobs();
    assert_eq!(jobs[0].trace.as_str(), "ip=198.51.100.7\n");
    assert_eq!((story.count(stops), story.phase()), (0, Phase::Mining));
    story.tell(found(1, hash(0x00, 0x20)));
    assert_eq!(story.submissions()[0].trace_data.as_str(), "ip=198.51.100.7\n");
}

#[test]
fn an_address_that_never_fits_is_told() {
    let mut story = Story::mining(round(1, 2.0));
    for attempt in 1..=4 {
        assert_eq!(story.phase(), Phase::Mining, "{attempt}");
        story.tell(found(1, hash(0x00, 0x10)));
        story.answer(1, Err(error(ErrorCode::IdentityMismatch)));
        story.tell(trace(&format!("ip=2001:db8::1\nts={attempt}\n")));
    }
    assert_eq!(story.phase(), Phase::Failed(Failure::AddressUnstable));
    assert_eq!(story.count(stops), 1);
    story.tell(Event::Command(Command::Start));
    assert_eq!(story.phase(), Phase::Starting, "the visitor may try again");
}

#[test]
fn a_new_trace_of_the_same_address_keeps_the_work() {
    let mut story = Story::mining(round(1, 4.0));
    story.tell(found(1, hash(0x00, 0x10)));
    story.tell(trace("ip=192.0.2.1\nts=2\n"));
    assert!(story.replaced_jobs().is_empty());
    assert!(story.client.scene(story.now).best.is_some());
}

#[test]
fn a_trace_that_cannot_be_read_is_read_again() {
    let mut story = Story::opened(round(1, 2.0));
    story.tell(Event::Begin { had_session: false });
    story.tell(Event::Entered(Ok(session())));
    story.tell(Event::Identified { visitor: "visitor-1".parse().unwrap(), at_random: false });
    for nonsense in ["", "<html>", "ip=no address\n"] {
        story.effects.clear();
        story.tell(trace(nonsense));
        assert_eq!(story.phase(), Phase::Paused(Pause::TraceUnreadable));
        story.wait(30.0);
        assert_eq!(story.count(fetches_trace), 1, "{nonsense:?}");
    }
    story.tell(trace("ip=192.0.2.1\n"));
    assert_eq!(story.phase(), Phase::Idle);
}

#[test]
fn a_busy_server_is_asked_again_when_it_says() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0x00, 0x10)));
    for code in [ErrorCode::VerificationBusy, ErrorCode::TooManySubmissions] {
        assert_eq!(story.submissions().len(), 1);
        story.answer(1, Err(ApiError { retry_after: Some(7), ..error(code) }));
        assert_eq!(story.phase(), Phase::Mining);
        story.wait(6.9);
        assert!(story.submissions().is_empty());
        story.wait(0.2);
    }
    assert_eq!(story.submissions().len(), 1);
}

#[test]
fn a_lost_answer_is_asked_for_and_the_solution_is_kept() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0x00, 0x10)));
    story.submissions();
    story.answer(1, Err(error(ErrorCode::Unreachable)));
    assert_eq!(story.count(fetches_wins), 1);
    story.tell(Event::WinsFetched(Ok(Vec::new())));
    story.wait(1.1);
    assert_eq!(story.submissions().len(), 1, "the same solution again");
    story.answer(1, Err(error(ErrorCode::PuzzleAlreadySolved)));
    assert_eq!(story.count(fetches_wins), 1, "by ourselves, perhaps");
    let win = Win { round: RoundNumber(1), invite_code: victory(1).invite_code, at: String::new() };
    story.tell(Event::WinsFetched(Ok(vec![win])));
    assert_eq!(story.phase(), Phase::Won(RoundNumber(1)));
    assert_eq!(story.client.scene(story.now).prizes.len(), 1);
}

#[test]
fn a_session_lost_in_the_middle_is_renewed_and_the_solution_handed_in() {
    for code in [ErrorCode::MissingToken, ErrorCode::VisitorMismatch] {
        let mut story = Story::mining(round(1, 2.0));
        story.tell(found(1, hash(0x00, 0x10)));
        story.submissions();
        story.answer(1, Err(error(code)));
        assert_eq!(story.count(enters), 1);
        assert!(story.submissions().is_empty());
        assert_eq!((story.phase(), story.count(stops)), (Phase::Mining, 0), "mining goes on meanwhile");
        story.tell(Event::Entered(Ok(session())));
        assert_eq!(story.submissions().len(), 1);
        assert_eq!(story.count(opens_socket), 1, "the old connection belonged to the old session");
    }
}

#[test]
fn a_solution_refused_again_and_again_is_told() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0, 3)));
    for wait in [1.0, 2.0, 4.0, 0.0] {
        assert_eq!((story.phase(), story.submissions().len()), (Phase::Submitting, 1), "the same solution again");
        story.answer(1, Err(error(ErrorCode::Malformed)));
        story.wait(wait);
    }
    assert_eq!(story.phase(), Phase::Failed(Failure::SolutionsRefused(error(ErrorCode::Malformed).into())));
}

#[test]
fn a_short_loss_of_the_connection_does_not_stop_mining() {
    let mut story = Story::mining(round(1, 6.0));
    story.tell(Event::SocketClosed);
    assert_eq!(story.client.scene(story.now).connection, Connection::Waiting { seconds: 1 });
    story.wait(1.0);
    assert_eq!(story.count(opens_socket), 1);
    story.tell(Event::SocketOpened);
    assert_eq!(story.count(says(ClientMessage::MiningStart)), 1, "the server must be told again");
    story.tell(snapshot(round(1, 6.0)));
    assert_eq!(story.count(fetches_trace), 1, "the device may have another address now");
    assert_eq!((story.count(stops), story.phase()), (0, Phase::Mining));
}

#[test]
fn a_long_loss_of_the_connection_pauses_mining_until_it_is_back() {
    let mut story = Story::mining(round(1, 6.0));
    story.tell(Event::SocketClosed);
    story.wait(30.0);
    assert_eq!(story.phase(), Phase::Paused(Pause::ConnectionLost));
    assert_eq!(story.count(stops), 1);
    story.tell(Event::SocketOpened);
    story.tell(snapshot(round(4, 6.0)));
    assert_eq!(story.count(starts), 1);
    assert_eq!(story.count(says(ClientMessage::MiningStart)), 1);
    story.tell(found(4, hash(0xff, 0)));
    assert_eq!(story.phase(), Phase::Mining);
    let notes = story.notes();
    assert!(notes.contains(&&Note::RoundMissed(RoundNumber(4))) && notes.contains(&&Note::Resumed), "{notes:?}");
}

#[test]
fn a_silent_connection_is_dropped() {
    let mut story = Story::mining(round(1, 6.0));
    story.wait(21.0);
    assert_eq!(story.count(|effect| matches!(effect, Effect::DropSocket)), 1);
    assert_eq!(story.count(opens_socket), 1);
}

#[test]
fn a_server_that_was_restarted_counts_from_one_again() {
    let mut story = Story::mining(round(17, 6.0));
    story.tell(Event::SocketClosed);
    story.wait(1.0);
    story.tell(Event::SocketOpened);
    story.tell(snapshot(round(1, 6.0)));
    assert_eq!(story.replaced_jobs()[0].round, RoundNumber(1));
}

#[test]
fn the_rate_is_reported_every_two_seconds_while_mining() {
    let mut story = Story::mining(round(1, 6.0));
    let reports = |effect: &Effect| matches!(effect, Effect::Send(ClientMessage::Hashrate { .. }));
    for _ in 0..5 {
        story.wait(2.0);
        story.tell(Event::Heard(ServerMessage::Pong { online: 3 }));
    }
    assert_eq!(story.count(reports), 5);
    story.tell(Event::Command(Command::Stop));
    assert_eq!(story.count(says(ClientMessage::MiningStop)), 1);
    assert_eq!(story.count(stops), 1);
    story.wait(10.0);
    assert_eq!(story.count(reports), 0);
    assert_eq!(story.client.scene(story.now).local_rate, 0.0);
}

#[test]
fn workers_follow_the_visitor_and_the_memory() {
    let mut story = Story::mining(round(1, 6.0));
    story.tell(Event::Command(Command::UseWorkers(9)));
    let sets = |workers| move |effect: &Effect| matches!(effect, Effect::SetWorkers(n) if *n == workers);
    let remembers = |workers| move |effect: &Effect| matches!(effect, Effect::RememberWorkers(n) if *n == workers);
    assert_eq!((story.count(sets(4)), story.count(remembers(4))), (1, 1), "no more than the device has");
    story.tell(Event::Pool(PoolEvent::Fewer { workers: 3 }));
    assert_eq!((story.count(sets(3)), story.count(remembers(3))), (0, 1));
    assert_eq!(story.client.scene(story.now).workers, 3);
}

#[test]
fn a_broken_miner_is_told_and_can_be_started_again() {
    use crate::mining::PoolFailure;
    for (failure, told) in [
        (PoolFailure::LoadFailed, Failure::MinerNotLoaded),
        (PoolFailure::SelfTestFailed, Failure::MinerFaulty),
        (PoolFailure::OutOfMemory, Failure::OutOfMemory),
        (PoolFailure::Stalled, Failure::MinerStalled),
    ] {
        let mut story = Story::mining(round(1, 6.0));
        story.tell(Event::Pool(PoolEvent::Failed(failure)));
        assert_eq!(story.phase(), Phase::Failed(told));
        assert!(story.client.scene(story.now).can_start);
        story.tell(Event::Command(Command::Start));
        assert_eq!((story.phase(), story.count(starts)), (Phase::Starting, 1));
    }
}

#[test]
fn the_scene_is_honest_about_the_best_hash() {
    let mut story = Story::mining(rising_round(1));
    story.tell(found(1, hash(0x00, 0x10)));
    story.wait(5.0);
    let scene = story.client.scene(story.now);
    let best = scene.best.unwrap();
    assert_eq!((best.digits, best.rarity), (3.0, 4096.0));
    assert!((best.wins_in.unwrap().as_secs_f64() - 10.0).abs() < 0.1, "{best:?}");
    assert_eq!(scene.mining_time, Duration::from_secs(5));
}

/// A page of a server that asks Cloudflare.
fn in_production() -> Story {
    let mut page = PageState {
        language: Language::default(),
        round: round(1, 2.0),
        figures: Figures::default(),
        turnstile: TurnstileConfig { site_key: "key".into(), test_mode: false },
        turnstile_script: "https://check.example/api.js".into(),
        view: View::Race,
        gate: Gate { asks_for_humans: true, ..Gate::default() },
        lobby: LobbyPage::default(),
        miner_simd: String::new(),
        has_session: false,
        miner_scalar: String::new(),
    };
    page.figures.online = 1;
    let device = Device { workers: 2, most_workers: 4, random: || 1.0 };
    Story { client: RaceClient::new(&page, device), now: Duration::ZERO, effects: Vec::new() }
}

/// The same, and its visitor may start.
fn admitted_in_production() -> Story {
    let mut story = in_production();
    story.tell(Event::Begin { had_session: false });
    story.tell(Event::Check(CheckEvent::Shown));
    story.tell(Event::Check(CheckEvent::Passed("first".into())));
    story.tell(Event::Entered(Ok(session())));
    story.tell(Event::Identified { visitor: "visitor-1".parse().unwrap(), at_random: false });
    story.tell(trace("ip=192.0.2.1\n"));
    story.tell(Event::SocketOpened);
    story.tell(snapshot(round(1, 2.0)));
    story.effects.clear();
    story
}

fn mining_in_production() -> Story {
    let mut story = admitted_in_production();
    story.tell(Event::Command(Command::Start));
    story.tell(found(1, hash(0xff, 0)));
    assert_eq!(story.phase(), Phase::Mining);
    story.effects.clear();
    story
}

impl Story {
    fn check(&self) -> HumanCheck {
        self.client.scene(self.now).human_check
    }

    fn tokens(&mut self) -> Vec<String> {
        let tokens = self
            .effects
            .iter()
            .filter_map(|effect| if let Effect::Enter { token, .. } = effect { token.clone() } else { None })
            .collect();
        self.effects.retain(|effect| !enters(effect));
        tokens
    }

    fn is_disowned(&mut self) {
        let code = ErrorCode::MissingToken;
        self.tell(Event::Heard(ServerMessage::Rejected { code, detail: "who?".into(), retry_after: None }));
    }
}

fn shows(effect: &Effect) -> bool {
    matches!(effect, Effect::ShowCheck)
}

fn resets(effect: &Effect) -> bool {
    matches!(effect, Effect::ResetCheck)
}

fn refused_token(codes: &[&str]) -> Event {
    let error_codes = codes.iter().map(|code| (*code).to_owned()).collect();
    Event::Entered(Err(ApiError { error_codes, ..error(ErrorCode::TurnstileFailed) }))
}

#[test]
fn the_check_is_shown_and_what_it_gives_makes_a_session() {
    let mut story = in_production();
    story.tell(Event::Begin { had_session: false });
    assert_eq!((story.count(shows), story.check(), story.tokens().len()), (1, HumanCheck::Loading, 0));
    story.tell(Event::Check(CheckEvent::Shown));
    assert_eq!((story.check(), story.phase()), (HumanCheck::Running, Phase::Checking));
    story.tell(Event::Check(CheckEvent::Interactive));
    assert_eq!((story.check(), story.phase()), (HumanCheck::Interactive, Phase::Paused(Pause::HumanCheck)));
    story.wait(600.0);
    assert_eq!(story.check(), HumanCheck::Interactive, "a person may take their time");
    story.tell(Event::Check(CheckEvent::Continues));
    assert_eq!(story.check(), HumanCheck::Running);
    story.tell(Event::Check(CheckEvent::Passed("token".into())));
    assert_eq!((story.tokens(), story.check()), (vec!["token".to_owned()], HumanCheck::Passed));
    assert!(!story.client.scene(story.now).can_start);
    story.tell(Event::Entered(Ok(session())));
    story.tell(Event::Identified { visitor: "visitor-1".parse().unwrap(), at_random: false });
    story.tell(trace("ip=192.0.2.1\n"));
    assert!(story.client.scene(story.now).can_start);
}

#[test]
fn whoever_has_a_session_is_not_checked() {
    let mut story = in_production();
    story.tell(Event::Begin { had_session: true });
    story.tell(Event::WinsFetched(Ok(Vec::new())));
    story.tell(Event::Command(Command::RedrawCheck));
    assert_eq!((story.count(shows), story.check()), (0, HumanCheck::Hidden));
    story.is_disowned();
    assert_eq!(story.count(shows), 1, "only now it is needed");
}

#[test]
fn in_test_mode_there_is_no_check() {
    let mut story = Story::ready(round(1, 2.0));
    assert_eq!(story.tokens(), ["test"]);
    story.tell(Event::Command(Command::RetryCheck));
    story.tell(Event::Command(Command::RedrawCheck));
    assert_eq!((story.count(shows), story.count(resets), story.check()), (0, 0, HumanCheck::Hidden));
}

#[test]
fn a_check_that_does_not_come_is_told_and_can_be_tried_again() {
    for (event, failure) in [
        (CheckEvent::NotLoaded, CheckFailure::NotLoaded),
        (CheckEvent::Failed("300030".into()), CheckFailure::Error("300030".into())),
        (CheckEvent::Unsupported, CheckFailure::Unsupported),
    ] {
        let mut story = in_production();
        story.tell(Event::Begin { had_session: false });
        story.effects.clear();
        story.tell(Event::Check(event));
        assert_eq!((story.check(), story.phase()), (HumanCheck::Failed(failure), Phase::Paused(Pause::HumanCheck)));
        story.tell(Event::Command(Command::RetryCheck));
        assert_eq!((story.count(shows), story.check()), (1, HumanCheck::Loading));
        story.tell(Event::Command(Command::RetryCheck));
        assert_eq!(story.count(shows), 0, "it is being tried");
    }
}

#[test]
fn a_check_without_a_sign_of_life_is_told_and_welcome_when_it_comes_after_all() {
    let mut story = in_production();
    story.tell(Event::Begin { had_session: false });
    story.wait(14.9);
    assert_eq!(story.check(), HumanCheck::Loading);
    story.wait(0.2);
    assert_eq!(story.check(), HumanCheck::Failed(CheckFailure::Slow));
    story.tell(Event::Check(CheckEvent::Shown));
    assert_eq!(story.check(), HumanCheck::Running);
    story.wait(45.1);
    assert_eq!(story.check(), HumanCheck::Failed(CheckFailure::Slow));
    story.tell(Event::Check(CheckEvent::Passed("late".into())));
    assert_eq!(story.tokens(), ["late"]);
}

#[test]
fn a_token_that_expires_while_mining_stops_nothing() {
    let mut story = mining_in_production();
    story.tell(Event::Check(CheckEvent::Expired));
    assert_eq!((story.check(), story.phase()), (HumanCheck::Renewing, Phase::Mining));
    assert!(story.notes().contains(&&Note::CheckExpired));
    for _ in 0..20 {
        story.wait(3.0);
        story.tell(Event::Heard(ServerMessage::Pong { online: 3 }));
    }
    assert_eq!((story.check(), story.phase()), (HumanCheck::NotRenewed, Phase::Mining));
    story.tell(Event::Check(CheckEvent::Passed("second".into())));
    assert_eq!((story.check(), story.tokens().len(), story.count(stops)), (HumanCheck::Passed, 0, 0));
}

#[test]
fn a_session_that_is_lost_is_made_anew_with_the_token_at_hand() {
    let mut story = mining_in_production();
    story.tell(Event::Check(CheckEvent::Expired));
    story.tell(Event::Check(CheckEvent::Passed("second".into())));
    story.is_disowned();
    assert_eq!((story.tokens(), story.count(resets)), (vec!["second".to_owned()], 0));
    story.tell(Event::Entered(Ok(session())));
    assert_eq!((story.count(opens_socket), story.count(stops), story.phase()), (1, 0, Phase::Mining));
}

#[test]
fn a_session_that_is_lost_gets_a_fresh_token_if_there_is_none() {
    let mut story = mining_in_production();
    story.is_disowned();
    assert_eq!((story.tokens().len(), story.count(resets)), (0, 1), "the first token is spent");
    story.tell(Event::Check(CheckEvent::Passed("second".into())));
    assert_eq!(story.tokens(), ["second"]);
    story.tell(Event::Entered(Ok(session())));
    story.tell(Event::SocketOpened);
    story.tell(snapshot(round(1, 2.0)));
    assert_eq!((story.count(stops), story.phase()), (0, Phase::Mining));
}

#[test]
fn mining_waits_for_a_visitor_whom_the_check_asks_and_resumes_by_itself() {
    let mut story = mining_in_production();
    story.is_disowned();
    story.tell(Event::Check(CheckEvent::Interactive));
    assert_eq!((story.check(), story.phase()), (HumanCheck::Interactive, Phase::Mining));
    assert!(story.notes().contains(&&Note::CheckWaits));
    story.wait(21.0);
    assert_eq!((story.phase(), story.count(stops)), (Phase::Paused(Pause::HumanCheck), 1));
    story.tell(Event::Check(CheckEvent::Passed("second".into())));
    story.tell(Event::Entered(Ok(session())));
    story.tell(Event::SocketOpened);
    story.tell(snapshot(round(1, 2.0)));
    assert_eq!(story.count(starts), 1);
}

#[test]
fn a_token_spent_already_is_replaced_once_and_then_told() {
    let mut story = in_production();
    story.tell(Event::Begin { had_session: false });
    story.tell(Event::Check(CheckEvent::Shown));
    story.tell(Event::Check(CheckEvent::Passed("first".into())));
    story.tell(refused_token(&["timeout-or-duplicate"]));
    assert_eq!((story.count(resets), story.check()), (1, HumanCheck::Running));
    story.tell(Event::Check(CheckEvent::Passed("second".into())));
    assert_eq!(story.tokens(), ["first", "second"]);
    story.tell(refused_token(&["timeout-or-duplicate"]));
    let codes = vec!["timeout-or-duplicate".to_owned()];
    assert_eq!((story.count(resets), story.check()), (0, HumanCheck::Failed(CheckFailure::Refused(codes))));
    assert_eq!(story.phase(), Phase::Paused(Pause::HumanCheck));
    story.tell(Event::Command(Command::RetryCheck));
    story.tell(Event::Check(CheckEvent::Passed("third".into())));
    story.tell(Event::Entered(Ok(session())));
    assert_eq!((story.tokens(), story.check()), (vec!["third".to_owned()], HumanCheck::Passed));
}

#[test]
fn a_token_that_the_server_refuses_is_told_with_its_codes() {
    let mut story = in_production();
    story.tell(Event::Begin { had_session: false });
    story.tell(Event::Check(CheckEvent::Passed("first".into())));
    story.tell(refused_token(&["hostname-mismatch"]));
    let codes = vec!["hostname-mismatch".to_owned()];
    assert_eq!((story.count(resets), story.check()), (0, HumanCheck::Failed(CheckFailure::Refused(codes))));
}

#[test]
fn a_token_whose_fate_is_unknown_is_tried_again() {
    let mut story = in_production();
    story.tell(Event::Begin { had_session: false });
    story.tell(Event::Check(CheckEvent::Passed("first".into())));
    let unavailable = ApiError { retry_after: Some(10), ..error(ErrorCode::TurnstileUnavailable) };
    story.tell(Event::Entered(Err(unavailable)));
    assert_eq!(story.phase(), Phase::Paused(Pause::ServerUnreachable));
    story.wait(10.1);
    assert_eq!(story.tokens(), ["first", "first"]);
    // One that expires meanwhile is not sent any more.
    story.tell(Event::Entered(Err(error(ErrorCode::Unreachable))));
    story.tell(Event::Check(CheckEvent::Expired));
    story.wait(30.0);
    assert_eq!(story.tokens().len(), 0);
    story.tell(Event::Check(CheckEvent::Passed("second".into())));
    assert_eq!(story.tokens(), ["second"]);
}

#[test]
fn the_check_follows_the_looks_of_the_page() {
    let mut story = admitted_in_production();
    story.tell(Event::Command(Command::RedrawCheck));
    assert_eq!((story.count(shows), story.phase()), (1, Phase::Idle));
    story.tell(Event::Check(CheckEvent::Passed("second".into())));
    assert_eq!((story.tokens().len(), story.check()), (0, HumanCheck::Passed));
}

/// A page whose gate asks for stamps of twelve bits.
fn stamped(humans: bool) -> Story {
    let mut story = Story::opened(round(1, 2.0));
    story.client.gate =
        Gate { asks_for_humans: humans, asks_for_stamps: true, stamp_bits: 12, resource: "hashpass".into() };
    story.tell(Event::Begin { had_session: false });
    story
}

fn mints(effect: &Effect) -> bool {
    matches!(effect, Effect::MintStamp { bits: 12, resource } if resource == "hashpass")
}

fn entered_with(story: &Story) -> Vec<(Option<String>, Option<String>)> {
    let entered = |effect: &Effect| match effect {
        Effect::Enter { token, stamp } => Some((token.clone(), stamp.clone())),
        _ => None,
    };
    story.effects.iter().filter_map(entered).collect()
}

#[test]
fn where_the_gate_asks_for_a_stamp_the_page_mints_one_and_nobody_is_asked() {
    let mut story = stamped(false);
    assert!(story.effects.iter().any(mints));
    assert!(entered_with(&story).is_empty());
    let proof = Proof { bits: 12, tries: 4096, elapsed: Duration::from_millis(5) };
    story.tell(Event::Stamp(MintEvent::Progress(proof)));
    assert_eq!(story.client.scene(story.now).proof, SessionProof::Computing(proof));
    story.tell(Event::Stamp(MintEvent::Found("1:12:stamp".into(), proof)));
    assert_eq!(entered_with(&story), [(None, Some("1:12:stamp".into()))]);
    story.tell(Event::Entered(Ok(session())));
    assert!(story.client.may_take_part());
    assert_eq!(story.client.scene(story.now).proof, SessionProof::Done);
}

#[test]
fn a_stamp_that_was_stopped_is_searched_for_again_when_the_visitor_says_so() {
    let mut story = stamped(false);
    story.tell(Event::Command(Command::CancelProof));
    assert!(story.effects.iter().any(|effect| matches!(effect, Effect::CancelStamp)));
    assert_eq!(story.client.scene(story.now).proof, SessionProof::Cancelled);
    story.tell(Event::Stamp(MintEvent::Found("late".into(), Proof::default())));
    assert!(entered_with(&story).is_empty(), "what was stopped counts for nothing");
    story.effects.clear();
    story.tell(Event::Command(Command::RetryProof));
    assert!(story.effects.iter().any(mints));
}

#[test]
fn with_both_gates_the_stamp_waits_for_the_token() {
    let mut story = stamped(true);
    story.client.test_mode = true;
    story.tell(Event::Stamp(MintEvent::Found("s".into(), Proof::default())));
    assert_eq!(entered_with(&story), [(Some("test".into()), Some("s".into()))]);
}

#[test]
fn a_refused_stamp_is_minted_anew_as_the_server_wants_it_but_not_for_ever() {
    let mut story = stamped(false);
    for bits in [13, 14, 15] {
        story.tell(Event::Stamp(MintEvent::Found("s".into(), Proof::default())));
        let demand = StampDemand { hashcash_bits: bits, resource: "other".into(), reason: "bits".into() };
        story.effects.clear();
        let refusal = ApiError { stamp: Some(Box::new(demand)), ..error(ErrorCode::StampRequired) };
        story.tell(Event::Entered(Err(refusal)));
        let again = |effect: &Effect| matches!(effect, Effect::MintStamp { bits: found, .. } if *found == bits);
        assert!(story.effects.iter().any(again), "{bits}");
    }
    story.tell(Event::Stamp(MintEvent::Found("s".into(), Proof::default())));
    story.tell(Event::Entered(Err(error(ErrorCode::StampRequired))));
    assert!(matches!(story.phase(), Phase::Failed(Failure::EntryRefused(_))));
}
