//! The decisions of the race, as one value without threads, clocks or input and
//! output: what may take part, who has won, what the next round is.
//!
//! A round does not end by a decision alone. The decision makes a transaction, and the
//! round is over when that is durable ([`State::concluded`]); until then it stays as it
//! was, and nobody else can win it. If it cannot be written the round goes on
//! ([`State::not_concluded`]).
//!
//! [`super::Race`] keeps it behind a lock and carries out what it decides.

mod checks;
mod concluding;
mod decision;
mod ending;
mod giving;
mod newcomers;
mod order;
mod quotas;
mod standing;
mod turning;

use super::{
    settings::RaceSettings,
    submission::{Answer, Competitor, Refusal, Solution},
    win::{Announcement, Win, WithTurn, WithWin},
};
use crate::ledger::{WallTime, body::OpenReason};
use app::wire::ResetReason;
pub(super) use decision::{Conclusion, Effect, Job, Verdict, Won};
pub(super) use ending::expired;
pub(super) use giving::{CodeSource, Giving, since_1970, wall_time};
pub use order::{DropOrder, OrderError};
pub(super) use quotas::Quotas;
pub(super) use standing::Standing;

use decision::Candidate;
use ending::{Beside, Ending, NextRound, Outcome as End};
use newcomers::Newcomers;
use order::Ordered;
use puzzle::{
    Challenge, Cost, Curve, RoundNumber, Seed, Ticket,
    arrival::{Arrivals, Settled},
    mining_clock::MiningClock,
    rule::{Outcome, Rule},
};
use std::time::Duration;

/// A verification that has not ended by then counts as failed and frees its place.
pub(super) const VERIFICATION_DEADLINE: Duration = Duration::from_secs(60);

/// A round whose end is not written by then: whoever did not win it is told to come
/// again, and nobody else is let in until it is known what became of it.
pub(super) const COMMIT_LIMIT: Duration = Duration::from_secs(2);

/// One network may have half of the places for submissions, and so many at least where
/// there are few.
const LEAST_OF_A_NETWORK: usize = 16;

/// The race: the single state that decides.
#[derive(Debug)]
pub(super) struct State {
    rule: Rule,
    cost: Cost,
    with_win: WithWin,
    with_turn: WithTurn,
    giving: Giving,
    /// The newest round. It runs while the drop is open; otherwise it is over, and what
    /// stands here of it counts for nothing.
    number: RoundNumber,
    seed: Seed,
    curve: Curve,
    /// When the round began …
    opened_at: Duration,
    /// … and how old it was then: more than nothing after a restart.
    age_at_start: Duration,
    clock: MiningClock,
    /// The last ticket that was given.
    ticket: Ticket,
    arrivals: Arrivals<Candidate>,
    /// What becomes of the round, while that is being written down.
    ending: Option<Ending>,
    /// What an operator wants, until everybody who came before is judged.
    ordered: Option<Ordered>,
    /// Why the newest round began.
    reason: ResetReason,
    standing: Standing,
    newcomers: Newcomers,
    /// How many submissions of one network may be verified or wait for it at once.
    most_of_a_network: usize,
    stopping: bool,
}

/// A moment, on both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// By the clock that only goes on.
    pub(super) now: Duration,
    /// By the time of day.
    pub(super) wall: WallTime,
}

/// A round as the race takes it up.
#[derive(Debug)]
pub(super) struct Resumed {
    /// The rule with what it has learnt.
    pub(super) rule: Rule,
    pub(super) number: RoundNumber,
    pub(super) seed: Seed,
    pub(super) curve: Curve,
    /// The mining time it has gathered.
    pub(super) mining_time: Duration,
    /// How long ago it was opened.
    pub(super) age: Duration,
    /// The last ticket that was given.
    pub(super) ticket: Ticket,
    /// What is given out.
    pub(super) giving: Giving,
}

impl State {
    pub(super) fn new(
        resumed: Resumed,
        standing: Standing,
        settings: &RaceSettings,
        with_win: WithWin,
        with_turn: WithTurn,
        now: Duration,
    ) -> Self {
        let RaceSettings { cost, verify_queue, .. } = *settings;
        let Resumed { rule, number, seed, curve, mining_time, age, ticket, giving } = resumed;
        Self {
            rule,
            cost,
            with_win,
            with_turn,
            giving,
            number,
            seed,
            curve,
            opened_at: now,
            age_at_start: age,
            clock: MiningClock::resumed(mining_time),
            ticket,
            arrivals: Arrivals::default(),
            ending: None,
            ordered: None,
            reason: ResetReason::Operator,
            standing,
            newcomers: Newcomers::default(),
            most_of_a_network: (verify_queue / 2).max(LEAST_OF_A_NETWORK),
            stopping: false,
        }
    }

