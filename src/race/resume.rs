//! How the race begins: with the round that the ledger remembers, or with the first.

use super::{
    entries::{estimate as estimate_entry, opened as opened_entry},
    settings::RaceSettings,
    state::Resumed,
};
use crate::ledger::{
    Body, CommitError, Ledger, Transaction, WallTime,
    body::{Estimate, Expired, OpenReason},
    rows::{Recovered, RecoveredRound, RoundState},
};
use puzzle::{
    Difficulty, RoundNumber, Seed, Ticket,
    hashing::HashingError,
    rule::{self, RateEstimate, Rule},
};
use std::time::{Duration, SystemTime};

/// Why the race cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartRaceError {
    /// There is not enough memory for the verifier's arenas, or it refuses the cost.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// The first round, or the one after a change of settings, cannot be written down.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Takes up the round that the ledger remembers. If what it was opened with is no longer
/// what the operator wants, or there is none, one is opened.
pub(super) async fn resume(
    ledger: &dyn Ledger,
    recovered: Recovered,
    settings: &RaceSettings,
    wall: SystemTime,
    seeds: &(dyn Fn() -> Seed + Send + Sync),
) -> Result<Resumed, StartRaceError> {
    let ticket = Ticket(recovered.counters.tickets);
    let fresh = || Rule::new(settings.rule, settings.start, settings.pace);
    let Some(RecoveredRound { round, opened_at, opened, state }) = recovered.round else {
        return open(ledger, settings, Transaction::new(), RoundNumber(1), fresh(), OpenReason::First, seeds(), ticket)
            .await;
    };
    let (estimate, running) = match state {
        RoundState::Running { mining_time, .. } => (opened.estimate, Some(mining_time)),
        RoundState::Ended { estimate } => (estimate, None),
    };
    let rule = learnt(estimate).and_then(|estimate| Rule::resumed(estimate, settings.pace));
    let rule = rule.filter(|rule| rule.name() == settings.rule).unwrap_or_else(fresh);
    let Some(mining_time) = running else {
        let next = round.next();
        return open(ledger, settings, Transaction::new(), next, rule, OpenReason::Solved, seeds(), ticket).await;
    };
    if opened.cost == settings.cost && opened.rule == settings.rule && opened.curve == rule.curve() {
        tracing::info!(round = round.0, mining_time_s = mining_time.as_secs_f64(), "the race goes on where it stood");
        let age = WallTime::from(wall).since(opened_at);
        let (number, seed, curve) = (round, opened.seed, opened.curve);
        return Ok(Resumed { rule, number, seed, curve, mining_time, age, ticket });
    }
    // What was mined for the running round is worth nothing under another cost, and its
    // target would be another one than was told.
    tracing::warn!(
        round = round.0,
        "the settings of the race are others than those of the running round: it ends, and a new one begins"
    );
    let reason = "The operator changed the settings of the race".to_owned();
    let expired = Expired { reason, mining_time, estimate: estimate_entry(&rule) };
    let transaction = Transaction::new().append(round, Body::Expired(expired));
    open(ledger, settings, transaction, round.next(), rule, OpenReason::Operator, seeds(), ticket).await
}

/// Opens a round, after what `transaction` does.
#[expect(clippy::too_many_arguments, reason = "the parts of one entry")]
async fn open(
    ledger: &dyn Ledger,
    settings: &RaceSettings,
    transaction: Transaction,
    number: RoundNumber,
    rule: Rule,
    reason: OpenReason,
    seed: Seed,
    ticket: Ticket,
) -> Result<Resumed, StartRaceError> {
    let curve = rule.curve();
    let opened = opened_entry(&rule, seed, curve, settings.cost, reason);
    ledger.commit(transaction.append(number, Body::Opened(opened))).await?;
    Ok(Resumed { rule, number, seed, curve, mining_time: Duration::ZERO, age: Duration::ZERO, ticket })
}

/// What the rule had learnt; `None` if that is nothing a rule can learn.
fn learnt(estimate: Estimate) -> Option<rule::Estimate> {
    Some(match estimate {
        Estimate::Step { difficulty } => rule::Estimate::Step(Difficulty::new(difficulty).ok()?),
        Estimate::Rising { solves, exposure, rate } => rule::Estimate::Rising(RateEstimate { solves, exposure, rate }),
    })
}
