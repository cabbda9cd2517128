//! The race: one state in memory, owned by this process, that decides who wins.
//!
//! A submission takes a [`Arrival`] the moment it is parsed. Everything that costs
//! nothing is checked under one short lock; the hash is verified outside it by
//! [`verifier`] threads; verdicts are committed in order of arrival ([`state`]).
//! What follows from a win happens in a fixed order, in one task, the *herald*:
//! the audit record (at most [`RECORD_LIMIT`]), the winner's answer, the losers'
//! answers, the announcement of the new round, the webhook.
//!
//! The lock is never held across an await or a hash. A client that hangs up still
//! wins if it came first: the verification belongs to no request. Time, randomness
//! and the hasher are parameters.

#[cfg(all(test, feature = "model-check"))]
mod model;
mod settings;
mod state;
mod sync;
#[cfg(all(test, not(feature = "model-check")))]
mod tests;
mod verifier;

use crate::clock::Clock;
pub use crate::identity::session::SessionId;
use app::wire::{ResetReason, RoundView, Victory};
use futures::future::BoxFuture;
use puzzle::{
    Challenge, Cost, Curve, Hash, Nonce, PuzzleHasher, RoundNumber, Seed, Ticket, TraceData, VisitorId,
    hashing::HashingError, invite_code::InviteCode, rule::Rule,
};
use state::{Effect, Event, Job, State, Verdict, Won};
use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};
use sync::{AtomicU64, Mutex, Ordering, lock};
use tokio::sync::{mpsc, oneshot, watch};
use verifier::{Court, Verifier};

pub use settings::RaceSettings;

/// How long a winner waits for the audit record to be on disk.
pub const RECORD_LIMIT: Duration = Duration::from_secs(1);

/// Who submits: everything about a submission that the gate has checked.
#[derive(Clone, Debug)]
pub struct Competitor {
    /// The session.
    pub session: SessionId,
    /// Its visitor id.
    pub visitor: VisitorId,
    /// The trace that was mined with.
    pub trace: TraceData,
    /// The address the request came from.
    pub address: IpAddr,
    /// True if the session counted as a miner when the submission arrived, so that
    /// the mining clock ran for it.
    pub counted: bool,
}

/// What is submitted.
#[derive(Clone, Copy, Debug)]
pub struct Solution {
    /// The seed that was mined on.
    pub seed: Seed,
    /// The nonce that was found.
    pub nonce: Nonce,
    /// The hash it is claimed to have.
    pub hash: Hash,
}

/// A place in the order of arrival, and the moment it was taken.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    ticket: Ticket,
    at: Duration,
}

impl Arrival {
    /// The moment, on the race's clock.
    pub const fn at(self) -> Duration {
        self.at
    }
}

/// A round that was won.
#[derive(Clone, Debug)]
pub struct Win {
    /// Which round.
    pub round: RoundNumber,
    /// The prize.
    pub invite_code: InviteCode,
    /// The winner.
    pub competitor: Competitor,
    /// The winning solution.
    pub solution: Solution,
    /// The time that the round was judged by: its mining time when the solution
    /// arrived, unless the winner did not count; see [`Rule::solve_time`].
    pub solve_time: Duration,
    /// The round's difficulty.
    pub difficulty: f64,
    /// The next round's difficulty.
    pub new_difficulty: f64,
    /// Why the difficulty moved or did not, in words.
    pub adjustment_reason: String,
    /// When, by the time of day.
    pub at: SystemTime,
}

impl From<&Win> for Victory {
    fn from(win: &Win) -> Self {
        Self {
            invite_code: win.invite_code.clone(),
            round: win.round,
            solve_time: win.solve_time.as_secs_f64(),
            difficulty: win.difficulty,
            new_difficulty: win.new_difficulty,
        }
    }
}

/// Why a submission did not win.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The round is over.
    #[error("Puzzle already solved by someone else")]
    AlreadySolved,
    /// The claimed hash is not below the target.
    #[error("The hash is not below the target")]
    BelowDifficulty {
        /// On a rising target: in how much mining time it will be, `None` if never.
        valid_in: Option<Option<Duration>>,
    },
    /// The session has a submission under verification.
    #[error("One submission at a time: the last one is still being verified")]
    InFlight,
    /// The session submitted false hashes and has to wait.
    #[error("The last hash submitted was false: wait before the next try")]
    Struck {
        /// For how long.
        retry_after: Duration,
    },
    /// The address has had as many submissions verified as it may.
    #[error("Too many submissions come from your address: wait before the next try")]
    TooManyFromAddress {
        /// For how long.
        retry_after: Duration,
    },
    /// The verifier's queue is full.
    #[error("Too many submissions are being verified: try again in a moment")]
    Busy,
    /// The nonce does not have the claimed hash.
    #[error("The nonce does not have the claimed hash")]
    HashMismatch,
    /// The verification failed on our side.
    #[error("The verification failed: try again")]
    VerifierFailed,
    /// The server is stopping.
    #[error("The server is stopping: try again in a moment")]
    Stopping,
}

/// A round as it is announced to everybody.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Announcement {
    /// Which round.
    pub round: RoundNumber,
    /// Its seed.
    pub seed: Seed,
    /// How its target moves.
    pub curve: Curve,
    /// What a hash costs.
    pub cost: Cost,
    /// Why it began.
    pub reason: ResetReason,
    /// What the round before was judged by, if it was solved.
    pub solve_time: Option<Duration>,
}

