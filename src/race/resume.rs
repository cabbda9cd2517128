//! How the race begins: with the round and the drop that the ledger remembers, or with
//! the first ones.

use super::{
    entries::opened as opened_entry,
    settings::RaceSettings,
    state::{CodeSource, Giving, Resumed, expired, since_1970},
    win::WithTurn,
};
use crate::ledger::{
    Body, CommitError, Ledger, StoreError, Transaction, WallTime,
    body::{DropChange, Estimate, OpenReason, Opened},
    rows::{Recovered, RecoveredRound, RoundState},
};
use puzzle::{
    Difficulty, RoundNumber, Seed, Ticket,
    drop::{Drop, DropRules, DropState, Step},
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
    /// Who has won how much cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes up the drop and the round that the ledger remembers. If what the round was opened
/// with is no longer what the operator wants, or none runs and the drop is open, one is
/// opened; if the drop is not open any more, the one that runs ends.
pub(super) async fn resume(
    ledger: &dyn Ledger,
    recovered: Recovered,
    settings: &RaceSettings,
    codes: CodeSource,
    with_turn: &WithTurn,
    wall: SystemTime,
    seeds: &(dyn Fn() -> Seed + Send + Sync),
) -> Result<Resumed, StartRaceError> {
    let wall = WallTime::from(wall);
    let ticket = Ticket(recovered.counters.tickets);
    let before = recovered.drop.as_ref().map(|change| change.state);
    let given = recovered.wins.saturating_sub(recovered.returned);
    let (drop, changed) = resumed_drop(recovered.drop, settings.drop, given, codes.left(), wall);
    let giving = Giving {
        drop,
        environment: settings.drop,
        codes,
        code_life: settings.code_life,
        won_at: recovered.won_at,
        quotas: None,
    };
    // A drop that is as it was is told to nobody again, whatever its rules are now.
    let is_news = changed.is_some() && before != Some(drop.state());
    let told = if is_news { (with_turn.0)(&drop) } else { Vec::new() };
    let entry = changed.map(|reason| Body::Drop(giving.entry(&drop, reason)));

    let fresh = || Rule::new(settings.rule, settings.start, settings.pace);
    let last = recovered.round.as_ref().map_or(RoundNumber(0), |round| round.round);
    let (rule, running) = match recovered.round {
        None => (fresh(), None),
        Some(RecoveredRound { opened_at, opened, state, .. }) => {
            let (estimate, mining_time) = match state {
                RoundState::Running { mining_time, .. } => (opened.estimate, Some(mining_time)),
                RoundState::Ended { estimate } => (estimate, None),
            };
            let rule = learnt(estimate).and_then(|estimate| Rule::resumed(estimate, settings.pace));
            let rule = rule.filter(|rule| rule.name() == settings.rule).unwrap_or_else(fresh);
            (rule, mining_time.map(|mining_time| (opened, opened_at, mining_time)))
        }
    };
    let is_open = drop.state().is_open();
    if let Some((opened, opened_at, mining_time)) = &running
        && is_open
        && is_as_wanted(opened, &rule, settings)
    {
        commit(
            ledger,
            entry.map(|entry| {
                let mut transaction = Transaction::new().append(last, entry);
                transaction.extend(told);
                transaction
            }),
        )
        .await?;
        tracing::info!(round = last.0, mining_time_s = mining_time.as_secs_f64(), "the race goes on where it stood");
        let (seed, curve, age) = (opened.seed, opened.curve, wall.since(*opened_at));
        return Ok(Resumed { rule, number: last, seed, curve, mining_time: *mining_time, age, ticket, giving });
    }

    let mut transaction = Transaction::new();
    if let Some((_, _, mining_time)) = running {
        let reason = if is_open {
            // What was mined for the running round is worth nothing under another cost,
            // and its target would be another one than was told.
            tracing::warn!(
                round = last.0,
                "the settings of the race are others than those of the running round: it ends, and a new one begins"
            );
            "The operator changed the settings of the race"
        } else {
            "The drop is not open any more"
        };
        transaction = transaction.append(last, expired(reason, mining_time, &rule));
    }
    if let Some(entry) = entry {
        transaction = transaction.append(last, entry);
    }
    transaction.extend(told);
    let (seed, curve, number) = (seeds(), rule.curve(), if is_open { last.next() } else { last });
    if is_open {
        let opening = before.and_then(|from| Step { from, to: drop.state() }.opening());
        let reason = match opening {
            Some(opening) => opening.into(),
            None if last == RoundNumber(0) => OpenReason::First,
            None if running.is_some() => OpenReason::Operator,
            None => OpenReason::Solved,
        };
        let opened = opened_entry(&rule, seed, curve, settings.cost, reason);
        transaction = transaction.append(number, Body::Opened(opened));
    }
    commit(ledger, Some(transaction).filter(|transaction| !transaction.is_empty())).await?;
    let (mining_time, age) = (Duration::ZERO, Duration::ZERO);
    Ok(Resumed { rule, number, seed, curve, mining_time, age, ticket, giving })
}

/// The drop at the start, and in words why it is another one than the ledger has, if it
/// is. The newer of the ledger's rules and the environment's holds: the environment's, if
/// they are others than when the ledger was written.
fn resumed_drop(
    written: Option<DropChange>,
    environment: DropRules,
    given: u64,
    listed: Option<u64>,
    wall: WallTime,
) -> (Drop, Option<String>) {
    let now = since_1970(wall);
    let (drop, mut changed) = match written {
        None => {
            let drop = Drop::begin(environment, given, listed, now);
            let is_plain = environment == DropRules::default() && drop.state() == DropState::Open;
            (drop, (!is_plain).then(|| "The drop begins".to_owned()))
        }
        Some(change) => {
            let drop = Drop::resumed(change.rules, change.state, given, listed);
            if change.environment == environment {
                if change.rules != environment {
                    tracing::info!("the rules of the drop are those that were set while the server ran");
                }
                (drop, None)
            } else {
                tracing::info!("the environment has other rules of the drop than before: they hold from now on");
                (drop.governed_by(environment, now), Some("The operator changed the settings of the drop".to_owned()))
            }
        }
    };
    let settled = drop.settled(now);
    if settled != drop {
        changed.get_or_insert_with(|| "It was due while the server did not run".to_owned());
    }
    (settled, changed)
}

fn is_as_wanted(opened: &Opened, rule: &Rule, settings: &RaceSettings) -> bool {
    opened.cost == settings.cost && opened.rule == settings.rule && opened.curve == rule.curve()
}

async fn commit(ledger: &dyn Ledger, transaction: Option<Transaction>) -> Result<(), CommitError> {
    match transaction {
        Some(transaction) => ledger.commit(transaction).await.map(|_| ()),
        None => Ok(()),
    }
}

/// What the rule had learnt; `None` if that is nothing a rule can learn.
fn learnt(estimate: Estimate) -> Option<rule::Estimate> {
    Some(match estimate {
        Estimate::Step { difficulty } => rule::Estimate::Step(Difficulty::new(difficulty).ok()?),
        Estimate::Rising { solves, exposure, rate } => rule::Estimate::Rising(RateEstimate { solves, exposure, rate }),
    })
}
