//! The lines of the log.

use super::{
    numbers::{one_in, quantity},
    without_full_stop,
};
use crate::scene::Note;

/// A line of the log.
pub fn note(note: &Note) -> String {
    let again = |seconds: &f64| format!("trying again in {} s", quantity(seconds.ceil()));
    match note {
        Note::Admitted => "You may take part.".into(),
        Note::EntryDelayed { detail, retry_in } => {
            format!("Not let in yet ({}), {}.", cause(detail.as_deref()), again(retry_in))
        }
        Note::SessionRenewed => "The server does not know this session any more; making a new one.".into(),
        Note::Identified(visitor) => format!("This device is {visitor}."),
        Note::IdentifiedAtRandom(visitor) => {
            format!("The fingerprint did not work here; this device takes part under the random id {visitor}.")
        }
        Note::TraceUnreadable { retry_in } => format!("The address trace could not be read, {}.", again(retry_in)),
        Note::Connected => "Connected.".into(),
        Note::Disconnected { retry_in } => format!("Connection lost, {}.", again(retry_in)),
        Note::Rejected(detail) => format!("The server closed the connection: {}.", without_full_stop(detail)),
        Note::Complaint(detail) => format!("The server says: {}.", without_full_stop(detail)),
        Note::RoundSolved { ended, solve_time: Some(seconds), begun } => {
            format!("Somebody won round {ended} after {} s of mining. Round {begun} has begun.", quantity(*seconds))
        }
        Note::RoundSolved { ended, solve_time: None, begun } => {
            format!("Somebody won round {ended}. Round {begun} has begun.")
        }
        Note::RoundTimedOut(begun) => format!("Nobody won in time. Round {begun} has begun, and it is easier."),
        Note::RoundReset(begun) => format!("The operator began round {begun}."),
        Note::RoundMissed(begun) => format!("While the connection was away, round {begun} began."),
        Note::Started { workers: 1 } => "Started with one worker.".into(),
        Note::Started { workers } => format!("Started with {workers} workers."),
        Note::Stopped { best_kept: true } => "Stopped. Your best hash of this round still counts.".into(),
        Note::Stopped { best_kept: false } => "Stopped.".into(),
        Note::Paused => "Mining pauses.".into(),
        Note::Resumed => "Mining goes on.".into(),
        Note::FewerWorkers(1) => "Memory is short: one worker goes on.".into(),
        Note::FewerWorkers(workers) => format!("Memory is short: {workers} workers go on."),
        Note::BetterHash(rarity) => format!("New best hash: {}.", one_in(*rarity)),
        Note::Submitted(round) => format!("Handed in a solution for round {round}."),
        Note::Won(round) => format!("Won round {round}!"),
        Note::TooLate(round) => format!("Somebody was faster in round {round}."),
        Note::TooEarly { valid_in } => format!("A little early: the hash wins in {} s.", quantity(*valid_in)),
        Note::NotGoodEnough => "That hash does not clear the bar.".into(),
        Note::AddressChanged => "Your address has changed; mining goes on with the new one.".into(),
        Note::AnswerMissing { detail, retry_in } => {
            format!("No verdict yet ({}). The solution is kept, {}.", cause(detail.as_deref()), again(retry_in))
        }
        Note::Refused(detail) => format!("The server refused the solution: {}.", without_full_stop(detail)),
        Note::CheckWaits => "The human check waits for you.".into(),
        Note::CheckFailed => "The human check did not pass.".into(),
        Note::CheckRepeated => "The human check was used already; asking it again.".into(),
        Note::CheckExpired => "The human check has expired and renews itself; your session goes on.".into(),
    }
}

/// Why something has to be tried again.
fn cause(detail: Option<&str>) -> &str {
    detail.map_or("the server did not answer", without_full_stop)
}
