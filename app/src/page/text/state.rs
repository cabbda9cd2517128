//! What the page is doing, how it stands, and what can be expected of it.

use super::{
    numbers::{one_in, part, rate, time, waiting},
    without_full_stop,
};
use crate::scene::{Best, CheckFailure, Connection, Failure, HumanCheck, Pause, Phase, Scene};

/// The title of the window; it tells of a win while the visitor looks elsewhere.
pub fn window_title(phase: &Phase) -> &'static str {
    match phase {
        Phase::Won(_) => "You won! · HashPass",
        Phase::Starting | Phase::Mining | Phase::Submitting => "Mining · HashPass",
        Phase::Paused(_) => "Paused · HashPass",
        Phase::Failed(_) => "Stopped · HashPass",
        Phase::Checking | Phase::Idle => "HashPass",
    }
}

/// What the page is doing: the status line.
pub fn status(phase: &Phase) -> String {
    match phase {
        Phase::Checking => "Checking whether you may take part …".into(),
        Phase::Idle => "Ready when you are.".into(),
        Phase::Starting => "Starting the workers …".into(),
        Phase::Mining => "Mining.".into(),
        Phase::Submitting => "Found one! Handing it in …".into(),
        Phase::Won(round) => format!("You won round {round}!"),
        Phase::Paused(Pause::ConnectionLost) => {
            "Paused: the connection is lost. Mining goes on by itself when it is back.".into()
        }
        Phase::Paused(Pause::ServerUnreachable) => {
            "The server cannot be reached at the moment. Trying again by itself.".into()
        }
        Phase::Paused(Pause::TraceUnreadable) => {
            "The server cannot say which address it sees you at. Trying again by itself.".into()
        }
        Phase::Paused(Pause::HumanCheck) => "Waiting for the human check below.".into(),
        Phase::Failed(Failure::NotVerified | Failure::EntryRefused(_) | Failure::SessionNotKept) => {
            "You cannot take part at the moment.".into()
        }
        Phase::Failed(_) => "Mining has stopped.".into(),
    }
}

/// What went wrong and what the visitor can do about it; empty if nothing did.
pub fn trouble(phase: &Phase) -> String {
    let Phase::Failed(failure) = phase else { return String::new() };
    match failure {
        Failure::NotVerified => "The server does not take you for a human, although the check has passed. Reloading \
                                 the page tries again."
            .into(),
        Failure::EntryRefused(detail) => {
            format!("The server does not let you in: {}. Reloading the page tries again.", without_full_stop(detail))
        }
        Failure::SessionNotKept => "The server does not recognise its own session: this browser does not seem to \
                                    keep this site's cookie. Please allow it and reload the page."
            .into(),
        Failure::MinerNotLoaded => "The worker's program could not be loaded. Please check your connection and try \
                                    again; a content blocker can be the cause too."
            .into(),
        Failure::MinerFaulty => "This browser computes wrong hashes, which could never win, so mining has stopped. \
                                 Another browser may do better."
            .into(),
        Failure::OutOfMemory => "This device has not enough free memory for a single worker. Closing other tabs or \
                                 programs may help."
            .into(),
        Failure::MinerStalled => "The workers stopped answering. Trying again starts new ones.".into(),
        Failure::AddressUnstable => "Your requests keep arriving from another address than the server told you, \
                                     perhaps because of a VPN or two kinds of addresses. Solutions cannot be \
                                     accepted like that."
            .into(),
        Failure::SolutionsRefused(detail) => {
            format!("The server refuses the solutions of this page: {}.", without_full_stop(detail))
        }
    }
}

/// The chance of one try, and what it means for this visitor.
pub fn odds(scene: &Scene) -> String {
    let mut text = format!("About {} tries wins at this moment", one_in(scene.target.expected_hashes()));
    match scene.typical_round {
        Some(typical) => text.push_str(&format!(
            ", more and more while the bar comes down. Rounds are meant to last about {} of mining.",
            waiting(typical)
        )),
        None => text.push('.'),
    }
    if scene.local_rate <= 0.0 {
        return text;
    }
    text.push_str(&format!(" You make {} a second: ", rate(scene.local_rate)));
    match scene.half_win_within {
        Some(within) => {
            text.push_str(&format!("half of visitors like you win within {}, if alone.", waiting(within)));
        }
        None => text.push_str("alone you would need more than a day."),
    }
    match scene.share_of_rounds {
        _ if scene.figures.active_miners < 2 => text.push_str(" Nobody else is mining now."),
        Some(share) => text.push_str(&format!(" In company like this you win {} of rounds.", part(share))),
        None => {}
    }
    text
}

