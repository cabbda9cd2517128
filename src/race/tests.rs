//! The race with a clock, a hasher and prizes of our own.

#![allow(clippy::unwrap_used, reason = "a test may end where it finds a surprise")]

use super::*;
use crate::clock::ManualClock;
use puzzle::{
    Difficulty,
    rule::{Pace, RuleName},
};
use std::sync::{
    Condvar as StdCondvar, Mutex as StdMutex,
    atomic::{AtomicBool, AtomicUsize},
};

/// Claimed by everybody: below every target.
const HASH: [u8; 32] = [0; 32];

/// This nonce makes the hasher panic.
const PANICS: u64 = 13;

/// Nonces from here on are those of shares, which have a gate of their own.
const SHARES_FROM: u64 = 500;

/// Nonces from here on do not have the claimed hash.
const FALSE_FROM: u64 = 1_000;

/// The session that never said that it mines.
const HIDDEN: &str = "hidden";

/// Opens when the test says so, so that verifications end when the test wants.
#[derive(Default)]
struct Gate {
    /// How many verifications may still end.
    passes: StdMutex<u64>,
    changed: StdCondvar,
}

impl Gate {
    fn open(&self) {
        self.let_pass(u64::MAX);
    }

    fn let_pass(&self, passes: u64) {
        *self.passes.lock().unwrap() = passes;
        self.changed.notify_all();
    }

    fn pass(&self) {
        *self.changed.wait_while(self.passes.lock().unwrap(), |passes| *passes == 0).unwrap() -= 1;
    }
}

struct FakeHasher {
    gate: Arc<Gate>,
    shares: Arc<Gate>,
    at_once: usize,
}

impl FakeHasher {
    fn wait_for(&self, nonce: Nonce) {
        if (SHARES_FROM..FALSE_FROM).contains(&nonce.get()) { self.shares.pass() } else { self.gate.pass() }
    }

    fn answer(nonce: Nonce) -> Hash {
        match nonce.get() {
            PANICS => panic!("a test's hasher panics"),
            nonce if FALSE_FROM <= nonce => Hash::from_bytes([1; 32]),
            _ => Hash::from_bytes(HASH),
        }
    }
}

impl SolutionHasher for FakeHasher {
    fn hash(&mut self, _: &Challenge, nonce: Nonce) -> Result<Hash, HashingError> {
        self.wait_for(nonce);
        Ok(Self::answer(nonce))
    }

    fn hash_two(&mut self, nonces: [(&Challenge, Nonce); 2]) -> Result<[Hash; 2], HashingError> {
        self.wait_for(nonces[0].1);
        Ok(nonces.map(|(_, nonce)| Self::answer(nonce)))
    }

    fn at_once(&self) -> usize {
        self.at_once
    }
}

#[derive(Default)]
struct Notes {
    recorded: StdMutex<Vec<RoundNumber>>,
    delivered: AtomicUsize,
    /// The audit log hangs.
    stuck: AtomicBool,
}

impl Prizes for Notes {
    fn record(&self, win: &Win) -> BoxFuture<'static, ()> {
        self.recorded.lock().unwrap().push(win.round);
        if self.stuck.load(Ordering::SeqCst) { Box::pin(std::future::pending()) } else { Box::pin(async {}) }
    }

    fn deliver(&self, _: &Win) {
        self.delivered.fetch_add(1, Ordering::SeqCst);
    }
}

struct Bench {
    race: Race,
    clock: Arc<ManualClock>,
    gate: Arc<Gate>,
    shares: Arc<Gate>,
    notes: Arc<Notes>,
}

fn difficulty(digits: f64) -> Difficulty {
    Difficulty::new(digits).unwrap()
}

impl Bench {
    fn new(rule: RuleName, workers: usize, queue: usize) -> Self {
        Self::hashing_at_once(1, rule, workers, queue)
    }

