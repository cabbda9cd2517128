//! The server's answers in words.

use app::wire::{DropState, DropView, OverReason};
use hashpass::admin::protocol::{CodeReport, DeliveryReport, KeyReport, Status};

/// How things stand, a line for each thing.
pub(super) fn of_status(status: &Status) -> String {
    let Status { drop, given, round, storage_works, deliveries_waiting, deliveries_parked } = status;
    let mut lines = vec![of_state(&drop.drop), of_supply(&drop.drop, *given)];
    if let Some(closes_at) = drop.drop.closes_at.as_ref().filter(|_| drop.closes_in.is_some()) {
        lines.push(format!("It closes at {closes_at}."));
    }
    lines.extend(drop.drop.rules.iter().cloned());
    if drop.drop.state == DropState::Open {
        lines.push(format!("Round {round} is running."));
    }
    if *deliveries_waiting != 0 || *deliveries_parked != 0 {
        lines.push(format!(
            "Of the deliveries to the webhook {deliveries_waiting} wait and {deliveries_parked} are given up: \
             hashpass webhooks list."
        ));
    }
    if !storage_works {
        lines.push("Wins cannot be written down at the moment, so nobody wins: the server's log says why.".to_owned());
    }
    lines.join("\n")
}

fn of_state(drop: &DropView) -> String {
    match (drop.state, drop.reason, &drop.opens_at) {
        (DropState::Scheduled, _, Some(opens_at)) => format!("The drop opens at {opens_at}; it is {} now.", drop.now),
        (DropState::Scheduled, _, None) => "The drop is not open yet.".to_owned(),
        (DropState::Open, ..) => "The drop is open.".to_owned(),
        (DropState::Paused, ..) => "The drop is paused: nobody wins.".to_owned(),
        (DropState::Over, Some(OverReason::SoldOut), _) => "The drop is over: every code is given out.".to_owned(),
        (DropState::Over, ..) => "The drop is closed.".to_owned(),
    }
}

fn of_supply(drop: &DropView, given: u64) -> String {
    match (drop.left, drop.supply) {
        (Some(left), Some(supply)) => format!("Given out: {given}. Left: {left} of {supply}."),
        _ => format!("Given out: {given}. There is no limit."),
    }
}

/// A delivery in a line.
pub(super) fn of_delivery(delivery: &DeliveryReport) -> String {
    let DeliveryReport { id, webhook_id, state, round, created_at, next_try_at, tries, last_answer } = delivery;
    let mut line = format!("{id}  {state}  {webhook_id}  written {created_at}");
    match round {
        Some(round) => line.push_str(&format!("  round {round}")),
        None => line.push_str("  no round"),
    }
    line.push_str(&format!("  tries {tries}"));
    if let Some(answer) = last_answer {
        line.push_str(&format!("  last answer: {answer}"));
    }
    if let Some(next_try_at) = next_try_at {
        line.push_str(&format!("  next try {next_try_at}"));
    }
    line
}

/// What is known of a code.
pub(super) fn of_code(report: &CodeReport) -> String {
    let CodeReport { status, round, won_at, expires_at, redeemed_at, redeemed_for, .. } = report;
    let (Some(round), Some(won_at)) = (round, won_at) else { return "not valid: nobody has won it".to_owned() };
    let mut words = format!("{status}: won in round {round} at {won_at}");
    if let Some(redeemed_at) = redeemed_at {
        words.push_str(&format!(", redeemed at {redeemed_at}"));
    }
    if let Some(redeemed_for) = redeemed_for {
        words.push_str(&format!(" for {redeemed_for}"));
    }
    if let Some(expires_at) = expires_at.as_ref().filter(|_| status == "valid" || status == "expired") {
        words.push_str(&format!(", valid until {expires_at}"));
    }
    if status == "valid" { words } else { format!("not valid: {words}") }
}

/// A key in a line.
pub(super) fn of_key(key: &KeyReport) -> String {
    let KeyReport { name, scopes, created_at, last_used_at, revoked_at } = key;
    let mut line = format!("{name}  {scopes}  created {created_at}");
    match last_used_at {
        Some(at) => line.push_str(&format!("  last used {at}")),
        None => line.push_str("  never used"),
    }
    if let Some(at) = revoked_at {
        line.push_str(&format!("  revoked {at}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::wire::DropNews;

    #[test]
    fn every_state_has_its_words() {
        let drop = |state, reason| DropView { state, reason, opens_at: Some("T".to_owned()), ..DropView::default() };
        for (state, reason, words) in [
            (DropState::Scheduled, None, "The drop opens at T"),
            (DropState::Open, None, "The drop is open."),
            (DropState::Paused, None, "The drop is paused"),
            (DropState::Over, Some(OverReason::SoldOut), "every code is given out"),
            (DropState::Over, Some(OverReason::Closed), "The drop is closed."),
        ] {
            assert!(of_state(&drop(state, reason)).contains(words));
        }
    }

    #[test]
    fn what_does_not_work_is_said() {
        let view = DropView { left: Some(37), supply: Some(100), ..DropView::default() };
        let status = Status {
            drop: DropNews { drop: view, ..DropNews::default() },
            given: 63,
            round: 64,
            storage_works: false,
            deliveries_waiting: 2,
            deliveries_parked: 0,
        };
        let words = of_status(&status);
        for part in
            ["Given out: 63. Left: 37 of 100.", "Round 64", "2 wait and 0 are given up", "cannot be written down"]
        {
            assert!(words.contains(part), "{part}: {words}");
        }
    }
}