/// When the best hash wins.
pub fn best_outlook(best: Option<&Best>, clock_running: bool) -> String {
    match best {
        None => "No hash of yours in this round yet.".into(),
        Some(Best { rarity, wins_in: Some(left), .. }) if left.is_zero() => {
            format!("Your best hash, {}, has cleared the bar.", one_in(*rarity))
        }
        Some(Best { rarity, wins_in: Some(left), .. }) => {
            let left = time(*left);
            let when = if clock_running { format!("in {left}") } else { format!("after {left} more of mining") };
            format!("Your best hash, {}, wins {when}, unless somebody is faster.", one_in(*rarity))
        }
        Some(Best { rarity, wins_in: None, .. }) => {
            format!("Your best hash, {}, is not rare enough to win.", one_in(*rarity))
        }
    }
}

/// The live connection.
pub fn connection(connection: Connection) -> String {
    match connection {
        Connection::Closed => "Not connected".into(),
        Connection::Connecting => "Connecting …".into(),
        Connection::Open => "Connected".into(),
        Connection::Waiting { seconds } => format!("Connection lost, next try in {seconds} s"),
    }
}

/// What the human check is doing, and what the visitor can do about it.
pub fn human_check(check: &HumanCheck) -> String {
    let failure = match check {
        HumanCheck::Hidden => return String::new(),
        HumanCheck::Loading => return "Loading the check …".into(),
        HumanCheck::Running => return "Checking …".into(),
        HumanCheck::Interactive => return "Please answer the check: then you can take part.".into(),
        HumanCheck::Passed => return "Passed. Thank you.".into(),
        HumanCheck::Renewing => return "The check has expired and renews itself. Your session goes on.".into(),
        HumanCheck::NotRenewed => return "The check has expired. Your session goes on without it.".into(),
        HumanCheck::Failed(failure) => failure,
    };
    match failure {
        CheckFailure::NotLoaded => "The check could not be loaded. A content blocker or the network may be in its \
                                    way: please let it through, then try again."
            .into(),
        CheckFailure::Slow => "The check has not answered yet. If it still comes, it goes on by itself; otherwise \
                               please try again."
            .into(),
        CheckFailure::Error(code) => {
            format!("The check did not pass (code {code}). Please try again; another browser or network may help too.")
        }
        CheckFailure::Unsupported => "The check does not work in this browser. Please update it or take another \
                                      one."
            .into(),
        CheckFailure::Refused(codes) if codes.is_empty() => {
            "The server did not accept the check. Please try again.".into()
        }
        CheckFailure::Refused(codes) => {
            format!("The server did not accept the check ({}). Please try again.", codes.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failed_check_is_told_with_a_way_on() {
        let failures = [
            CheckFailure::NotLoaded,
            CheckFailure::Slow,
            CheckFailure::Error("300030".into()),
            CheckFailure::Unsupported,
            CheckFailure::Refused(Vec::new()),
            CheckFailure::Refused(vec!["hostname-mismatch".into()]),
        ];
        for failure in failures {
            let text = human_check(&HumanCheck::Failed(failure.clone()));
            assert!(text.contains("lease") && text.ends_with('.'), "{failure:?}: {text}");
        }
        assert!(human_check(&HumanCheck::Failed(CheckFailure::Error("300030".into()))).contains("300030"));
        assert_eq!(human_check(&HumanCheck::Hidden), "");
    }

    #[test]
    fn every_failure_is_told_with_a_way_on() {
        let failures = [
            Failure::NotVerified,
            Failure::EntryRefused("No.".into()),
            Failure::SessionNotKept,
            Failure::MinerNotLoaded,
            Failure::MinerFaulty,
            Failure::OutOfMemory,
            Failure::MinerStalled,
            Failure::AddressUnstable,
            Failure::SolutionsRefused("No.".into()),
        ];
        for failure in failures {
            let text = trouble(&Phase::Failed(failure.clone()));
            assert!(30 < text.len() && text.ends_with('.') && !text.contains(".."), "{failure:?}: {text}");
        }
        assert_eq!(trouble(&Phase::Mining), "");
    }
}
