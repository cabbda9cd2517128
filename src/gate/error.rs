//! Why the gate does not let somebody in.

use super::stamps::SpendError;
use puzzle::stamp::{Bits, Rejection};
use std::time::Duration;

/// Why somebody is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// There is neither a session that has passed the gate nor a token of the human
    /// check.
    #[error("Missing Turnstile token in Authorization header")]
    MissingToken,
    /// The human check refused the token.
    #[error("The human check was not passed: please try it again")]
    HumanCheckFailed {
        /// Cloudflare's codes for the reason, and ours for what it does not check.
        error_codes: Box<[String]>,
    },
    /// The human check cannot be asked.
    #[error("The human check cannot be reached: try again in a moment")]
    HumanCheckUnavailable,
    /// A session stamp is needed.
    #[error("A hashcash stamp of {} bits is needed: {}", .0.bits, .0.reason)]
    StampRequired(Box<StampDemand>),
    /// The stamp is good and cannot be spent at the moment.
    #[error(transparent)]
    StampNotSpent(SpendError),
    /// More new sessions of this address than it may open.
    #[error("Too many sessions were opened from your address: try again a little later")]
    TooManySessionsOfAddress {
        /// When it may open one more.
        retry_after: Duration,
    },
    /// More failed human checks of this address than it may have.
    #[error("Too many human checks from your address failed: try again a little later")]
    TooManyChecksOfAddress {
        /// When it may have one more.
        retry_after: Duration,
    },
    /// Another session has the nick.
    #[error("nick already taken")]
    NickTaken,
    /// The table of sessions is full.
    #[error("There are too many sessions: try again in a minute")]
    TooManySessions,
}

/// What a stamp must be, and why the one that came was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StampDemand {
    /// How many leading zero bits it needs.
    pub bits: Bits,
    /// What it must be made out to.
    pub resource: String,
    /// Why the one that came was not accepted.
    pub reason: Rejection,
}
