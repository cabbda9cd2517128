//! The end of a round, or a change of the drop, on its way to the disk, and what it has
//! come to.

use super::{
    Moment, OrderError, State,
    decision::{Conclusion, Effect, Won},
    ending::{Beside, Ending, Late, NextRound, Outcome as End},
    turning::reset_reason,
};
use crate::{
    ledger::{WallTime, rows::Quota},
    race::submission::Refusal,
};
use puzzle::{drop::Drop, rule::Rule};
use std::time::Duration;

impl State {
    /// Begins to end the round, or to change the drop.
    pub(super) fn end(
        &mut self,
        outcome: End,
        rule: Rule,
        next: Option<NextRound>,
        drop: Drop,
        beside: Beside,
        moment: Moment,
    ) -> Effect {
        let now = moment.now;
        let running = self.giving.drop.state().is_open().then(|| self.clock.elapsed(now));
        let ending = Ending { outcome, rule, next, drop, began_at: now, late: Late::default() };
        let mut transaction = ending.transaction(self.number, running, beside, self.cost);
        if let End::Won { win, .. } = &ending.outcome {
            transaction.extend((self.with_win.0)(win));
        }
        // After the win that brought it about: whoever is told hears of them in this order.
        if ending.drop.state() != self.giving.drop.state() {
            transaction.extend((self.with_turn.0)(&ending.drop));
        }
        self.ending = Some(ending);
        Effect::Commit(transaction)
    }

    /// What was decided is durable since `at`.
    pub(in crate::race) fn concluded(&mut self, now: Duration, at: WallTime) -> Option<Conclusion> {
        let Ending { outcome, rule, next, drop, late, .. } = self.ending.take()?;
        let late = late.into_answers();
        self.rule = rule;
        self.giving.drop = drop;
        if let End::Won { win, .. } = &outcome {
            self.giving.won(&win.competitor, at);
        }
        // Somebody may have made the list longer meanwhile.
        self.giving.drop = self.giving.drop.with_listed(self.giving.codes.left());
        if let Some(NextRound { seed, curve, reason }) = next {
            self.number = self.number.next();
            (self.seed, self.curve, self.reason) = (seed, curve, reset_reason(reason));
            self.opened_at = now;
            self.age_at_start = Duration::ZERO;
            self.clock.restart(now);
        }
        Some(match outcome {
            End::Won { win, winner, mut losers } => {
                self.standing.prove(win.competitor.session.clone(), now);
                losers.extend(late);
                let announcement = self.announcement(Some(win.solve_time));
                Conclusion::Won(Box::new(Won { win: *win, winner, losers, announcement }))
            }
            End::Expired { reason } => {
                let announcement = self.announcement(None);
                Conclusion::Expired { announcement, reason, late }
            }
            End::Turned(turning) => {
                // They are told what the drop has come to; of an open one they may try again.
                let refusal = self.giving.closed(at).unwrap_or(Refusal::Busy);
                let announcement = self.announcement(None);
                Conclusion::Turned { announcement, turning, late, refusal }
            }
        })
    }

    /// What was decided could not be written down: the round goes on as if nobody had
    /// handed anything in. `quota` is by what the ledger refused the win, if it did.
    pub(in crate::race) fn not_concluded(&mut self, quota: Option<(Quota, Option<WallTime>)>) -> Option<Conclusion> {
        let Ending { outcome, late, .. } = self.ending.take()?;
        let mut answers = late.into_answers();
        let mut refused = None;
        match outcome {
            End::Won { winner, losers, .. } => {
                match quota {
                    Some((quota, until)) => refused = Some((winner, Refusal::QuotaReached { quota, until })),
                    None => answers.push(winner),
                }
                answers.extend(losers);
            }
            End::Expired { .. } => {}
            End::Turned(turning) => {
                if let Some(answer) = turning.answer {
                    let _ = answer.send(Err(OrderError::StorageUnavailable));
                }
            }
        }
        // The hashes of these may be as good as the winner's, and the store is no better.
        answers.extend(self.arrivals.clear().into_iter().map(|entry| entry.answer));
        Some(Conclusion::Failed { answers, refused })
    }
}
