//! What is handed in, by whom, and why it may be refused.

use crate::{
    identity::session::SessionId,
    ledger::{WallTime, rows::Quota},
};
use app::wire::Victory;
use puzzle::{Hash, Nonce, Seed, TraceData, VisitorId, drop::DropState};
use std::{net::IpAddr, time::Duration};
use tokio::sync::oneshot;

/// The way back to a submitter. Dropping it unused means that the server stops.
pub(super) type Answer = oneshot::Sender<Result<Victory, Refusal>>;

/// Who submits: everything about a submission that the gate has checked.
#[derive(Clone, Debug)]
pub struct Competitor {
    /// The session.
    pub session: SessionId,
    /// Its visitor id.
    pub visitor: VisitorId,
    /// The trace that was mined with.
    pub trace: TraceData,
    /// The address the request came from.
    pub address: IpAddr,
    /// What the site that sent them here has signed, if one did.
    pub state: Option<String>,
}

/// What is submitted.
#[derive(Clone, Copy, Debug)]
pub struct Solution {
    /// The seed that was mined on.
    pub seed: Seed,
    /// The nonce that was found.
    pub nonce: Nonce,
    /// The hash it is claimed to have.
    pub hash: Hash,
}

/// Why a submission did not win.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Nothing can be won now: the drop is not open.
    #[error("{}", words_of(*state))]
    DropNotOpen {
        /// In which state it is.
        state: DropState,
        /// When it opens, if that is known.
        opens_at: Option<WallTime>,
        /// What time it is.
        now: WallTime,
    },
    /// The person or the network has won as much as it may.
    #[error("{}", words_of_quota(*quota))]
    QuotaReached {
        /// By which quota.
        quota: Quota,
        /// Until when; for good if that is nothing.
        until: Option<WallTime>,
    },
    /// Somebody has just won, and for a while nobody does.
    #[error("The last win was a moment ago: the next one counts a little later")]
    TooSoonAfterWin {
        /// How long that takes.
        retry_after: Duration,
    },
    /// The round is over.
    #[error("Puzzle already solved by someone else")]
    AlreadySolved,
    /// The claimed hash is not below the target.
    #[error("The hash is not below the target")]
    BelowDifficulty {
        /// On a rising target: in how much mining time it will be, `None` if never.
        valid_in: Option<Option<Duration>>,
    },
    /// The session has a submission under verification.
    #[error("One submission at a time: the last one is still being verified")]
    InFlight,
    /// The session submitted false hashes and has to wait.
    #[error("The last hash submitted was false: wait before the next try")]
    Struck {
        /// For how long.
        retry_after: Duration,
    },
    /// The address has had as many submissions verified as it may.
    #[error("Too many submissions come from your address: wait before the next try")]
    TooManyFromAddress {
        /// For how long.
        retry_after: Duration,
    },
    /// The verifier's queue is full.
    #[error("Too many submissions are being verified: try again in a moment")]
    Busy,
    /// The nonce does not have the claimed hash.
    #[error("The nonce does not have the claimed hash")]
    HashMismatch,
    /// The verification failed on our side.
    #[error("The verification failed: try again")]
    VerifierFailed,
    /// What was decided cannot be written down, so nothing is decided for now.
    #[error("The race pauses, because its storage cannot be written: try again in a moment")]
    StorageUnavailable,
    /// The server is stopping.
    #[error("The server is stopping: try again in a moment")]
    Stopping,
}

/// What is said of a drop that is not open.
fn words_of(state: DropState) -> &'static str {
    match state {
        DropState::Scheduled => "The drop has not opened yet",
        DropState::Paused => "The drop is paused: it goes on later",
        DropState::SoldOut => "The drop is over: every code is given out",
        DropState::Open | DropState::Closed => "The drop is over",
    }
}

/// What is said to those who may win nothing more.
fn words_of_quota(quota: Quota) -> &'static str {
    match quota {
        Quota::Person => "You have won as many codes as one person may",
        Quota::Network => "As many codes as one network may win have been won from yours",
        Quota::Cooldown => "You have won a moment ago: your next win counts a little later",
    }
}