    fn hashing_at_once(at_once: usize, rule: RuleName, workers: usize, queue: usize) -> Self {
        let clock = Arc::new(ManualClock::default());
        let (gate, shares) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        let notes = Arc::new(Notes::default());
        let pace = Pace {
            easiest: difficulty(1.0),
            hardest: difficulty(6.0),
            shortest: Duration::from_secs(30),
            longest: Duration::from_secs(120),
        };
        let last_seed = AtomicU64::new(0);
        let gates = (gate.clone(), shares.clone());
        let (race, herald) = Race::start(RaceSettings {
            rule: Rule::new(rule, difficulty(3.0), pace),
            cost: Cost { memory_cost: 8, time_cost: 1, parallelism: 1 },
            secret: CodeSecret::from_bytes([7; 32]),
            verify_workers: workers,
            verify_queue: queue,
            quota: Arc::new(|_| Ok(())),
            hashers: Arc::new(move || {
                let (gate, shares) = gates.clone();
                Ok(Box::new(FakeHasher { gate, shares, at_once }))
            }),
            clock: clock.clone(),
            seeds: Arc::new(move || {
                let number = last_seed.fetch_add(1, Ordering::SeqCst);
                Seed::from_bytes(u128::from(number).to_be_bytes())
            }),
        })
        .unwrap();
        tokio::spawn(herald.run(notes.clone()));
        Self { race, clock, gate, shares, notes }
    }

    /// A bench whose verifications end at once.
    fn quick(rule: RuleName) -> Self {
        let bench = Self::new(rule, 2, 256);
        bench.gate.open();
        bench
    }

    fn seed(&self) -> Seed {
        self.race.view().seed
    }

    /// Waits until everybody knows of `round`.
    async fn announced(&self, round: u64) {
        let mut announcements = self.race.announcements();
        announcements.wait_for(|announcement| announcement.round == RoundNumber(round)).await.unwrap();
    }

    /// Submits in a task of its own, having taken its ticket before returning.
    fn submit(&self, session: &str, nonce: u64) -> tokio::task::JoinHandle<Result<Victory, Refusal>> {
        let solution = Solution { seed: self.seed(), nonce: Nonce::new(nonce).unwrap(), hash: Hash::from_bytes(HASH) };
        self.submit_solution(session, solution)
    }

    fn submit_solution(&self, session: &str, solution: Solution) -> tokio::task::JoinHandle<Result<Victory, Refusal>> {
        let competitor = Competitor {
            session: SessionId(session.to_owned()),
            visitor: "visitor-1".parse().unwrap(),
            trace: "ip=192.0.2.1\n".parse().unwrap(),
            address: IpAddr::from([192, 0, 2, 1]),
            counted: session != HIDDEN,
        };
        let arrival = self.race.arrive();
        let (answer, verdict) = oneshot::channel();
        self.race.shared.enter(arrival, &competitor, solution, answer);
        tokio::spawn(async move { verdict.await.unwrap_or(Err(Refusal::Stopping)) })
    }
}

#[tokio::test]
async fn the_first_valid_solution_wins_and_opens_the_next_round() {
    let bench = Bench::quick(RuleName::Step);
    let seed = bench.seed();
    bench.race.run_clock_until(Duration::MAX);
    bench.clock.advance(Duration::from_secs(60));
    let victory = bench.submit("a", 1).await.unwrap().unwrap();
    assert_eq!((victory.round, victory.solve_time), (RoundNumber(1), 60.0));
    assert_eq!((victory.difficulty, victory.new_difficulty), (3.0, 3.0));
    let code = InviteCode::derive(
        &CodeSecret::from_bytes([7; 32]),
        &"visitor-1".parse().unwrap(),
        Nonce::new(1).unwrap(),
        &seed,
    );
    assert_eq!(victory.invite_code, code);

    let mut announcements = bench.race.announcements();
    let next = *announcements.wait_for(|announcement| announcement.round == RoundNumber(2)).await.unwrap();
    assert_eq!((next.reason, next.solve_time), (ResetReason::Solved, Some(Duration::from_secs(60))));
    assert_ne!(next.seed, seed);
    assert_eq!(bench.race.wins_of(&SessionId("a".into())).len(), 1);
    assert_eq!(bench.race.wins_of(&SessionId("b".into())).len(), 0);
    assert_eq!(*bench.notes.recorded.lock().unwrap(), [RoundNumber(1)]);
}

