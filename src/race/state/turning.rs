//! The drop as it changes: by time and supply, or because an operator wants it.
//!
//! Whoever handed something in before is judged first: a change waits for that, and
//! nobody is admitted meanwhile.

use super::{
    Moment, State,
    decision::Effect,
    ending::{Beside, NextRound, Outcome},
    giving::since_1970,
    order::{DropOrder, OrderAnswer, OrderError, Ordered, Turning},
};
use crate::ledger::body::{OpenReason, OperatorAction};
use app::wire::ResetReason;
use puzzle::{
    Seed,
    drop::{Drop, DropState, Opening, Order, Step},
};

impl State {
    /// Takes an order, which is carried out when everybody who came before is judged.
    pub(crate) fn order(&mut self, order: DropOrder, who: String, why: String, answer: OrderAnswer, moment: Moment) {
        let refused = if self.stopping {
            Some(OrderError::Stopping)
        } else if self.ordered.is_some() {
            Some(OrderError::Busy)
        } else {
            self.outcome_of(order, moment).err()
        };
        match refused {
            Some(error) => drop(answer.send(Err(error))),
            None => self.ordered = Some(Ordered { order, who, why, answer }),
        }
    }

    /// The drop as the order wants it.
    fn outcome_of(&self, order: DropOrder, moment: Moment) -> Result<Drop, OrderError> {
        let (drop, now) = (self.giving.drop, since_1970(moment.wall));
        match order {
            DropOrder::State(order) => {
                let (step, rules) = drop.obey(order, now)?;
                Ok(drop.after(step, rules))
            }
            DropOrder::Rules(rules) => {
                rules.validate()?;
                // What the rules bring about is one with them: whoever raises the supply of
                // a drop that is sold out has opened it when that is answered.
                Ok(drop.governed_by(rules, now).settled(now))
            }
        }
    }

    /// What an operator, time and supply bring about; to be asked when nobody's
    /// submission is open and nothing is being written down.
    pub(super) fn turn(&mut self, moment: Moment, fresh_seed: impl FnOnce() -> Seed) -> Option<Effect> {
        if let Some(ordered) = self.ordered.take() {
            return self.carry_out(ordered, moment, fresh_seed);
        }
        let before = self.giving.drop;
        let step = before.due(since_1970(moment.wall))?;
        let turning = Turning { reason: words_of(step).to_owned(), action: None, answer: None };
        Some(self.turn_to(before.after(step, *before.rules()), turning, moment, fresh_seed))
    }

    fn carry_out(&mut self, ordered: Ordered, moment: Moment, fresh_seed: impl FnOnce() -> Seed) -> Option<Effect> {
        let Ordered { order, who, why, answer } = ordered;
        let after = match self.outcome_of(order, moment) {
            Ok(after) => after,
            Err(error) => {
                let _ = answer.send(Err(error));
                return None;
            }
        };
        let before = self.giving.drop;
        let what = match order {
            DropOrder::State(Order::Pause) => "pause the drop",
            DropOrder::State(Order::Resume) => "resume the drop",
            DropOrder::State(Order::Open) => "open the drop",
            DropOrder::State(Order::Close) => "close the drop",
            DropOrder::Rules(_) => "change the rules of the drop",
        };
        let action = OperatorAction {
            who,
            what: what.to_owned(),
            before: description(&before),
            after: description(&after),
            why,
        };
        let reason = format!("An operator wanted to {what}");
        let turning = Turning { reason, action: Some(action), answer: Some(answer) };
        Some(self.turn_to(after, turning, moment, fresh_seed))
    }

    fn turn_to(&mut self, after: Drop, turning: Turning, moment: Moment, fresh_seed: impl FnOnce() -> Seed) -> Effect {
        let before = self.giving.drop;
        let opening = Step { from: before.state(), to: after.state() }.opening();
        let curve = self.rule.curve();
        let next = opening.map(|opening| NextRound { seed: fresh_seed(), curve, reason: opening.into() });
        let beside = Beside { drop: Some(self.giving.entry(&after, turning.reason.clone())), ..Beside::default() };
        self.end(Outcome::Turned(turning), self.rule.clone(), next, after, beside, moment)
    }
}

/// Why a drop changes by itself, in words.
const fn words_of(step: Step) -> &'static str {
    match step.to {
        DropState::Open => match step.opening() {
            Some(Opening::Reopened) => "There are codes again",
            _ => "Its time has come",
        },
        DropState::Closed => "Its time is over",
        DropState::SoldOut => "Every code is given out",
        DropState::Scheduled | DropState::Paused => "An operator wanted it",
    }
}

/// A drop as an operator's action tells it: its state and its rules.
fn description(drop: &Drop) -> String {
    // Our own type with finite numbers: serialising it cannot fail.
    let rules = serde_json::to_string(drop.rules()).unwrap_or_default();
    let state = drop.state().reason().unwrap_or_else(|| drop.state().name());
    format!("{state} {rules}")
}

/// How people are told why a round has begun.
pub(crate) const fn reset_reason(reason: OpenReason) -> ResetReason {
    match reason {
        OpenReason::Solved => ResetReason::Solved,
        OpenReason::Timeout => ResetReason::Timeout,
        OpenReason::First | OpenReason::Operator => ResetReason::Operator,
        OpenReason::Opened => ResetReason::Opened,
        OpenReason::Resumed => ResetReason::Resumed,
        OpenReason::Reopened => ResetReason::Reopened,
    }
}
