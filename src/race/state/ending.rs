//! A round that ends: what was decided, and the transaction that makes it so.

use crate::{
    gate::network::Network,
    ledger::{
        Body, Transaction,
        body::{Expired, OpenReason},
    },
    race::{
        entries::{estimate, opened, won},
        submission::{Answer, Refusal},
        win::Win,
    },
};
use puzzle::{Cost, Curve, RoundNumber, Seed, rule::Rule};
use std::{net::IpAddr, time::Duration};

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
    pub(super) late: Late,
}

/// Those who come while the end of a round is written down, and wait for that.
#[derive(Debug, Default)]
pub(super) struct Late(Vec<(Network, Answer)>);

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

impl Late {
    /// So many may wait; half of them at most may be of one network.
    pub(super) const MOST: usize = 4096;

    /// One more waits.
    ///
    /// # Errors
    /// [`Refusal::Busy`], [`Refusal::TooManyFromAddress`].
    pub(super) fn push(&mut self, address: IpAddr, answer: Answer) -> Result<(), (Answer, Refusal)> {
        let network = Network::from(address).widest();
        if Self::MOST <= self.0.len() {
            return Err((answer, Refusal::Busy));
        }
        if Self::MOST / 2 <= self.0.iter().filter(|(other, _)| *other == network).count() {
            return Err((answer, Refusal::TooManyFromAddress { retry_after: Duration::from_secs(1) }));
        }
        self.0.push((network, answer));
        Ok(())
    }

    /// The ways back to all of them.
    pub(super) fn into_answers(self) -> Vec<Answer> {
        self.0.into_iter().map(|(_, answer)| answer).collect()
    }
}

impl Ending {
    /// Those who have not won and need not wait for what becomes of it.
    pub(super) fn dismiss(&mut self) -> Vec<Answer> {
        let mut answers = std::mem::take(&mut self.late).into_answers();
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
