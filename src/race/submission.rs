//! What is handed in, by whom, and why it may be refused.

use crate::identity::session::SessionId;
use app::wire::Victory;
use puzzle::{Hash, Nonce, Seed, TraceData, VisitorId};
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