    /// The state as everybody is told it. `solve_time` is what the round before was judged
    /// by, if it was won.
    pub(super) fn announcement(&self, solve_time: Option<Duration>) -> Announcement {
        Announcement {
            round: self.number,
            seed: self.seed,
            curve: self.curve,
            difficulty: self.rule.difficulty(),
            cost: self.cost,
            reason: self.reason,
            solve_time,
            drop: self.giving.drop,
        }
    }

    /// Why nobody can win anything at this moment, whoever it is.
    pub(super) fn closed(&self, wall: WallTime) -> Option<Refusal> {
        self.giving.closed(wall)
    }

    /// What is given out.
    pub(super) const fn giving(&mut self) -> &mut Giving {
        &mut self.giving
    }

    /// So many codes were taken back: they count as not given out, also in what is just
    /// being written down.
    pub(super) fn take_back(&mut self, codes: u64) {
        self.giving.drop = self.giving.drop.with_returned(codes);
        if let Some(ending) = &mut self.ending {
            ending.drop = ending.drop.with_returned(codes);
        }
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

    pub(super) fn stop(&mut self) {
        self.stopping = true;
    }

    #[cfg(all(test, not(feature = "model-check")))]
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// True while the end of the round is being written down.
    #[cfg(all(test, not(feature = "model-check")))]
    pub(super) fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    /// True while an operator's order waits.
    #[cfg(all(test, not(feature = "model-check")))]
    pub(super) fn has_order(&self) -> bool {
        self.ordered.is_some()
    }

    /// True while `ticket` can still win.
    pub(super) fn is_pending(&self, ticket: Ticket) -> bool {
        self.arrivals.contains(ticket)
    }

    /// How many wait for a verdict, or for what was decided to be written down.
    pub(super) fn pending(&self) -> usize {
        self.arrivals.iter().count() + usize::from(self.ending.is_some())
    }

    /// When the oldest submission arrived that has no verdict yet.
    pub(super) fn oldest_pending(&self) -> Option<Duration> {
        self.arrivals.iter().map(|(_, entry)| entry.admitted_at).min()
    }

    /// What sessions have shown and what they have to wait for.
    pub(super) fn standing(&mut self) -> &mut Standing {
        &mut self.standing
    }

    /// Makes every check that costs nothing, in the protocol's order, and puts the
    /// submission in its place: its ticket and the round's mining time are taken here,
    /// as one, at the moment `now`. `counted` says whether its session mines.
    pub(super) fn admit(
        &mut self,
        competitor: &Competitor,
        counted: bool,
        solution: Solution,
        answer: Answer,
        storage_works: bool,
        moment: Moment,
    ) -> Result<Option<Job>, (Answer, Refusal)> {
        let now = moment.now;
        let proven = self.standing.is_proven(&competitor.session, now);
        let mining_time = match self.check(moment, competitor, proven, &solution) {
            Err(refusal) => return Err((answer, refusal)),
            Ok(_) if !storage_works => return Err((answer, Refusal::StorageUnavailable)),
            Ok(mining_time) => mining_time,
        };
        if let Some(ending) = &mut self.ending {
            // Somebody who came before has won, as soon as that is written down.
            if ending.began_at + COMMIT_LIMIT <= now {
                return Err((answer, Refusal::StorageUnavailable));
            }
            return ending.late.push(competitor.address, answer).map(|()| None);
        }
        let challenge = Challenge::new(&self.seed, &competitor.visitor, &competitor.trace);
        self.ticket = Ticket(self.ticket.0 + 1);
        let candidate = Candidate {
            ticket: self.ticket,
            proven,
            competitor: competitor.clone(),
            counted,
            solution,
            admitted_at: now,
            mining_time,
            answer,
        };
        self.arrivals.admit(self.ticket, candidate);
        Ok(Some(Job { ticket: self.ticket, proven, challenge, solution }))
    }

    /// Takes the verdict on one submission and decides what follows from it.
    pub(super) fn settle(
        &mut self,
        ticket: Ticket,
        verdict: Verdict,
        moment: Moment,
        fresh_seed: impl FnOnce() -> Seed,
    ) -> Vec<Effect> {
        let now = moment.now;
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
                        self.newcomers.deceived(entry.competitor.address.into(), now);
                    }
                    self.standing.strike(entry.competitor.session, now);
                    Refusal::HashMismatch
                }
            };
            effects.push(Effect::Refuse(entry.answer, refusal));
        }
        if let Some((winner, losers)) = victory {
            effects.extend(self.win(winner, losers, moment, fresh_seed()));
        }
        effects
    }

    fn win(&mut self, winner: Candidate, losers: Vec<Candidate>, moment: Moment, next_seed: Seed) -> Vec<Effect> {
        let Some((invite_code, code)) = self.giving.code_for(&winner.competitor, &winner.solution, self.number) else {
            let refused = [winner].into_iter().chain(losers).map(|entry| entry.answer);
            return refused.map(|answer| Effect::Refuse(answer, Refusal::Busy)).collect();
        };
        let outcome = if winner.counted {
            Outcome::Solved(winner.mining_time)
        } else {
            let age = self.age_at_start + winner.admitted_at.saturating_sub(self.opened_at);
            Outcome::SolvedUncounted { mining_time: winner.mining_time, age }
        };
        let mut rule = self.rule.clone();
        let reason = rule.after_round(outcome);
        let beside_win = (self.giving.quota_of(&winner.competitor), code);
        let win = Win {
            round: self.number,
            ticket: winner.ticket,
            invite_code,
            expires_at: self.giving.expires_at(moment.wall),
            solve_time: self.rule.solve_time(outcome).unwrap_or(winner.mining_time),
            mining_time: winner.mining_time,
            competitor: winner.competitor,
            solution: winner.solution,
            difficulty: self.rule.difficulty(),
            new_difficulty: rule.difficulty(),
            adjustment_reason: reason,
            arrived_at: winner.admitted_at,
        };
        let after = self.giving.drop.after_win();
        let (quota, code) = beside_win;
        let drop = (!after.state().is_open()).then(|| self.giving.entry(&after, "Every code is given out".to_owned()));
        let curve = rule.curve();
        let next = after.state().is_open().then_some(NextRound { seed: next_seed, curve, reason: OpenReason::Solved });
        let outcome = End::Won {
            win: Box::new(win),
            winner: winner.answer,
            losers: losers.into_iter().map(|entry| entry.answer).collect(),
        };
        vec![self.end(outcome, rule, next, after, Beside { quota, code, drop }, moment)]
    }

    /// What time alone brings about: a round nobody solved, a verification that
    /// hangs, a penalty that is served, an end that cannot be written down; and what an
    /// operator wants.
    pub(super) fn tick(&mut self, moment: Moment, mut fresh_seed: impl FnMut() -> Seed) -> Vec<Effect> {
        let now = moment.now;
        self.standing.forget(now);
        self.newcomers.recover(now);
        let overdue: Vec<Ticket> = self
            .arrivals
            .iter()
            .filter(|(_, entry)| entry.admitted_at + VERIFICATION_DEADLINE <= now)
            .map(|(ticket, _)| ticket)
            .collect();
        let mut effects: Vec<Effect> = Vec::new();
        for ticket in overdue {
            effects.extend(self.settle(ticket, Verdict::Unverified(Refusal::VerifierFailed), moment, &mut fresh_seed));
        }
        if let Some(ending) = &mut self.ending {
            let is_late = ending.began_at + COMMIT_LIMIT <= now;
            let tired = if is_late { ending.dismiss() } else { Vec::new() };
            effects.extend(tired.into_iter().map(|answer| Effect::Refuse(answer, Refusal::StorageUnavailable)));
            return effects;
        }
        // Whoever arrived before the time-out, or before the drop changes, is judged first.
        if self.pending() != 0 || self.stopping {
            return effects;
        }
        if let Some(effect) = self.turn(moment, &mut fresh_seed) {
            effects.push(effect);
            return effects;
        }
        let timed_out = self.rule.time_out().is_some_and(|limit| limit <= self.clock.elapsed(now));
        if timed_out && self.giving.drop.state().is_open() {
            let mut rule = self.rule.clone();
            let reason = rule.after_round(Outcome::TimedOut);
            let next = NextRound { seed: fresh_seed(), curve: rule.curve(), reason: OpenReason::Timeout };
            let drop = self.giving.drop;
            effects.push(self.end(End::Expired { reason }, rule, Some(next), drop, Beside::default(), moment));
        }
        effects
    }
}
