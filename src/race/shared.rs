//! What every handle to the race shares: the locks, the verifier, the ledger; and what
//! is done under them.

use super::{
    health::Health,
    herald::{Event, Rounds},
    miners::Miners,
    state::{Conclusion, Effect, Job, Moment, State, Verdict},
    submission::{Answer, Competitor, Refusal, Solution},
    sync::{Mutex, lock},
    verifier::{VerdictReceiver, Verifier},
    win::Announcement,
};
use crate::{
    clock::Clock,
    identity::session::SessionId,
    ledger::{Change, CommitError, Committed, Condition, Ledger, Refused, Transaction},
};
use puzzle::{Hash, Seed, drop::Drop};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch};

/// Between two notes of how far the running round has come.
const NOTE_INTERVAL: Duration = Duration::from_secs(5);

/// Between two writes of the strikes that are new.
const STRIKES_INTERVAL: Duration = Duration::from_secs(1);

/// Counts a submission of an address that is about to be verified; the error says
/// how long the address has to wait before one more.
pub type VerificationQuota = Arc<dyn Fn(IpAddr) -> Result<(), Duration> + Send + Sync>;

/// What every handle to the race shares.
pub(super) struct Shared {
    /// Everything that decides. Std's mutex: critical sections are microseconds
    /// and never await.
    pub(super) state: Mutex<State>,
    /// Who mines. A lock of its own: the figures ask of thousands at once, and a
    /// submission must not wait for that. Whoever changes it tells the state, while it
    /// is held, until when the mining clock runs ([`Shared::change_miners`]); so it is
    /// taken before the state's lock and never after.
    pub(super) miners: Mutex<Miners>,
    pub(super) verifier: Verifier,
    pub(super) quota: VerificationQuota,
    /// The last round that everybody was told of. It trails the state by the time
    /// that recording a win takes, so that nobody learns a seed before the others.
    pub(super) announced: Arc<watch::Sender<Announcement>>,
    /// What the herald has to do, in order. Unbounded, as each event ends a round:
    /// they come no faster than wins.
    pub(super) events: mpsc::UnboundedSender<Event>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) seeds: Arc<dyn Fn() -> Seed + Send + Sync>,
    pub(super) ledger: Arc<dyn Ledger>,
    /// Whether the ledger can be written.
    pub(super) condition: watch::Receiver<Condition>,
    /// When the running round was noted last.
    pub(super) noted_at: Mutex<Duration>,
    /// When new strikes were written down last.
    pub(super) strikes_noted_at: Mutex<Duration>,
    pub(super) work_shown: Arc<dyn Fn(&SessionId) + Send + Sync>,
    pub(super) health: Health,
}

impl Shared {
    /// Checks a submission and queues its verification, or answers it. `counted` says
    /// whether its session counts as a miner, so that the mining clock runs for it.
    pub(super) fn enter(&self, competitor: &Competitor, counted: bool, solution: Solution, answer: Answer) {
        let storage_works = self.storage_works();
        let admitted = {
            let mut state = lock(&self.state);
            state.admit(competitor, counted, solution, answer, storage_works, self.moment())
        };
        match admitted {
            // After everything that costs nothing, so that an address that has used
            // its share up still learns what else is wrong.
            Ok(Some(job)) => {
                if let Err(retry_after) = (self.quota)(competitor.address) {
                    self.settle(&job, Verdict::Unverified(Refusal::TooManyFromAddress { retry_after }));
                } else if let Err(job) = self.verifier.submit(job) {
                    self.settle(&job, Verdict::Unverified(Refusal::Busy));
                }
            }
            // It waits for a win to be written down.
            Ok(None) => {}
            Err((answer, refusal)) => {
                let _ = answer.send(Err(refusal));
            }
        }
    }

    /// What time it is.
    pub(super) fn moment(&self) -> Moment {
        Moment { now: self.clock.now(), wall: self.clock.time_of_day().into() }
    }

    pub(super) fn storage_works(&self) -> bool {
        matches!(*self.condition.borrow(), Condition::Ok)
    }

    /// Changes how many codes there are, and has everybody told.
    pub(super) fn restock(&self, change: impl FnOnce(&mut State)) {
        {
            let mut state = lock(&self.state);
            change(&mut state);
            // Under the lock: what is announced later must be the newer.
            let _ = self.events.send(Event::Restocked);
        }
        self.decide(|state, moment, seeds| state.tick(moment, seeds));
    }

    /// Notes now and then how far the running round has come, so that a crash costs it a
    /// few seconds at most. Nobody waits for that.
    pub(super) fn note_round(&self) {
        let now = self.clock.now();
        let mut noted_at = lock(&self.noted_at);
        if *noted_at + NOTE_INTERVAL <= now && self.storage_works() {
            *noted_at = now;
            drop(self.ledger.commit(self.snapshot()));
        }
    }