impl Announcement {
    /// The round as a client sees it after `mining_time`.
    pub fn view(&self, mining_time: Duration, clock_running: bool) -> RoundView {
        let target = self.curve.target_at(mining_time);
        RoundView {
            round: self.round,
            seed: self.seed,
            difficulty: target.difficulty(),
            target,
            cost: self.cost,
            mining_time: mining_time.as_secs_f64(),
            clock_running,
            curve: self.curve.rising().copied(),
        }
    }
}

/// Computes puzzle hashes; a parameter, so that tests need not spend 64 MiB.
pub trait SolutionHasher: Send {
    /// The hash of `nonce` for `challenge`.
    ///
    /// # Errors
    /// [`HashingError`].
    fn hash(&mut self, challenge: &Challenge, nonce: Nonce) -> Result<Hash, HashingError>;

    /// The hashes of two nonces at once.
    ///
    /// # Errors
    /// [`HashingError`].
    fn hash_two(&mut self, nonces: [(&Challenge, Nonce); 2]) -> Result<[Hash; 2], HashingError>;

    /// How many hashes are best computed at once: 1 or 2.
    fn at_once(&self) -> usize;
}

impl SolutionHasher for PuzzleHasher {
    fn hash(&mut self, challenge: &Challenge, nonce: Nonce) -> Result<Hash, HashingError> {
        Self::hash(self, challenge, nonce)
    }

    fn hash_two(&mut self, nonces: [(&Challenge, Nonce); 2]) -> Result<[Hash; 2], HashingError> {
        self.hash_each(nonces)
    }

    fn at_once(&self) -> usize {
        Self::at_once(self)
    }
}

/// Makes a hasher with its arena.
pub type HasherFactory = Arc<dyn Fn() -> Result<Box<dyn SolutionHasher>, HashingError> + Send + Sync>;

/// Makes hashers of the real puzzle function.
pub fn real_hashers(cost: Cost) -> HasherFactory {
    Arc::new(move || {
        let mut hasher = PuzzleHasher::new(cost).map_err(|_| HashingError::Failed)?;
        hasher.reserve(hasher.at_once())?;
        Ok(Box::new(hasher))
    })
}

/// Where wins go beside the winner: the audit log and the webhook.
pub trait Prizes: Send + Sync + 'static {
    /// Writes the record; done when it is on disk, or has failed.
    fn record(&self, win: &Win) -> BoxFuture<'static, ()>;

    /// Hands the prize over to whoever delivers it further; never waits.
    fn deliver(&self, win: &Win);
}

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

/// The way back to a submitter. Dropping it unused means that the server stops.
type Answer = oneshot::Sender<Result<Victory, Refusal>>;

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
    announced: watch::Sender<Announcement>,
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

/// Carries out what the race decides; see the module's documentation.
pub struct Herald {
    events: mpsc::UnboundedReceiver<Event>,
    /// Weak: the herald must not keep the race alive that feeds it.
    race: Weak<Shared>,
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
        let (announced, _) = watch::channel(state.announcement(ResetReason::Operator, None));
        let (events, receiver) = mpsc::unbounded_channel();
        let verifier = Verifier::new(verify_queue, verify_workers);
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            tickets: AtomicU64::new(0),
            verifier,
            quota,
            announced,
            events,
            clock,
            seeds,
        });
        shared.verifier.start(&hashers, &Arc::downgrade(&shared))?;
        let herald = Herald { events: receiver, race: Arc::downgrade(&shared) };
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

impl Court for Shared {
    fn wants(&self, job: &Job) -> bool {
        lock(&self.state).is_pending(job.ticket)
    }

    fn settle(&self, job: &Job, verdict: Verdict) {
        self.decide(|state, now, seeds, wall| state.settle(job.ticket, verdict, now, seeds, wall));
    }
}

impl Herald {
    /// Works until the race has stopped and everything is carried out.
    pub async fn run(mut self, prizes: Arc<dyn Prizes>) {
        while let Some(event) = self.events.recv().await {
            match event {
                Event::Won(won) => self.proclaim(*won, prizes.as_ref()).await,
                Event::Expired { announcement, reason } => {
                    tracing::info!(round = %announcement.round, reason, "round ended unsolved");
                    self.announce(announcement);
                }
                Event::Stopped => break,
            }
        }
    }

    async fn proclaim(&self, won: Won, prizes: &dyn Prizes) {
        let Won { win, winner, losers, announcement } = won;
        if tokio::time::timeout(RECORD_LIMIT, prizes.record(&win)).await.is_err() {
            tracing::error!(
                round = %win.round, code_digest = win.invite_code.digest(),
                "the audit record is late; the code is given out and the record is kept for retry"
            );
        }
        let _ = winner.send(Ok(Victory::from(&win)));
        self.announce(announcement);
        for loser in losers {
            let _ = loser.send(Err(Refusal::AlreadySolved));
        }
        prizes.deliver(&win);
        tracing::info!(
            round = %win.round, solve_time_s = win.solve_time.as_secs_f64(), reason = win.adjustment_reason,
            difficulty = win.difficulty, new_difficulty = win.new_difficulty, code_digest = win.invite_code.digest(),
            "round won"
        );
    }

    fn announce(&self, announcement: Announcement) {
        if let Some(race) = self.race.upgrade() {
            race.announced.send_replace(announcement);
        }
    }
}
