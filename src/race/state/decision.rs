//! What is decided about, and what follows from a decision.

use super::order::Turning;
use crate::{
    ledger::Transaction,
    race::{
        submission::{Answer, Competitor, Refusal, Solution},
        win::{Announcement, Win},
    },
};
use puzzle::{Challenge, Ticket};
use std::time::Duration;

/// A submission that is being verified.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) ticket: Ticket,
    /// False for a newcomer.
    pub(super) proven: bool,
    pub(super) competitor: Competitor,
    /// True if its session counted as a miner, so that the mining clock ran for it.
    pub(super) counted: bool,
    pub(super) solution: Solution,
    pub(super) admitted_at: Duration,
    /// The round's mining time at the moment of arrival.
    pub(super) mining_time: Duration,
    pub(super) answer: Answer,
}

/// A submission of which only the hash remains to be checked.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) ticket: Ticket,
    /// True if the session has shown work before.
    pub(crate) proven: bool,
    pub(crate) challenge: Challenge,
    pub(crate) solution: Solution,
}

/// What follows from a decision.
#[derive(Debug)]
pub(crate) enum Effect {
    /// A submission is out.
    Refuse(Answer, Refusal),
    /// A round is over once this is durable; then [`State::concluded`](super::State::concluded) is to be told, or
    /// [`State::not_concluded`](super::State::not_concluded).
    Commit(Transaction),
}

/// What a round came to, once that is durable or known to have failed.
#[derive(Debug)]
pub(crate) enum Conclusion {
    /// Somebody has won and a new round is open.
    Won(Box<Won>),
    /// Nobody won in time and a new round is open.
    Expired {
        /// The new round.
        announcement: Announcement,
        /// How the old one was judged, in words.
        reason: String,
        /// Whoever came while that was written down.
        late: Vec<Answer>,
    },
    /// The drop has changed.
    Turned {
        /// How everything stands.
        announcement: Announcement,
        /// What has changed, and who wants to know.
        turning: Turning,
        /// Whoever came while that was written down …
        late: Vec<Answer>,
        /// … and what they are told.
        refusal: Refusal,
    },
    /// It could not be written down: the round goes on.
    Failed {
        /// These have to come again.
        answers: Vec<Answer>,
        /// The winner, if the ledger refused them the win.
        refused: Option<(Answer, Refusal)>,
    },
}

/// Everything about one win.
#[derive(Debug)]
pub(crate) struct Won {
    pub(crate) win: Win,
    pub(crate) winner: Answer,
    pub(crate) losers: Vec<Answer>,
    pub(crate) announcement: Announcement,
}

/// How a verification ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict {
    /// The claimed hash is the real one.
    Valid,
    /// It is not: the claim was a lie or a broken miner's.
    FalseHash,
    /// The hash was never computed, through no fault of the client.
    Unverified(Refusal),
}
