//! The race: one state in memory, owned by this process, that decides who wins.
//!
//! A submission takes an [`Arrival`] the moment it is parsed. Everything that costs
//! nothing is checked under one short lock; the hash is verified outside it by
//! [`verifier`] threads; verdicts are committed in order of arrival ([`state`]).
//! What follows from a win happens in a fixed order, in one task, the [herald](Herald).
//!
//! The lock is never held across an await or a hash. A client that hangs up still
//! wins if it came first: the verification belongs to no request. Time, randomness
//! and the hasher are parameters.

mod hasher;
mod herald;
#[cfg(all(test, feature = "model-check"))]
mod model;
mod settings;
mod state;
mod submission;
mod sync;
#[cfg(all(test, not(feature = "model-check")))]
mod tests;
mod verifier;
mod win;

pub use hasher::{HasherFactory, SolutionHasher, real_hashers};
pub use herald::{Herald, Prizes, RECORD_LIMIT};
pub use settings::RaceSettings;
pub use submission::{Arrival, Competitor, Refusal, Solution};
pub use win::{Announcement, Win};

use crate::clock::Clock;
pub use crate::identity::session::SessionId;
use app::wire::{ResetReason, RoundView, Victory};
use puzzle::{Challenge, Hash, Nonce, RoundNumber, Seed, Ticket, hashing::HashingError, rule::Rule};
use state::{Effect, Event, Job, State, Verdict};
use std::{
    fmt,
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};
use submission::Answer;
use sync::{AtomicU64, Mutex, Ordering, lock};
use tokio::sync::{mpsc, oneshot, watch};
use verifier::{VerdictReceiver, Verifier};

/// Counts a submission of an address that is about to be verified; the error says
/// how long the address has to wait before one more.
pub type VerificationQuota = Arc<dyn Fn(IpAddr) -> Result<(), Duration> + Send + Sync>;

/// What the race works with, beside what an operator decides.
#[derive(Clone)]
pub struct RaceSurroundings {
    /// How many verifications one address may ask for.
    pub quota: VerificationQuota,
    /// Where hashes come from.
    pub hashers: HasherFactory,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where seeds come from.
    pub seeds: Arc<dyn Fn() -> Seed + Send + Sync>,
}

/// A cheap handle to the race.
#[derive(Clone)]
pub struct Race {
    shared: Arc<Shared>,
}

struct Shared {
    /// Everything that decides. Std's mutex: critical sections are microseconds
    /// and never await.
    state: Mutex<State>,
    /// The last ticket taken.
    tickets: AtomicU64,
    verifier: Verifier,
    quota: VerificationQuota,
    /// The last round that everybody was told of. It trails the state by the time
    /// that recording a win takes, so that nobody learns a seed before the others.
    announced: Arc<watch::Sender<Announcement>>,
    /// What the herald has to do, in order. Unbounded, as each event ends a round:
    /// they come no faster than wins.
    events: mpsc::UnboundedSender<Event>,
    clock: Arc<dyn Clock>,
    seeds: Arc<dyn Fn() -> Seed + Send + Sync>,
}

impl fmt::Debug for Race {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Race").finish_non_exhaustive()
    }
}

