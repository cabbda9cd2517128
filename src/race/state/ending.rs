//! A round that ends: what was decided, and the transaction that makes it so.

use crate::{
    ledger::{
        Body, Transaction,
        body::{Expired, OpenReason},
    },
    race::{
        entries::{estimate, opened, won},
        submission::Answer,
        win::Win,
    },
};
use puzzle::{Cost, Curve, RoundNumber, Seed, rule::Rule};
use std::time::Duration;

/// A round whose end is being written down.
#[derive(Debug)]
pub(super) struct Ending {
    /// How it ends.
    pub(super) outcome: Outcome,
    /// The round after it.
    pub(super) next: NextRound,
    /// When that was decided.
    pub(super) began_at: Duration,
    /// Whoever has handed something in since.
    pub(super) late: Vec<Answer>,
}

/// How a round ends.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Somebody wins.
    Won {
        /// All about it.
        win: Box<Win>,
        /// The way back to the winner.
        winner: Answer,
        /// Those who came later.
        losers: Vec<Answer>,
    },
    /// Nobody has won in time.
    Expired {
        /// How the round was judged, in words.
        reason: String,
    },
}

/// The round that is opened by the same transaction.
#[derive(Debug)]
pub(super) struct NextRound {
    /// The rule, with what it has learnt.
    pub(super) rule: Rule,
    pub(super) seed: Seed,
    pub(super) curve: Curve,
}

impl Ending {
    /// Those who have not won and need not wait for what becomes of it.
    pub(super) fn dismiss(&mut self) -> Vec<Answer> {
        let mut answers = std::mem::take(&mut self.late);
        if let Outcome::Won { losers, .. } = &mut self.outcome {
            answers.append(losers);
        }
        answers
    }
}

impl NextRound {
    /// The round that the rule makes after all it has learnt.
    pub(super) fn of(rule: Rule, seed: Seed) -> Self {
        Self { curve: rule.curve(), rule, seed }
    }
}

impl Outcome {
    /// What makes the end of round `number` and the beginning of the next one durable.
    pub(super) fn transaction(
        &self,
        number: RoundNumber,
        mining_time: Duration,
        next: &NextRound,
        cost: Cost,
    ) -> Transaction {
        let estimate = estimate(&next.rule);
        let (body, reason) = match self {
            Self::Won { win, .. } => (Body::Won(Box::new(won(win, estimate))), OpenReason::Solved),
            Self::Expired { reason } => {
                let expired = Expired { reason: reason.clone(), mining_time, estimate };
                (Body::Expired(expired), OpenReason::Timeout)
            }
        };
        let transaction = Transaction::new().append(number, body);
        transaction.append(number.next(), Body::Opened(opened(&next.rule, next.seed, next.curve, cost, reason)))
    }
}
