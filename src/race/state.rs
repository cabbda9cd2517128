//! The decisions of the race, as one value without threads, clocks or input and
//! output: what may take part, who has won, what the next round is.
//!
//! [`super::Race`] keeps it behind a lock and carries out what it decides.

mod newcomers;

use super::{
    submission::{Answer, Competitor, Refusal, Solution},
    win::{Announcement, Win},
};
use crate::{gate::table::insert_within, identity::session::SessionId};
use app::wire::ResetReason;
use newcomers::Newcomers;
use puzzle::{
    Challenge, Cost, Curve, RoundNumber, Seed, Ticket,
    arrival::{Arrivals, Settled},
    invite_code::{CodeSecret, InviteCode},
    mining_clock::MiningClock,
    rule::{Outcome, Rule},
};
use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    time::{Duration, SystemTime},
};

/// How many wins are remembered for their winners, over all sessions. At one
/// win a minute that is a week.
const REMEMBERED_WINS: usize = 10_000;

/// The wait after a first false hash; every further one doubles it.
const FIRST_PENALTY: Duration = Duration::from_secs(1);

/// The longest wait. A session that behaves for this long beyond its last wait
/// is forgiven.
const LONGEST_PENALTY: Duration = Duration::from_secs(300);

/// A verification that has not ended by then counts as failed and frees its place.
pub(super) const VERIFICATION_DEADLINE: Duration = Duration::from_secs(60);

/// How long a session is proven by work it has shown: a share or a win.
const PROVEN_FOR: Duration = Duration::from_secs(3600);

/// How many proven sessions are remembered, at some 100 bytes each; whose proof is the
/// oldest makes room.
const MOST_PROVEN: usize = 65_536;

/// How many sessions that have to wait for a false hash are remembered, at some 100 bytes
/// each; whose wait ends first makes room.
const MOST_STRUCK: usize = 65_536;

/// A submission that is being verified.
#[derive(Debug)]
pub(super) struct Candidate {
    /// False for a newcomer.
    proven: bool,
    competitor: Competitor,
    solution: Solution,
    admitted_at: Duration,
    /// The round's mining time at the moment of arrival.
    mining_time: Duration,
    answer: Answer,
}

/// A submission of which only the hash remains to be checked.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) ticket: Ticket,
    /// True if the session has shown work before.
    pub(super) proven: bool,
    pub(super) challenge: Challenge,
    pub(super) solution: Solution,
}

/// What follows from a decision.
#[derive(Debug)]
pub(super) enum Effect {
    /// A submission is out.
    Refuse(Answer, Refusal),
    /// A round is over.
    Event(Event),
}

/// What the herald carries out, in the order in which it happened.
#[derive(Debug)]
pub(super) enum Event {
    /// Somebody has won and a new round is open.
    Won(Box<Won>),
    /// Nobody won in time and a new round is open.
    Expired {
        /// The new round.
        announcement: Announcement,
        /// How the old one was judged, in words.
        reason: String,
    },
    /// Nothing will happen any more.
    Stopped,
}

/// Everything about one win.
#[derive(Debug)]
pub(super) struct Won {
    pub(super) win: Win,
    pub(super) winner: Answer,
    pub(super) losers: Vec<Answer>,
    /// When the winning submission arrived.
    pub(super) arrived_at: Duration,
    pub(super) announcement: Announcement,
}

#[derive(Clone, Copy, Debug)]
struct Strikes {
    count: u32,
    until: Duration,
}

/// The race: the single state that decides.
#[derive(Debug)]
pub(super) struct State {
    rule: Rule,
    cost: Cost,
    secret: CodeSecret,
    number: RoundNumber,
    seed: Seed,
    curve: Curve,
    /// When the round began.
    opened_at: Duration,
    clock: MiningClock,
    arrivals: Arrivals<Candidate>,
    strikes: HashMap<SessionId, Strikes>,
    /// Until when sessions are proven.
    proven: HashMap<SessionId, Duration>,
    newcomers: Newcomers,
    /// The wins of each session, oldest first.
    wins: HashMap<SessionId, VecDeque<Win>>,
    /// Whose the remembered wins are, oldest first: the order of forgetting.
    winners: VecDeque<SessionId>,
    stopping: bool,
}

impl State {
    pub(super) fn new(rule: Rule, cost: Cost, secret: CodeSecret, seed: Seed, now: Duration) -> Self {
        Self {
            curve: rule.curve(),
            rule,
            cost,
            secret,
            number: RoundNumber(1),
            seed,
            opened_at: now,
            clock: MiningClock::default(),
            arrivals: Arrivals::default(),
            strikes: HashMap::new(),
            proven: HashMap::new(),
            newcomers: Newcomers::default(),
            wins: HashMap::new(),
            winners: VecDeque::new(),
            stopping: false,
        }
    }

    pub(super) fn announcement(&self, reason: ResetReason, solve_time: Option<Duration>) -> Announcement {
        Announcement { round: self.number, seed: self.seed, curve: self.curve, cost: self.cost, reason, solve_time }
    }