impl Race {
    /// Opens the first round and starts the verifier's threads. The herald must
    /// be [run](Herald::run) for anybody to be answered.
    ///
    /// # Errors
    /// [`HashingError`] if an arena cannot be allocated.
    pub fn start(settings: RaceSettings, surroundings: RaceSurroundings) -> Result<(Self, Herald), HashingError> {
        let RaceSettings { start, pace, rule, cost, verify_workers, verify_queue, secret, proof_interval: _ } =
            settings;
        let RaceSurroundings { quota, hashers, clock, seeds } = surroundings;
        let state = State::new(Rule::new(rule, start, pace), cost, secret, seeds(), clock.now());
        let announced = Arc::new(watch::Sender::new(state.announcement(ResetReason::Operator, None)));
        let (events, receiver) = mpsc::unbounded_channel();
        let verifier = Verifier::new(verify_queue, verify_workers);
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            tickets: AtomicU64::new(0),
            verifier,
            quota,
            announced: announced.clone(),
            events,
            clock,
            seeds,
        });
        shared.verifier.start(&hashers, &Arc::downgrade(&shared))?;
        let herald = Herald { events: receiver, announced };
        Ok((Self { shared }, herald))
    }

    /// Takes a place in the order of arrival. To be called as soon as a
    /// submission is parsed, before anything else is done for it.
    pub fn arrive(&self) -> Arrival {
        let ticket = Ticket(self.shared.tickets.fetch_add(1, Ordering::SeqCst));
        Arrival { ticket, at: self.shared.clock.now() }
    }

    /// Takes part. Whether the caller waits for the answer or not, a submission
    /// that was admitted is verified and wins if it came first.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn submit(
        &self,
        arrival: Arrival,
        competitor: &Competitor,
        solution: Solution,
    ) -> Result<Victory, Refusal> {
        let (answer, verdict) = oneshot::channel();
        self.shared.enter(arrival, competitor, solution, answer);
        let verdict = verdict.await.unwrap_or(Err(Refusal::Stopping));
        if verdict == Err(Refusal::AlreadySolved) {
            self.wait_for_round_after(solution.seed).await;
        }
        verdict
    }

    /// Waits until another round than that of `seed` is announced: whoever is told
    /// that a round is over can then be told what the next one is.
    async fn wait_for_round_after(&self, seed: Seed) {
        let mut announced = self.shared.announced.subscribe();
        let _ = announced.wait_for(|announcement| announcement.seed != seed).await;
    }

    /// The announced round as it stands now.
    pub fn view(&self) -> RoundView {
        let announcement = *self.shared.announced.borrow();
        let (clock, now) = (lock(&self.shared.state).mining_clock(), self.shared.clock.now());
        announcement.view(clock.elapsed(now), clock.is_running(now))
    }

    /// The announcements, newest only.
    pub fn announcements(&self) -> watch::Receiver<Announcement> {
        self.shared.announced.subscribe()
    }

    /// Says until when somebody is known to mine: the mining clock runs from now
    /// to that moment, or pauses if it lies behind.
    pub fn run_clock_until(&self, until: Duration) {
        lock(&self.shared.state).run_clock_until(until, self.shared.clock.now());
    }

    /// The round that is being played, which may not be announced yet.
    pub fn round(&self) -> (RoundNumber, Seed) {
        lock(&self.shared.state).round()
    }

    /// Has a claimed hash computed when no proven session's submission waits, if fewer
    /// than `most_waiting` others wait for that; `None` if not. The answer is `None`
    /// if the hash could not be computed.
    pub fn check_share(
        &self,
        challenge: Challenge,
        nonce: Nonce,
        hash: Hash,
        most_waiting: usize,
    ) -> Option<oneshot::Receiver<Option<bool>>> {
        self.shared.verifier.offer_share(challenge, nonce, hash, most_waiting)
    }

    /// Takes note that a session has shown work by a share that was right. Its
    /// submissions then wait for no more newcomers than it must.
    pub fn prove(&self, session: &SessionId) {
        lock(&self.shared.state).prove(session.clone(), self.shared.clock.now());
    }

    /// Has a session wait before its next submission, as after a false one.
    pub fn strike(&self, session: &SessionId) {
        lock(&self.shared.state).strike(session.clone(), self.shared.clock.now());
    }

    /// The wins of a session that are still remembered, newest first.
    pub fn wins_of(&self, session: &SessionId) -> Vec<Win> {
        lock(&self.shared.state).wins_of(session)
    }

    /// True if a verifier thread answers a small puzzle rightly within two seconds
    /// and none has died.
    pub async fn verifier_works(&self) -> bool {
        let probe = self.shared.verifier.probe();
        matches!(tokio::time::timeout(Duration::from_secs(2), probe).await, Ok(Ok(true)))
    }

    /// Lets time do its work: time-outs of rounds and of verifications. To be
    /// called a few times a second.
    pub fn tick(&self) {
        self.shared.decide(|state, now, seeds, wall| state.tick(now, seeds, wall));
    }

    /// Admits nothing any more and waits until everything admitted is answered.
    pub async fn stop(&self) {
        lock(&self.shared.state).stop();
        while lock(&self.shared.state).pending() != 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.shared.verifier.close();
        let _ = self.shared.events.send(Event::Stopped);
    }
}

impl Shared {
    /// Checks a submission and queues its verification, or answers it.
    fn enter(&self, arrival: Arrival, competitor: &Competitor, solution: Solution, answer: Answer) {
        let admitted = lock(&self.state).admit(arrival.ticket, arrival.at, competitor, solution, answer);
        match admitted {
            // After everything that costs nothing, so that an address that has used
            // its share up still learns what else is wrong.
            Ok(job) => {
                if let Err(retry_after) = (self.quota)(competitor.address) {
                    self.settle(&job, Verdict::Unverified(Refusal::TooManyFromAddress { retry_after }));
                } else if let Err(job) = self.verifier.submit(job) {
                    self.settle(&job, Verdict::Unverified(Refusal::Busy));
                }
            }
            Err((answer, refusal)) => {
                let _ = answer.send(Err(refusal));
            }
        }
    }

    /// Takes decisions under the lock. Refusals are answered at once; what ends a
    /// round goes to the herald.
    fn decide<E: IntoIterator<Item = Effect>>(
        &self,
        decision: impl FnOnce(&mut State, Duration, &dyn Fn() -> Seed, SystemTime) -> E,
    ) {
        let mut state = lock(&self.state);
        let effects = decision(&mut state, self.clock.now(), self.seeds.as_ref(), self.clock.time_of_day());
        // Sent under the lock, where neither can block: two wins must reach the
        // herald in their order.
        for effect in effects {
            match effect {
                Effect::Refuse(answer, refusal) => drop(answer.send(Err(refusal))),
                Effect::Event(event) => drop(self.events.send(event)),
            }
        }
    }
}

impl VerdictReceiver for Shared {
    fn wants(&self, job: &Job) -> bool {
        lock(&self.state).is_pending(job.ticket)
    }

    fn settle(&self, job: &Job, verdict: Verdict) {
        self.decide(|state, now, seeds, wall| state.settle(job.ticket, verdict, now, seeds, wall));
    }
}
