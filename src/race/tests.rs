//! The race with a clock, a hasher and prizes of our own.

#![allow(clippy::unwrap_used, reason = "a test may end where it finds a surprise")]

mod drop;
mod ledger;
mod rounds;
mod storage;
mod verification;
mod winning;

use super::*;
use crate::{
    clock::ManualClock,
    ledger::{Change, deliveries::NewDelivery, values::WebhookId},
};
use app::wire::ResetReason;
use futures::executor::block_on;
use ledger::TestLedger;
use puzzle::{
    Challenge, Difficulty, Hash, Nonce,
    hashing::HashingError,
    invite_code::{CodeSecret, InviteCode},
    rule::RuleName,
};
use std::{
    net::IpAddr,
    sync::{
        Condvar as StdCondvar, Mutex as StdMutex,
        atomic::{AtomicU64, Ordering},
    },
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
    won: StdMutex<Vec<RoundNumber>>,
}

impl WinListener for Notes {
    fn won(&self, win: &Win) {
        self.won.lock().unwrap().push(win.round);
    }
}

struct Bench {
    race: Race,
    clock: Arc<ManualClock>,
    gate: Arc<Gate>,
    shares: Arc<Gate>,
    notes: Arc<Notes>,
    ledger: Arc<TestLedger>,
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
        Self::on_ledger(Arc::new(TestLedger::new(clock.clone())), clock, at_once, rule, workers, queue)
    }

    /// The same race after a restart: another process with the same ledger.
    fn restarted(&self, rule: RuleName) -> Self {
        let bench = Self::on_ledger(self.ledger.clone(), self.clock.clone(), 1, rule, 2, 256);
        bench.gate.open();
        bench
    }

    fn on_ledger(
        ledger: Arc<TestLedger>,
        clock: Arc<ManualClock>,
        at_once: usize,
        rule: RuleName,
        workers: usize,
        queue: usize,
    ) -> Self {
        Self::with(ledger, clock, at_once, RaceSettings::for_tests(rule, workers, queue), None)
    }

    fn with(
        ledger: Arc<TestLedger>,
        clock: Arc<ManualClock>,
        at_once: usize,
        settings: RaceSettings,
        codes: Option<Vec<ListedCode>>,
    ) -> Self {
        let (gate, shares) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        let notes = Arc::new(Notes::default());
        let last_seed = AtomicU64::new(0);
        let gates = (gate.clone(), shares.clone());
        let surroundings = RaceSurroundings {
            quota: Arc::new(|_| Ok(())),
            codes,
            work_shown: Arc::new(|_| {}),
            hashers: Arc::new(move || {
                let (gate, shares) = gates.clone();
                Ok(Box::new(FakeHasher { gate, shares, at_once }))
            }),
            clock: clock.clone(),
            seeds: Arc::new(move || {
                let number = last_seed.fetch_add(1, Ordering::SeqCst);
                Seed::from_bytes(u128::from(number).to_be_bytes())
            }),
            ledger: ledger.clone(),
            with_win: WithWin(Arc::new(|win| {
                vec![Change::Deliver(NewDelivery {
                    webhook_id: WebhookId::random(),
                    receiver: "receiver".to_owned(),
                    round: Some(win.round),
                    body: "{}".to_owned(),
                })]
            })),
            with_turn: WithTurn(Arc::new(|drop| {
                vec![Change::Deliver(NewDelivery {
                    webhook_id: WebhookId::random(),
                    receiver: "receiver".to_owned(),
                    round: None,
                    body: drop.state().name().to_owned(),
                })]
            })),
        };
        let recovered = block_on(ledger.recover()).unwrap();
        let (race, herald) = block_on(Race::start(settings, surroundings, recovered)).unwrap();
        tokio::spawn(herald.run(notes.clone()));
        Self { race, clock, gate, shares, notes, ledger }
    }

    /// A bench whose verifications end at once.
    fn quick(rule: RuleName) -> Self {
        let bench = Self::new(rule, 2, 256);
        bench.gate.open();
        bench
    }

    fn seed(&self) -> Seed {
        self.race.view().seed().unwrap()
    }

    /// Waits until everybody knows of `round`.
    async fn announced(&self, round: u64) {
        let mut announcements = self.race.announcements();
        announcements.wait_for(|announcement| announcement.round == RoundNumber(round)).await.unwrap();
    }

    /// The rounds that a session has won, newest first.
    async fn won_by(&self, session: &str) -> Vec<RoundNumber> {
        let wins = self.race.wins_of(&SessionId(session.into())).await.unwrap();
        wins.into_iter().map(|win| win.round).collect()
    }

    /// Makes a session one that has shown work.
    fn prove(&self, session: &str) {
        lock(&self.race.shared.state).standing().prove(SessionId(session.into()), self.clock.now());
    }

    /// Submits in a task of its own, having taken its ticket before returning.
    fn submit(&self, session: &str, nonce: u64) -> tokio::task::JoinHandle<Result<Victory, Refusal>> {
        let solution = Solution { seed: self.seed(), nonce: Nonce::new(nonce).unwrap(), hash: Hash::from_bytes(HASH) };
        self.submit_solution(session, solution)
    }

    fn submit_solution(&self, session: &str, solution: Solution) -> tokio::task::JoinHandle<Result<Victory, Refusal>> {
        self.submit_from(IpAddr::from([192, 0, 2, 1]), session, solution)
    }

    fn submit_from(
        &self,
        address: IpAddr,
        session: &str,
        solution: Solution,
    ) -> tokio::task::JoinHandle<Result<Victory, Refusal>> {
        let competitor = Competitor {
            session: SessionId(session.to_owned()),
            visitor: "visitor-1".parse().unwrap(),
            trace: "ip=192.0.2.1\n".parse().unwrap(),
            address,
            state: None,
        };
        let (answer, verdict) = oneshot::channel();
        self.race.shared.enter(&competitor, session != HIDDEN, solution, answer);
        tokio::spawn(async move { verdict.await.unwrap_or(Err(Refusal::Stopping)) })
    }
}