    pub(super) fn mining_clock(&self) -> MiningClock {
        self.clock
    }

    pub(super) fn run_clock_until(&mut self, until: Duration, now: Duration) {
        self.clock.run_until(until, now);
    }

    pub(super) fn round(&self) -> (RoundNumber, Seed) {
        (self.number, self.seed)
    }

    pub(super) fn wins_of(&self, session: &SessionId) -> Vec<Win> {
        self.wins.get(session).into_iter().flat_map(|wins| wins.iter().rev()).cloned().collect()
    }

    pub(super) fn stop(&mut self) {
        self.stopping = true;
    }

    /// How many sessions are remembered for what they have shown.
    #[cfg(all(test, not(feature = "model-check")))]
    pub(super) fn remembered(&self) -> usize {
        self.proven.len() + self.strikes.len()
    }

    #[cfg(all(test, not(feature = "model-check")))]
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// True while `ticket` can still win.
    pub(super) fn is_pending(&self, ticket: Ticket) -> bool {
        self.arrivals.contains(ticket)
    }

    pub(super) fn pending(&self) -> usize {
        self.arrivals.iter().count()
    }

    /// When the oldest submission arrived that has no answer yet.
    pub(super) fn oldest_pending(&self) -> Option<Duration> {
        self.arrivals.iter().map(|(_, entry)| entry.admitted_at).min()
    }

    /// Makes every check that costs nothing, in the protocol's order, and puts
    /// the submission in its place. `arrived_at` is the moment its ticket was taken.
    pub(super) fn admit(
        &mut self,
        ticket: Ticket,
        arrived_at: Duration,
        competitor: &Competitor,
        solution: Solution,
        answer: Answer,
    ) -> Result<Job, (Answer, Refusal)> {
        let proven = self.is_proven(&competitor.session, arrived_at);
        match self.check(arrived_at, &competitor.session, proven, &solution) {
            Err(refusal) => Err((answer, refusal)),
            Ok(mining_time) => {
                let challenge = Challenge::new(&self.seed, &competitor.visitor, &competitor.trace);
                let candidate = Candidate {
                    proven,
                    competitor: competitor.clone(),
                    solution,
                    admitted_at: arrived_at,
                    mining_time,
                    answer,
                };
                self.arrivals.admit(ticket, candidate);
                Ok(Job { ticket, proven, challenge, solution })
            }
        }
    }

    fn check(
        &self,
        arrived_at: Duration,
        session: &SessionId,
        proven: bool,
        solution: &Solution,
    ) -> Result<Duration, Refusal> {
        if self.stopping {
            return Err(Refusal::Stopping);
        }
        if solution.seed != self.seed {
            return Err(Refusal::AlreadySolved);
        }
        let mining_time = self.clock.elapsed(arrived_at);
        if !solution.hash.is_below(&self.curve.target_at(mining_time)) {
            let valid_in = self.curve.rising().map(|_| {
                self.curve.valid_from(&solution.hash).map(|valid_from| valid_from.saturating_sub(mining_time))
            });
            return Err(Refusal::BelowDifficulty { valid_in });
        }
        if self.arrivals.iter().any(|(_, entry)| entry.competitor.session == *session) {
            return Err(Refusal::InFlight);
        }
        match self.strikes.get(session) {
            Some(strikes) if arrived_at < strikes.until => {
                return Err(Refusal::Struck { retry_after: strikes.until - arrived_at });
            }
            _ => {}
        }
        let newcomers = || self.arrivals.iter().filter(|(_, entry)| !entry.proven).count();
        if !proven && self.newcomers.most() <= newcomers() {
            return Err(Refusal::Busy);
        }
        Ok(mining_time)
    }

    fn is_proven(&self, session: &SessionId, at: Duration) -> bool {
        self.proven.get(session).is_some_and(|until| at < *until)
    }

    /// Takes note that a session has shown work: a share that was right, or a win.
    pub(super) fn prove(&mut self, session: SessionId, now: Duration) {
        insert_within(&mut self.proven, MOST_PROVEN, session, now + PROVEN_FOR, |until| *until);
    }

    /// Takes the verdict on one submission and decides what follows from it.
    pub(super) fn settle(
        &mut self,
        ticket: Ticket,
        verdict: Verdict,
        now: Duration,
        fresh_seed: impl FnOnce() -> Seed,
        wall: SystemTime,
    ) -> Vec<Effect> {
        let (rejected, victory) = match self.arrivals.settle(ticket, matches!(verdict, Verdict::Valid)) {
            Settled::Waiting | Settled::Unknown => (None, None),
            Settled::Rejected(entry) => (Some(entry), None),
            Settled::Won { winner, losers, rejected } => (rejected, Some((winner, losers))),
        };
        let mut effects = Vec::new();
        if let Some(entry) = rejected {
            let refusal = match verdict {
                Verdict::Unverified(refusal) => refusal,
                Verdict::Valid | Verdict::FalseHash => {
                    if !entry.proven {
                        self.newcomers.deceived(now);
                    }
                    self.strike(entry.competitor.session, now);
                    Refusal::HashMismatch
                }
            };
            effects.push(Effect::Refuse(entry.answer, refusal));
        }
        if let Some((winner, losers)) = victory {
            let won = self.win(winner, losers, now, fresh_seed(), wall);
            effects.push(Effect::Event(Event::Won(Box::new(won))));
        }
        effects
    }