    pub(super) fn snapshot(&self) -> Transaction {
        let state = lock(&self.state);
        let (round, _) = state.round();
        let mining_time = state.mining_clock().elapsed(self.clock.now());
        Transaction::new().with(Change::Snapshot { round, mining_time })
    }

    /// Writes down, once a second at most, which sessions have to wait. Nobody waits for
    /// that: a crash may forgive the strikes of the last second.
    pub(super) fn note_strikes(&self) {
        let now = self.clock.now();
        let mut noted_at = lock(&self.strikes_noted_at);
        if *noted_at + STRIKES_INTERVAL <= now && self.storage_works() {
            *noted_at = now;
            let strikes = self.take_strikes();
            if !strikes.is_empty() {
                drop(self.ledger.commit(strikes));
            }
        }
    }

    pub(super) fn take_strikes(&self) -> Transaction {
        let wall = self.clock.time_of_day().into();
        lock(&self.state).standing().take_changes(self.clock.now(), wall)
    }

    pub(super) fn share_computed(
        &self,
        session: &SessionId,
        hash: &Hash,
        arrived_at: Duration,
        is_right: Option<bool>,
    ) {
        self.change_miners(|miners, now| match is_right {
            Some(true) => miners.prove(session, arrived_at),
            Some(false) => miners.discredit(session, now),
            None => miners.drop_share(session, hash, now),
        });
        let now = self.clock.now();
        match is_right {
            // Its submissions then wait for no more newcomers than they must.
            Some(true) => {
                lock(&self.state).standing().prove(session.clone(), now);
                (self.work_shown)(session);
            }
            Some(false) => {
                // It has to wait before its next submission, as after a false one.
                lock(&self.state).standing().strike(session.clone(), now);
                tracing::info!(%session, "a share was false; its session counts as a miner no more");
            }
            None => {}
        }
    }

    /// Changes who mines, and tells the state until when somebody does: the mining clock
    /// runs to that moment, or pauses if it lies behind. Under one lock: two changes must
    /// not reach the state in another order.
    pub(super) fn change_miners<T>(&self, change: impl FnOnce(&mut Miners, Duration) -> T) -> T {
        let mut miners = lock(&self.miners);
        let now = self.clock.now();
        let before = miners.clock_until();
        let outcome = change(&mut miners, now);
        let after = miners.clock_until();
        if before != after {
            lock(&self.state).run_clock_until(after, now);
        }
        outcome
    }

    /// Takes decisions under the lock. Refusals are answered at once; what ends a
    /// round goes to the ledger, and the herald waits for that.
    pub(super) fn decide<E: IntoIterator<Item = Effect>>(
        &self,
        decision: impl FnOnce(&mut State, Moment, &dyn Fn() -> Seed) -> E,
    ) {
        let mut state = lock(&self.state);
        // Handed over under the lock, where neither can block: the ledger must have it in
        // the order in which it was decided.
        for effect in decision(&mut state, self.moment(), self.seeds.as_ref()) {
            match effect {
                Effect::Refuse(answer, refusal) => drop(answer.send(Err(refusal))),
                Effect::Commit(transaction) => {
                    let _ = self.events.send(Event::Ending(self.ledger.commit(transaction)));
                }
            }
        }
    }
}

impl Rounds for Shared {
    fn conclude(&self, committed: Result<Committed, CommitError>) -> Option<Conclusion> {
        let conclusion = {
            let mut state = lock(&self.state);
            match &committed {
                Ok(committed) => state.concluded(self.clock.now(), committed.at),
                Err(CommitError::Refused(Refused::QuotaReached { quota, until })) => {
                    state.not_concluded(Some((*quota, *until)))
                }
                Err(_) => state.not_concluded(None),
            }
        };
        // A win is a proof of work, whether its winner still waits for the answer or not.
        if let Some(Conclusion::Won(won)) = &conclusion {
            let win = &won.win;
            self.change_miners(|miners, _| miners.believe(&win.competitor.session, win.arrived_at));
            (self.work_shown)(&win.competitor.session);
        }
        conclusion
    }

    fn drop_now(&self) -> Drop {
        lock(&self.state).giving().drop
    }
}

impl VerdictReceiver for Shared {
    fn wants(&self, job: &Job) -> bool {
        lock(&self.state).is_pending(job.ticket)
    }

    fn settle(&self, job: &Job, verdict: Verdict) {
        self.decide(|state, moment, seeds| state.settle(job.ticket, verdict, moment, seeds));
    }
}
