//! Why the lobby did not do something.

use super::{envelope::MalformedEnvelope, store::StoreError};
use crate::{gate::error::GateError, identity::nick::InvalidNick};
use std::time::Duration;

/// Why the lobby did not do something. Errors of commands are numerics instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LobbyError {
    /// The session has ended.
    #[error("Not logged in: this session has ended")]
    Ended,
    /// The envelope is not what it must be.
    #[error(transparent)]
    Malformed(#[from] MalformedEnvelope),
    /// The text is no nick.
    #[error(transparent)]
    BadNick(#[from] InvalidNick),
    /// Somebody else has the nick.
    #[error("nick already taken")]
    NickTaken {
        /// When it makes sense to try again, if the nick's owner may never come.
        retry_after: Option<Duration>,
    },
    /// The gate does not let them in: most often a session stamp is needed.
    #[error(transparent)]
    Gate(GateError),
    /// No such nick, or not its password: which of them is not told.
    #[error("Wrong nick or password")]
    WrongPassword,
    /// This client or address asks too often.
    #[error("Too many requests: slow down")]
    TooFast {
        /// When it makes sense to try again.
        retry_after: Duration,
    },
    /// More new sessions than the ceiling allows.
    #[error("Too many new sessions at the moment: try again later; the stamp stays good")]
    Ceiling {
        /// When it makes sense to try again.
        retry_after: Duration,
    },
    /// There are as many people here as there can be.
    #[error("The lobby is full: try again later")]
    Full,
    /// There is no such channel or nick, or none that the caller may know of.
    #[error("There is no such channel or nick")]
    NoSuchTarget,
    /// The caller is not a member.
    #[error("That is for members of the channel: join it first")]
    NotOnChannel,
    /// The store or the password threads are busy.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<GateError> for LobbyError {
    fn from(error: GateError) -> Self {
        match error {
            GateError::NickTaken => Self::NickTaken { retry_after: None },
            GateError::TooManySessions => Self::Full,
            other => Self::Gate(other),
        }
    }
}
