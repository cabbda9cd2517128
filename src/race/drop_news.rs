//! The drop as everybody is told it.

use super::state::wall_time;
use crate::ledger::WallTime;
use app::wire::{DropLimits, DropNews, DropState, DropView, OverReason};
use puzzle::drop::{self, Drop, DropRules};
use std::time::Duration;

/// The drop as it is told at `now`.
pub(super) fn drop_news(drop: &Drop, now: WallTime) -> DropNews {
    let rules = drop.rules();
    let seconds_until = |at: Option<Duration>| {
        let wait = at.map(wall_time).map(|at| at.since(now)).filter(|wait| !wait.is_zero());
        wait.map(|wait| wait.as_secs_f64())
    };
    let text = |at: Option<Duration>| at.map(|at| wall_time(at).to_string());
    let state = match drop.state() {
        drop::DropState::Scheduled => DropState::Scheduled,
        drop::DropState::Open => DropState::Open,
        drop::DropState::Paused => DropState::Paused,
        drop::DropState::SoldOut | drop::DropState::Closed => DropState::Over,
    };
    let reason = match drop.state() {
        drop::DropState::SoldOut => Some(OverReason::SoldOut),
        drop::DropState::Closed => Some(OverReason::Closed),
        drop::DropState::Scheduled | drop::DropState::Open | drop::DropState::Paused => None,
    };
    DropNews {
        drop: DropView {
            state,
            reason,
            supply: drop.supply(),
            left: drop.left(),
            opens_at: text(rules.opens_at),
            closes_at: text(rules.closes_at),
            now: now.to_string(),
            rules: in_words(rules),
        },
        limits: DropLimits {
            wins_per_person: rules.wins_per_person,
            wins_per_network: rules.wins_per_network,
            win_cooldown: rules.win_cooldown.as_secs_f64(),
            min_round: rules.min_round.as_secs_f64(),
        },
        opens_in: (state == DropState::Scheduled).then(|| seconds_until(rules.opens_at)).flatten(),
        closes_in: (state != DropState::Over).then(|| seconds_until(rules.closes_at)).flatten(),
    }
}

/// The rules, a sentence each.
fn in_words(rules: &DropRules) -> Vec<String> {
    let codes = |count: u64| if count == 1 { "1 code".to_owned() } else { format!("{count} codes") };
    let mut words = Vec::new();
    if rules.supply != 0 {
        words.push(format!("{} in all.", codes(rules.supply)));
    }
    if rules.wins_per_person != 0 {
        words.push(format!("At most {} a person.", codes(rules.wins_per_person)));
    }
    if rules.wins_per_network != 0 {
        words.push(format!("At most {} a network.", codes(rules.wins_per_network)));
    }
    if !rules.win_cooldown.is_zero() {
        words.push(format!("After a win a person wins nothing for {} s.", rules.win_cooldown.as_secs_f64()));
    }
    if !rules.min_round.is_zero() {
        words.push(format!("After a win nobody wins for {} s.", rules.min_round.as_secs_f64()));
    }
    words
}
