//! A round that ends, or a drop that changes: what was decided, and the transaction that
//! makes it so.

use super::order::Turning;
use crate::{
    gate::network::Network,
    ledger::{
        Body, Change, Transaction,
        body::{DropChange, Expired, OpenReason},
        rows::WinQuota,
    },
    race::{
        entries::{estimate, opened, won},
        submission::{Answer, Refusal},
        win::Win,
    },
};
use puzzle::{Cost, Curve, RoundNumber, Seed, drop::Drop, rule::Rule};
use std::{net::IpAddr, time::Duration};

/// What is being written down.
#[derive(Debug)]
pub(super) struct Ending {
    /// What happens.
    pub(super) outcome: Outcome,
    /// The rule, with what it has learnt.
    pub(super) rule: Rule,
    /// The round that is opened; none if the drop is not open then.
    pub(super) next: Option<NextRound>,
    /// The drop as it is then.
    pub(super) drop: Drop,
    /// When that was decided.
    pub(super) began_at: Duration,
    /// Whoever has handed something in since.
    pub(super) late: Late,
}

/// Those who come while the end of a round is written down, and wait for that.
#[derive(Debug, Default)]
pub(super) struct Late(Vec<(Network, Answer)>);

/// What happens.
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
    /// The drop changes by itself or by an operator.
    Turned(Turning),
}

/// The round that is opened by the same transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct NextRound {
    pub(super) seed: Seed,
    pub(super) curve: Curve,
    pub(super) reason: OpenReason,
}

/// What a transaction says beside the outcome.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// How the winner is limited.
    pub(super) quota: Option<WinQuota>,
    /// What takes the code from the list.
    pub(super) code: Option<Change>,
    /// The drop's new state.
    pub(super) drop: Option<DropChange>,
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

    /// What makes it durable. `running` is the round that is running, with the mining time
    /// that it has gathered; `newest` the newest round, running or not.
    pub(super) fn transaction(
        &self,
        newest: RoundNumber,
        running: Option<Duration>,
        beside: Beside,
        cost: Cost,
    ) -> Transaction {
        let learnt = estimate(&self.rule);
        let Beside { quota, code, drop } = beside;
        let mut transaction = Transaction::new();
        transaction.extend(quota.map(Change::RequireQuota));
        transaction.extend(code);
        let ended = |reason: &str| running.map(|mining_time| expired(reason, mining_time, &self.rule));
        match &self.outcome {
            Outcome::Won { win, .. } => {
                transaction = transaction.append(newest, Body::Won(Box::new(won(win, learnt))));
            }
            Outcome::Expired { reason } => {
                if let Some(expired) = ended(reason) {
                    transaction = transaction.append(newest, expired);
                }
            }
            Outcome::Turned(turning) => {
                if let Some(action) = &turning.action {
                    transaction = transaction.append(newest, Body::Operator(action.clone()));
                }
                if let Some(expired) = ended(&turning.reason).filter(|_| !self.drop.state().is_open()) {
                    transaction = transaction.append(newest, expired);
                }
            }
        }
        if let Some(drop) = drop {
            transaction = transaction.append(newest, Body::Drop(drop));
        }
        if let Some(NextRound { seed, curve, reason }) = self.next {
            let opened = opened(&self.rule, seed, curve, cost, reason);
            transaction = transaction.append(newest.next(), Body::Opened(opened));
        }
        transaction
    }
}

/// The entry of a round that nobody has won.
pub(crate) fn expired(reason: &str, mining_time: Duration, rule: &Rule) -> Body {
    Body::Expired(Expired { reason: reason.to_owned(), mining_time, estimate: estimate(rule) })
}