#[tokio::test]
async fn the_oldest_wins_are_forgotten_first() {
    let bench = Bench::quick(RuleName::Step);
    for n in 0..10_001 {
        let session = if n == 0 || n == 5 { "often" } else { "once" };
        assert!(bench.submit(session, 1).await.unwrap().is_ok());
        let mut announcements = bench.race.announcements();
        announcements.wait_for(|announcement| announcement.round == RoundNumber(n + 2)).await.unwrap();
    }
    let often = bench.race.wins_of(&SessionId("often".into()));
    assert_eq!(often.iter().map(|win| win.round).collect::<Vec<_>>(), [RoundNumber(6)]);
    let once = bench.race.wins_of(&SessionId("once".into()));
    assert_eq!((once.len(), once[0].round), (9_999, RoundNumber(10_001)));
}

#[tokio::test]
async fn of_fifty_valid_solutions_one_wins_and_it_is_the_first_to_arrive() {
    let bench = Bench::new(RuleName::Step, 3, 256);
    let tasks: Vec<_> = (0..50).map(|n| bench.submit(&format!("session-{n}"), n % 10)).collect();
    bench.gate.open();
    for (place, task) in tasks.into_iter().enumerate() {
        let outcome = task.await.unwrap();
        if place == 0 {
            assert!(outcome.is_ok());
        } else {
            assert_eq!(outcome, Err(Refusal::AlreadySolved));
        }
    }
}

#[tokio::test]
async fn a_false_hash_is_refused_and_earns_a_growing_wait() {
    let bench = Bench::quick(RuleName::Step);
    for wait in [1, 2, 4] {
        assert_eq!(bench.submit("liar", FALSE_FROM).await.unwrap(), Err(Refusal::HashMismatch));
        let expected = Refusal::Struck { retry_after: Duration::from_secs(wait) };
        assert_eq!(bench.submit("liar", FALSE_FROM).await.unwrap(), Err(expected));
        bench.clock.advance(Duration::from_secs(wait));
    }
    // Long good behaviour is forgiveness.
    bench.clock.advance(Duration::from_secs(700));
    bench.race.tick();
    assert_eq!(bench.submit("liar", FALSE_FROM).await.unwrap(), Err(Refusal::HashMismatch));
    bench.clock.advance(Duration::from_secs(1));
    assert!(bench.submit("liar", 1).await.unwrap().is_ok());
}

