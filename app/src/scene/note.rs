//! What goes into the log panel: typed, so that the texts stay with the other texts.

use super::server_words::ServerWords;
use crate::wire::{DropState, OverReason};
use puzzle::{RoundNumber, VisitorId};
use std::collections::VecDeque;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// The visitor may take part.
    Admitted,
    /// Entry failed for now and is tried again.
    EntryDelayed {
        /// What the server said; `None` if it did not answer.
        words: Option<ServerWords>,
        /// Seconds until the next attempt.
        retry_in: f64,
    },
    /// The session is renewed.
    SessionRenewed,
    /// The device was recognised.
    Identified(VisitorId),
    /// The fingerprint failed: a random id stands in.
    IdentifiedAtRandom(VisitorId),
    /// The trace could not be read.
    TraceUnreadable {
        /// Seconds until the next attempt.
        retry_in: f64,
    },
    /// The live connection stands.
    Connected,
    /// The live connection broke.
    Disconnected {
        /// Seconds until the next attempt.
        retry_in: f64,
    },
    /// The server closed the connection and said why.
    Rejected(ServerWords),
    /// The server refused a message on the live connection.
    MessageRefused(ServerWords),
    /// A new round, because somebody else won.
    RoundSolved {
        /// The round that ended.
        ended: RoundNumber,
        /// How long it was mined, in seconds.
        solve_time: Option<f64>,
        /// The round that began.
        begun: RoundNumber,
    },
    /// A new round, because nobody won in time.
    RoundTimedOut(RoundNumber),
    /// A new round, because the operator asked for it.
    RoundReset(RoundNumber),
    /// A new round was noticed after an absence.
    RoundMissed(RoundNumber),
    /// The drop has changed its state: it is open, paused, over, or opens later.
    Drop(DropState, Option<OverReason>),
    /// The visitor has won a moment ago; the best hash counts a little later.
    CoolingDown {
        /// Seconds until it does.
        retry_in: f64,
    },
    /// The visitor started mining.
    Started {
        /// With so many workers.
        workers: usize,
    },
    /// The visitor stopped mining.
    Stopped {
        /// True if a hash is kept that may still win.
        best_kept: bool,
    },
    /// Mining pauses; the status says what it waits for.
    Paused,
    /// Mining goes on after a pause.
    Resumed,
    /// There was not enough memory: so many workers go on.
    FewerWorkers(usize),
    /// A new best hash of the round: one in so many is as good.
    BetterHash(f64),
    /// A solution was sent.
    Submitted(RoundNumber),
    /// A solution won.
    Won(RoundNumber),
    /// Somebody else won the round before the solution came.
    TooLate(RoundNumber),
    /// The solution does not win yet.
    TooEarly {
        /// Seconds of mining time until it does.
        valid_in: f64,
    },
    /// The solution will never win.
    NotGoodEnough,
    /// The address changed; the trace is read anew.
    AddressChanged,
    /// The answer did not come; the solution is kept and sent again.
    AnswerMissing {
        /// What the server said; `None` if it did not answer.
        words: Option<ServerWords>,
        /// Seconds until the next attempt.
        retry_in: f64,
    },
    /// The server refused a solution.
    Refused(ServerWords),
    /// The human check waits for the visitor.
    CheckWaits,
    /// The human check did not pass.
    CheckFailed,
    /// What the human check gave was spent already; it is asked again.
    CheckRepeated,
    /// What the human check gave has expired; the session goes on.
    CheckExpired,
}

/// A note with its time.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// Counts the lines of this page, from 0.
    pub number: u64,
    /// Time of day where the visitor is, `13:05:09`.
    pub time: String,
    /// What happened.
    pub note: Note,
}

/// The last lines, oldest first, never more than [`Log::LIMIT`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    lines: VecDeque<LogLine>,
    written: u64,
}

impl Log {
    /// How many lines are kept.
    pub const LIMIT: usize = 100;

    /// Adds a line, and drops the oldest one when there are too many.
    pub fn write(&mut self, time: String, note: Note) {
        if self.lines.len() == Self::LIMIT {
            self.lines.pop_front();
        }
        self.lines.push_back(LogLine { number: self.written, time, note });
        self.written += 1;
    }

    /// The lines, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &LogLine> {
        self.lines.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_keeps_the_last_hundred_lines() {
        let mut log = Log::default();
        for _ in 0..250 {
            log.write("00:00:00".into(), Note::Admitted);
        }
        let numbers: Vec<_> = log.newest_first().map(|line| line.number).collect();
        assert_eq!(numbers, (150..250).rev().collect::<Vec<_>>());
    }
}
