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
mod decision;
mod ending;
mod newcomers;
mod standing;

use super::{
    settings::RaceSettings,
    submission::{Answer, Competitor, Refusal, Solution},
    win::{Announcement, Win, WithWin},
};
use app::wire::ResetReason;
pub(super) use decision::{Conclusion, Effect, Job, Verdict, Won};
pub(super) use standing::Standing;

use decision::Candidate;
use ending::{Ending, Late, NextRound, Outcome as End};
use newcomers::Newcomers;
use puzzle::{
    Challenge, Cost, Curve, RoundNumber, Seed, Ticket,
    arrival::{Arrivals, Settled},
    invite_code::{CodeSecret, InviteCode},
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
    secret: CodeSecret,
    with_win: WithWin,
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
    standing: Standing,
    newcomers: Newcomers,
    /// How many submissions of one network may be verified or wait for it at once.
    most_of_a_network: usize,
    stopping: bool,
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
}

impl State {
    pub(super) fn new(
        resumed: Resumed,
        standing: Standing,
        settings: RaceSettings,
        with_win: WithWin,
        now: Duration,
    ) -> Self {
        let RaceSettings { cost, secret, verify_queue, .. } = settings;
        let Resumed { rule, number, seed, curve, mining_time, age, ticket } = resumed;
        Self {
            rule,
            cost,
            secret,
            with_win,
            number,
            seed,
            curve,
            opened_at: now,
            age_at_start: age,
            clock: MiningClock::resumed(mining_time),
            ticket,
            arrivals: Arrivals::default(),
            ending: None,
            standing,
            newcomers: Newcomers::default(),
            most_of_a_network: (verify_queue / 2).max(LEAST_OF_A_NETWORK),
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
        now: Duration,
    ) -> Result<Option<Job>, (Answer, Refusal)> {
        let proven = self.standing.is_proven(&competitor.session, now);
        let mining_time = match self.check(now, competitor, proven, &solution) {
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
        now: Duration,
        fresh_seed: impl FnOnce() -> Seed,
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
                        self.newcomers.deceived(entry.competitor.address.into(), now);
                    }
                    self.standing.strike(entry.competitor.session, now);
                    Refusal::HashMismatch
                }
            };
            effects.push(Effect::Refuse(entry.answer, refusal));
        }
        if let Some((winner, losers)) = victory {
            effects.push(self.win(winner, losers, now, fresh_seed()));
        }
        effects
    }

    fn win(&mut self, winner: Candidate, losers: Vec<Candidate>, now: Duration, next_seed: Seed) -> Effect {
        let outcome = if winner.counted {
            Outcome::Solved(winner.mining_time)
        } else {
            let age = self.age_at_start + winner.admitted_at.saturating_sub(self.opened_at);
            Outcome::SolvedUncounted { mining_time: winner.mining_time, age }
        };
        let mut rule = self.rule.clone();
        let reason = rule.after_round(outcome);
        let (visitor, solution) = (&winner.competitor.visitor, winner.solution);
        let win = Win {
            round: self.number,
            ticket: winner.ticket,
            invite_code: InviteCode::derive(&self.secret, visitor, solution.nonce, &solution.seed),
            solve_time: self.rule.solve_time(outcome).unwrap_or(winner.mining_time),
            mining_time: winner.mining_time,
            competitor: winner.competitor,
            solution,
            difficulty: self.rule.difficulty(),
            new_difficulty: rule.difficulty(),
            adjustment_reason: reason,
            arrived_at: winner.admitted_at,
        };
        self.end(
            End::Won {
                win: Box::new(win),
                winner: winner.answer,
                losers: losers.into_iter().map(|entry| entry.answer).collect(),
            },
            NextRound::of(rule, next_seed),
            now,
        )
    }

    /// What time alone brings about: a round nobody solved, a verification that
    /// hangs, a penalty that is served, an end that cannot be written down.
    pub(super) fn tick(&mut self, now: Duration, mut fresh_seed: impl FnMut() -> Seed) -> Vec<Effect> {
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
            effects.extend(self.settle(ticket, Verdict::Unverified(Refusal::VerifierFailed), now, &mut fresh_seed));
        }
        if let Some(ending) = &mut self.ending {
            let is_late = ending.began_at + COMMIT_LIMIT <= now;
            let tired = if is_late { ending.dismiss() } else { Vec::new() };
            effects.extend(tired.into_iter().map(|answer| Effect::Refuse(answer, Refusal::StorageUnavailable)));
            return effects;
        }
        // Whoever arrived before the time-out is judged first.
        let timed_out = self.rule.time_out().is_some_and(|limit| limit <= self.clock.elapsed(now));
        if timed_out && self.pending() == 0 && !self.stopping {
            let mut rule = self.rule.clone();
            let reason = rule.after_round(Outcome::TimedOut);
            effects.push(self.end(End::Expired { reason }, NextRound::of(rule, fresh_seed()), now));
        }
        effects
    }

    /// Begins to end the round.
    fn end(&mut self, outcome: End, next: NextRound, now: Duration) -> Effect {
        let mining_time = self.clock.elapsed(now);
        let mut transaction = outcome.transaction(self.number, mining_time, &next, self.cost);
        if let End::Won { win, .. } = &outcome {
            transaction.extend((self.with_win.0)(win));
        }
        self.ending = Some(Ending { outcome, next, began_at: now, late: Late::default() });
        Effect::Commit(transaction)
    }

    /// What was decided is durable: the next round is open.
    pub(super) fn concluded(&mut self, now: Duration) -> Option<Conclusion> {
        let Ending { outcome, next, late, .. } = self.ending.take()?;
        let late = late.into_answers();
        self.number = self.number.next();
        self.seed = next.seed;
        self.curve = next.curve;
        self.rule = next.rule;
        self.opened_at = now;
        self.age_at_start = Duration::ZERO;
        self.clock.restart(now);
        Some(match outcome {
            End::Won { win, winner, mut losers } => {
                self.standing.prove(win.competitor.session.clone(), now);
                losers.extend(late);
                let announcement = self.announcement(ResetReason::Solved, Some(win.solve_time));
                Conclusion::Won(Box::new(Won { win: *win, winner, losers, announcement }))
            }
            End::Expired { reason } => {
                let announcement = self.announcement(ResetReason::Timeout, None);
                Conclusion::Expired { announcement, reason, late }
            }
        })
    }

    /// What was decided could not be written down: the round goes on as if nobody had
    /// handed anything in.
    pub(super) fn not_concluded(&mut self) -> Option<Conclusion> {
        let Ending { outcome, late, .. } = self.ending.take()?;
        let mut answers = late.into_answers();
        if let End::Won { winner, losers, .. } = outcome {
            answers.push(winner);
            answers.extend(losers);
        }
        // The hashes of these may be as good as the winner's, and the store is no better.
        answers.extend(self.arrivals.clear().into_iter().map(|entry| entry.answer));
        Some(Conclusion::Failed(answers))
    }
}