/// Waits until the only thread is at a verification and `waiting` others wait.
async fn until_waiting(bench: &Bench, waiting: usize) {
    while bench.race.shared.verifier.waiting() != waiting {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_thread_takes_two_of_those_that_wait() {
    let bench = Bench::hashing_at_once(2, RuleName::Step, 1, 256);
    let first = bench.submit("a", FALSE_FROM);
    until_waiting(&bench, 0).await;
    let others = [bench.submit("b", FALSE_FROM), bench.submit("c", FALSE_FROM), bench.submit("d", FALSE_FROM)];
    // One verification for the first, which was alone, and one for the next two.
    bench.gate.let_pass(2);
    assert_eq!(first.await.unwrap(), Err(Refusal::HashMismatch));
    let [b, c, d] = others;
    assert_eq!(b.await.unwrap(), Err(Refusal::HashMismatch));
    assert_eq!(c.await.unwrap(), Err(Refusal::HashMismatch));
    until_waiting(&bench, 0).await;
    assert!(!d.is_finished());
    bench.gate.open();
    assert_eq!(d.await.unwrap(), Err(Refusal::HashMismatch));
}

#[tokio::test]
async fn what_is_verified_beside_a_panic_gets_its_verdict() {
    let bench = Bench::hashing_at_once(2, RuleName::Step, 1, 256);
    let first = bench.submit("a", FALSE_FROM);
    until_waiting(&bench, 0).await;
    let unlucky = bench.submit("unlucky", PANICS);
    let honest = bench.submit("honest", 1);
    bench.gate.open();
    assert_eq!(first.await.unwrap(), Err(Refusal::HashMismatch));
    assert_eq!(unlucky.await.unwrap(), Err(Refusal::VerifierFailed));
    assert!(honest.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_lie_that_arrived_first_does_not_win() {
    let bench = Bench::new(RuleName::Step, 2, 256);
    let liar = bench.submit("liar", FALSE_FROM);
    let honest = bench.submit("honest", 1);
    bench.gate.open();
    assert_eq!(liar.await.unwrap(), Err(Refusal::HashMismatch));
    assert!(honest.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_panic_in_a_verification_frees_its_place_and_harms_nobody() {
    let bench = Bench::new(RuleName::Step, 1, 256);
    let panics = bench.submit("unlucky", PANICS);
    let honest = bench.submit("honest", 1);
    bench.gate.open();
    assert_eq!(panics.await.unwrap(), Err(Refusal::VerifierFailed));
    assert!(honest.await.unwrap().is_ok());
    assert!(bench.race.verifier_works().await);
}

#[tokio::test]
async fn one_submission_at_a_time_and_a_bounded_queue() {
    let bench = Bench::new(RuleName::Step, 1, 2);
    let first = bench.submit("a", 1);
    assert_eq!(bench.submit("a", 2).await.unwrap(), Err(Refusal::InFlight));
    // One may be with the thread already, two fit into the queue.
    let more: Vec<_> = ["b", "c", "d"].map(|session| bench.submit(session, 3)).into_iter().collect();
    bench.gate.open();
    assert!(first.await.unwrap().is_ok());
    let mut outcomes = Vec::new();
    for task in more {
        outcomes.push(task.await.unwrap());
    }
    assert!(outcomes.contains(&Err(Refusal::Busy)), "{outcomes:?}");
    assert!(outcomes.contains(&Err(Refusal::AlreadySolved)), "{outcomes:?}");
}

#[tokio::test]
async fn old_seeds_and_weak_hashes_cost_nothing() {
    let bench = Bench::new(RuleName::Step, 1, 1);
    let stale =
        Solution { seed: Seed::from_bytes([9; 16]), nonce: Nonce::new(1).unwrap(), hash: Hash::from_bytes(HASH) };
    assert_eq!(bench.submit_solution("a", stale).await.unwrap(), Err(Refusal::AlreadySolved));
    let weak = Solution { seed: bench.seed(), hash: Hash::from_bytes([0xff; 32]), ..stale };
    assert_eq!(bench.submit_solution("a", weak).await.unwrap(), Err(Refusal::BelowDifficulty { valid_in: None }));
}

#[tokio::test]
async fn a_rising_target_says_when_a_hash_becomes_valid() {
    let bench = Bench::quick(RuleName::Rising);
    bench.race.run_clock_until(Duration::MAX);
    bench.clock.advance(Duration::from_secs(30));
    // Twice the present target: valid at √2 of the present time.
    let target = bench.race.view().target;
    let hash: Hash = puzzle::Target::from_fraction(2.0 * target.fraction()).to_string().parse().unwrap();
    let early = Solution { seed: bench.seed(), nonce: Nonce::new(1).unwrap(), hash };
    let refusal = bench.submit_solution("a", early).await.unwrap().unwrap_err();
    let Refusal::BelowDifficulty { valid_in: Some(Some(wait)) } = refusal else { panic!("{refusal:?}") };
    assert!((wait.as_secs_f64() - 30.0 * (2f64.sqrt() - 1.0)).abs() < 0.01, "{wait:?}");
    let never = Solution { hash: Hash::from_bytes([0xff; 32]), ..early };
    assert_eq!(
        bench.submit_solution("a", never).await.unwrap(),
        Err(Refusal::BelowDifficulty { valid_in: Some(None) })
    );
}

#[tokio::test]
async fn a_winner_who_never_said_that_it_mines_cannot_make_a_solve_look_instant() {
    // (mining time, then time without, judged by, next difficulty)
    for (mined, idle, judged, next) in
        [(0, 3, 3.0, 4.0), (0, 50, 50.0, 3.0), (0, 30_000, 120.0, 3.0), (119, 30_000, 120.0, 3.0), (20, 20, 40.0, 3.0)]
    {
        let bench = Bench::quick(RuleName::Step);
        bench.clock.advance(Duration::from_secs(1));
        assert!(bench.submit("before", 1).await.unwrap().is_ok());
        bench.race.announcements().wait_for(|now| now.round == RoundNumber(2)).await.unwrap();
        let before = bench.race.view().difficulty;
        bench.race.run_clock_until(Duration::from_secs(1 + mined));
        bench.clock.advance(Duration::from_secs(mined + idle));
        let victory = bench.submit(HIDDEN, 1).await.unwrap().unwrap();
        assert_eq!((victory.solve_time, victory.new_difficulty - before), (judged, next - 3.0), "{mined} {idle}");
        // Who counted is judged by the mining clock, however long the pause.
        let bench = Bench::quick(RuleName::Step);
        bench.race.run_clock_until(Duration::from_secs(mined));
        bench.clock.advance(Duration::from_secs(mined + idle));
        let victory = bench.submit("seen", 1).await.unwrap().unwrap();
        assert_eq!(victory.solve_time, mined as f64);
    }
}

#[tokio::test]
async fn a_hidden_winner_must_clear_the_target_of_the_mining_clock() {
    let bench = Bench::quick(RuleName::Rising);
    bench.race.run_clock_until(Duration::from_secs(6));
    bench.clock.advance(Duration::from_secs(600));
    // Below the reference target, but not below what six seconds of mining reach.
    let hash: Hash = puzzle::Target::from(difficulty(3.5)).to_string().parse().unwrap();
    let early = Solution { seed: bench.seed(), nonce: Nonce::new(1).unwrap(), hash };
    let refusal = bench.submit_solution(HIDDEN, early).await.unwrap().unwrap_err();
    assert!(matches!(refusal, Refusal::BelowDifficulty { valid_in: Some(Some(_)) }), "{refusal:?}");
}

#[tokio::test]
async fn shares_never_stand_before_a_submission() {
    let bench = Bench::new(RuleName::Step, 1, 8);
    let challenge = Challenge::new(&bench.seed(), &"visitor-1".parse().unwrap(), &"ip=::1\n".parse().unwrap());
    let offer = |number, most_waiting| {
        let nonce = Nonce::new(SHARES_FROM + number).unwrap();
        bench.race.check_share(challenge.clone(), nonce, Hash::from_bytes(HASH), most_waiting)
    };
    // One share is with the thread for them; sixteen more wait.
    let mut running = offer(1, 1).unwrap();
    let first = loop {
        match offer(2, 1) {
            Some(share) => break share,
            None => tokio::task::yield_now().await,
        }
    };
    let mut waiting = vec![first];
    waiting.extend((20..70).filter_map(|number| offer(number, 16)));
    assert_eq!(waiting.len(), 16, "and no more");
    assert!(offer(99, 16).is_none());

    bench.gate.open();
    assert!(bench.submit("a", 1).await.unwrap().is_ok(), "beside the one that is running");
    assert!(running.try_recv().is_err(), "which still runs");
    bench.announced(2).await;

    // With all other threads taken, whoever is proven waits for that one only.
    bench.gate.let_pass(0);
    let taken = bench.submit("b", FALSE_FROM);
    bench.race.prove(&SessionId("c".into()));
    let proven = bench.submit("c", 2);
    bench.shares.let_pass(1);
    assert_eq!(running.await.unwrap(), Some(true));
    bench.gate.open();
    assert_eq!(taken.await.unwrap(), Err(Refusal::HashMismatch));
    assert!(proven.await.unwrap().is_ok());
    assert!(waiting.iter_mut().all(|share| share.try_recv().is_err()), "all others still wait");
    bench.shares.open();
    for share in waiting {
        assert_eq!(share.await.unwrap(), Some(true));
    }
}

#[tokio::test]
async fn false_hashes_of_newcomers_keep_newcomers_out_and_nobody_who_has_shown_work() {
    let bench = Bench::new(RuleName::Step, 1, 256);
    bench.gate.open();
    for liar in 0..6 {
        let lie = bench.submit(&format!("liar-{liar}"), FALSE_FROM);
        assert_eq!(lie.await.unwrap(), Err(Refusal::HashMismatch));
    }
    for session in ["shared", "turned"] {
        bench.race.prove(&SessionId(session.into()));
    }
    // A false hash takes back what was shown.
    assert_eq!(bench.submit("turned", FALSE_FROM).await.unwrap(), Err(Refusal::HashMismatch));
    bench.clock.advance(Duration::from_secs(1));

    bench.gate.let_pass(0);
    let newcomer = bench.submit("newcomer", FALSE_FROM);
    for session in ["another", "turned"] {
        assert_eq!(bench.submit(session, 1).await.unwrap(), Err(Refusal::Busy), "{session}");
    }
    let proven = bench.submit("shared", 1);
    bench.gate.open();
    assert_eq!(newcomer.await.unwrap(), Err(Refusal::HashMismatch), "whoever was let in is judged first");
    assert!(proven.await.unwrap().is_ok());
    bench.announced(2).await;
    assert!(bench.submit("another", 2).await.unwrap().is_ok(), "when there is room");
}

#[tokio::test]
async fn a_share_is_right_or_false_or_unknown() {
    let bench = Bench::quick(RuleName::Step);
    let challenge = Challenge::new(&bench.seed(), &"visitor-1".parse().unwrap(), &"ip=::1\n".parse().unwrap());
    for (nonce, verdict) in [(1, Some(true)), (FALSE_FROM, Some(false)), (PANICS, None), (2, Some(true))] {
        let share = bench.race.check_share(challenge.clone(), Nonce::new(nonce).unwrap(), Hash::from_bytes(HASH), 1);
        assert_eq!(share.unwrap().await.unwrap(), verdict);
    }
}

#[tokio::test]
async fn an_unsolved_round_times_out_by_mining_time_only() {
    let bench = Bench::quick(RuleName::Step);
    bench.clock.advance(Duration::from_secs(1000));
    bench.race.tick();
    assert_eq!(bench.race.view().round, RoundNumber(1), "nobody mined");
    bench.race.run_clock_until(Duration::MAX);
    bench.clock.advance(Duration::from_secs(120));
    let mut announcements = bench.race.announcements();
    bench.race.tick();
    let next = *announcements.wait_for(|announcement| announcement.round == RoundNumber(2)).await.unwrap();
    assert_eq!((next.reason, next.solve_time), (ResetReason::Timeout, None));
    assert_eq!(bench.race.view().difficulty, 2.0);
    assert!(bench.race.view().clock_running);
}

#[tokio::test]
async fn a_verification_that_hangs_frees_its_place() {
    let bench = Bench::new(RuleName::Step, 2, 256);
    let hangs = bench.submit("a", 1);
    bench.clock.advance(state::VERIFICATION_DEADLINE);
    bench.race.tick();
    assert_eq!(hangs.await.unwrap(), Err(Refusal::VerifierFailed));
    bench.gate.open();
}

#[tokio::test]
async fn a_stuck_audit_log_does_not_keep_the_winner_waiting_for_ever() {
    let bench = Bench::quick(RuleName::Step);
    bench.notes.stuck.store(true, Ordering::SeqCst);
    assert!(bench.submit("a", 1).await.unwrap().is_ok());
}

#[tokio::test]
async fn who_hangs_up_still_wins() {
    let bench = Bench::new(RuleName::Step, 1, 256);
    bench.submit("gone", 1).abort();
    let late = bench.submit("late", 2);
    bench.gate.open();
    assert_eq!(late.await.unwrap(), Err(Refusal::AlreadySolved));
    assert_eq!(bench.race.wins_of(&SessionId("gone".into())).len(), 1);
}

#[tokio::test]
async fn stopping_answers_what_was_admitted_and_admits_nothing_more() {
    let bench = Bench::new(RuleName::Step, 1, 256);
    let admitted = bench.submit("a", 1);
    let race = bench.race.clone();
    let stop = tokio::spawn(async move { race.stop().await });
    while !lock(&bench.race.shared.state).is_stopping() {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.submit("b", 2).await.unwrap(), Err(Refusal::Stopping));
    bench.gate.open();
    stop.await.unwrap();
    assert!(admitted.await.unwrap().is_ok());
}