    fn win(
        &mut self,
        winner: Candidate,
        losers: Vec<Candidate>,
        now: Duration,
        next_seed: Seed,
        wall: SystemTime,
    ) -> Won {
        let difficulty = self.rule.difficulty();
        let outcome = if winner.competitor.counted {
            Outcome::Solved(winner.mining_time)
        } else {
            let age = winner.admitted_at.saturating_sub(self.opened_at);
            Outcome::SolvedUncounted { mining_time: winner.mining_time, age }
        };
        let solve_time = self.rule.solve_time(outcome).unwrap_or(winner.mining_time);
        let reason = self.rule.after_round(outcome);
        let win = Win {
            round: self.number,
            invite_code: InviteCode::derive(
                &self.secret,
                &winner.competitor.visitor,
                winner.solution.nonce,
                &winner.solution.seed,
            ),
            competitor: winner.competitor,
            solution: winner.solution,
            solve_time,
            difficulty,
            new_difficulty: self.rule.difficulty(),
            adjustment_reason: reason,
            at: wall,
        };
        self.prove(win.competitor.session.clone(), now);
        self.remember(win.clone());
        self.open_round(next_seed, now);
        Won {
            arrived_at: winner.admitted_at,
            announcement: self.announcement(ResetReason::Solved, Some(win.solve_time)),
            win,
            winner: winner.answer,
            losers: losers.into_iter().map(|entry| entry.answer).collect(),
        }
    }

    /// Keeps a win for its winner, and forgets the oldest of all when there are
    /// too many.
    fn remember(&mut self, win: Win) {
        let session = win.competitor.session.clone();
        self.winners.push_back(session.clone());
        self.wins.entry(session).or_default().push_back(win);
        if self.winners.len() <= REMEMBERED_WINS {
            return;
        }
        if let Some(oldest) = self.winners.pop_front()
            && let Entry::Occupied(mut wins) = self.wins.entry(oldest)
        {
            wins.get_mut().pop_front();
            if wins.get().is_empty() {
                wins.remove();
            }
        }
    }

    fn open_round(&mut self, seed: Seed, now: Duration) {
        self.number = self.number.next();
        self.seed = seed;
        self.curve = self.rule.curve();
        self.opened_at = now;
        self.clock.restart(now);
    }

    /// Has a session wait for a false hash. What it had shown counts no more.
    pub(super) fn strike(&mut self, session: SessionId, now: Duration) {
        self.proven.remove(&session);
        let count = self.strikes.get(&session).map_or(0, |strikes| strikes.count);
        let wait = FIRST_PENALTY * 2u32.saturating_pow(count.min(16));
        let strikes = Strikes { count: count + 1, until: now + wait.min(LONGEST_PENALTY) };
        insert_within(&mut self.strikes, MOST_STRUCK, session, strikes, |strikes| strikes.until);
    }

    /// What time alone brings about: a round nobody solved, a verification that
    /// hangs, a penalty that is served.
    pub(super) fn tick(
        &mut self,
        now: Duration,
        mut fresh_seed: impl FnMut() -> Seed,
        wall: SystemTime,
    ) -> Vec<Effect> {
        self.strikes.retain(|_, strikes| now < strikes.until + LONGEST_PENALTY);
        self.proven.retain(|_, until| now < *until);
        self.newcomers.recover(now);
        let overdue: Vec<Ticket> = self
            .arrivals
            .iter()
            .filter(|(_, entry)| entry.admitted_at + VERIFICATION_DEADLINE <= now)
            .map(|(ticket, _)| ticket)
            .collect();
        let mut effects: Vec<Effect> = Vec::new();
        for ticket in overdue {
            effects.extend(self.settle(
                ticket,
                Verdict::Unverified(Refusal::VerifierFailed),
                now,
                &mut fresh_seed,
                wall,
            ));
        }
        // Whoever arrived before the time-out is judged first.
        let timed_out = self.rule.time_out().is_some_and(|limit| limit <= self.clock.elapsed(now));
        if timed_out && self.pending() == 0 {
            effects.push(self.expire(fresh_seed(), now));
        }
        effects
    }

    fn expire(&mut self, seed: Seed, now: Duration) -> Effect {
        let reason = self.rule.after_round(Outcome::TimedOut);
        self.open_round(seed, now);
        Effect::Event(Event::Expired { announcement: self.announcement(ResetReason::Timeout, None), reason })
    }
}

/// How a verification ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    /// The claimed hash is the real one.
    Valid,
    /// It is not: the claim was a lie or a broken miner's.
    FalseHash,
    /// The hash was never computed, through no fault of the client.
    Unverified(Refusal),
}
