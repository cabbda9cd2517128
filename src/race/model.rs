//! The commit logic under a model checker, which tries thousands of interleavings
//! of submitters, verifier threads and the herald.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end where it finds a surprise")]

use super::*;
use crate::{clock::ManualClock, ledger::MemoryLedger};
use puzzle::{Challenge, Hash, Nonce, hashing::HashingError, rule::RuleName};
use shuttle::{future::block_on, thread};
use std::net::IpAddr;

const ITERATIONS: usize = 10_000;

/// What the fake hasher makes of a nonce.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Valid = 0,
    False = 1,
    Panics = 2,
}

struct ModelHasher;

impl SolutionHasher for ModelHasher {
    fn hash(&mut self, _: &Challenge, nonce: Nonce) -> Result<Hash, HashingError> {
        // A verification takes any time.
        thread::yield_now();
        match nonce.get() {
            nonce if nonce == Kind::Valid as u64 => Ok(Hash::from_bytes([0; 32])),
            nonce if nonce == Kind::False as u64 => Ok(Hash::from_bytes([1; 32])),
            _ => panic!("a verification panics"),
        }
    }

    fn hash_two(&mut self, [one, two]: [(&Challenge, Nonce); 2]) -> Result<[Hash; 2], HashingError> {
        Ok([self.hash(one.0, one.1)?, self.hash(two.0, two.1)?])
    }

    fn at_once(&self) -> usize {
        2
    }
}

fn start(workers: usize, queue: usize) -> (Race, Herald) {
    let last_seed = std::sync::atomic::AtomicU64::new(0);
    let settings = RaceSettings::for_tests(RuleName::Step, workers, queue);
    let surroundings = RaceSurroundings {
        quota: Arc::new(|_| Ok(())),
        work_shown: Arc::new(|_| {}),
        hashers: Arc::new(|| Ok(Box::new(ModelHasher))),
        clock: Arc::new(ManualClock::default()),
        seeds: Arc::new(move || {
            let number = last_seed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Seed::from_bytes(u128::from(number).to_be_bytes())
        }),
        ledger: Arc::new(MemoryLedger::new(Arc::new(ManualClock::default()))),
        with_win: WithWin::none(),
        with_turn: WithTurn::none(),
        codes: None,
    };
    let recovered = block_on(surroundings.ledger.recover()).unwrap();
    block_on(Race::start(settings, surroundings, recovered)).unwrap()
}

/// Counts the rounds that were won.
#[derive(Default)]
struct Rounds(std::sync::atomic::AtomicUsize);

impl WinListener for Rounds {
    fn won(&self, _: &Win) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

/// Carries out what is decided until nobody is left who could be told anything; says how
/// many rounds were won.
fn answer_all(herald: Herald) -> thread::JoinHandle<usize> {
    thread::spawn(move || {
        let rounds = Arc::new(Rounds::default());
        block_on(herald.run(rounds.clone()));
        rounds.0.load(std::sync::atomic::Ordering::SeqCst)
    })
}

fn enter(race: &Race, session: usize, kind: Kind) -> oneshot::Receiver<Result<Victory, Refusal>> {
    let competitor = Competitor {
        session: SessionId(session.to_string()),
        visitor: "visitor-1".parse().unwrap(),
        trace: "ip=192.0.2.1\n".parse().unwrap(),
        address: IpAddr::from([192, 0, 2, 1]),
        state: None,
    };
    let solution = Solution {
        seed: Seed::from_bytes([0; 16]),
        nonce: Nonce::new(kind as u64).unwrap(),
        hash: Hash::from_bytes([0; 32]),
    };
    let (answer, verdict) = oneshot::channel();
    race.shared.enter(&competitor, true, solution, answer);
    verdict
}

fn end(race: Race) {
    race.shared.verifier.close();
    let _ = race.shared.events.send(Event::Stopped);
}

#[test]
fn the_earliest_valid_arrival_wins_and_everybody_is_answered() {
    for kinds in [
        [Kind::Valid, Kind::Valid, Kind::Valid],
        [Kind::False, Kind::Valid, Kind::Valid],
        [Kind::Panics, Kind::Valid, Kind::False],
        [Kind::False, Kind::Panics, Kind::Valid],
        [Kind::False, Kind::False, Kind::Panics],
    ] {
        shuttle::check_random(
            move || {
                let (race, herald) = start(2, 8);
                let herald = answer_all(herald);
                // Has a thread kept for it, and wins no earlier for that.
                lock(&race.shared.state).standing().prove(SessionId("1".to_owned()), Duration::ZERO);
                let verdicts: Vec<_> =
                    kinds.iter().enumerate().map(|(session, kind)| enter(&race, session, *kind)).collect();
                let outcomes: Vec<_> =
                    verdicts.into_iter().map(|verdict| block_on(verdict).expect("everybody is answered")).collect();
                let earliest = kinds.iter().position(|kind| *kind == Kind::Valid);
                let winners: Vec<_> = outcomes
                    .iter()
                    .enumerate()
                    .filter(|(_, outcome)| outcome.is_ok())
                    .map(|(place, _)| place)
                    .collect();
                assert_eq!(winners, earliest.into_iter().collect::<Vec<_>>(), "{outcomes:?}");
                end(race);
                assert_eq!(herald.join().unwrap(), usize::from(earliest.is_some()));
            },
            ITERATIONS,
        );
    }
}

#[test]
fn parallel_arrivals_make_one_winner_and_leave_nobody_waiting() {
    shuttle::check_random(
        || {
            let (race, herald) = start(2, 1);
            let herald = answer_all(herald);
            let submitters: Vec<_> = (0..3)
                .map(|session| {
                    let race = race.clone();
                    thread::spawn(move || block_on(enter(&race, session, Kind::Valid)).expect("everybody is answered"))
                })
                .collect();
            let outcomes: Vec<_> = submitters.into_iter().map(|submitter| submitter.join().unwrap()).collect();
            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
            for refusal in outcomes.into_iter().filter_map(Result::err) {
                assert!(matches!(refusal, Refusal::AlreadySolved | Refusal::Busy), "{refusal:?}");
            }
            end(race);
            assert_eq!(herald.join().unwrap(), 1);
        },
        ITERATIONS,
    );
}
