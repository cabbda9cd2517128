//! Why a call came to nothing, and whether it makes sense to call again.

use crate::server_url::ServerUrl;
use reqwest::StatusCode;
use serde::Deserialize;
use std::{error::Error, time::Duration};

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The call never left.
    #[error("{server} cannot be reached: {why}")]
    Unreachable {
        /// The server.
        server: String,
        /// What is wrong.
        why: String,
    },
    /// The connection was lost: the server may have acted, or not.
    #[error("the connection to {server} was lost: {why}")]
    Lost {
        /// The server.
        server: String,
        /// What is wrong.
        why: String,
    },
    /// The server refused.
    #[error("{}", .0.detail)]
    Refused(Refusal),
    /// What answers is no lobby.
    #[error("{server} does not answer like a lobby: {why}")]
    NotALobby {
        /// The server.
        server: String,
        /// What is not as a lobby has it.
        why: String,
    },
}

/// What the server said when it refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// For programs.
    pub(crate) code: String,
    /// For people.
    pub(crate) detail: String,
    /// When to try again.
    pub(crate) retry_after: Option<Duration>,
    /// With 402: the bits of a session stamp …
    pub(crate) hashcash_bits: Option<u8>,
    /// … and what it must be made out to.
    pub(crate) resource: Option<String>,
}

impl CallError {
    /// Something that no lobby would answer.
    pub(crate) fn not_a_lobby(server: &ServerUrl, why: &str) -> Self {
        Self::NotALobby { server: server.to_string(), why: why.to_owned() }
    }

    /// A call without an answer.
    pub(crate) fn unanswered(server: &ServerUrl, error: &reqwest::Error) -> Self {
        let (server, why) = (server.to_string(), root_cause(error));
        // It never became a request: what the server told us cannot be sent back.
        if error.is_builder() {
            return Self::NotALobby { server, why };
        }
        if error.is_connect() { Self::Unreachable { server, why } } else { Self::Lost { server, why } }
    }

    /// An answer that is no success.
    pub(crate) fn refused(server: &ServerUrl, status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct View {
            code: String,
            detail: String,
            hashcash_bits: Option<u8>,
            resource: Option<String>,
        }
        let status = status.as_u16();
        let refusal = match serde_json::from_slice(body) {
            Ok(View { code, detail, hashcash_bits, resource }) => {
                Refusal { status, code, detail, retry_after, hashcash_bits, resource }
            }
            // A proxy's page, while the server behind it is away.
            Err(_) if matches!(status, 429 | 502..=504) => Refusal {
                status,
                code: String::new(),
                detail: format!("{server} answers {status}"),
                retry_after,
                hashcash_bits: None,
                resource: None,
            },
            Err(_) => return Self::not_a_lobby(server, &format!("it answers {status}")),
        };
        Self::Refused(refusal)
    }

    /// If the same call may succeed later: how long to wait at least.
    pub(crate) fn try_again_after(&self) -> Option<Duration> {
        match self {
            Self::Unreachable { .. } | Self::Lost { .. } => Some(Duration::ZERO),
            Self::Refused(Refusal { status: 429 | 502..=504, code, retry_after, .. }) if code != "lobby_closed" => {
                Some(retry_after.unwrap_or_default())
            }
            Self::Refused(_) | Self::NotALobby { .. } => None,
        }
    }

    /// When the server says that it makes sense to ask again.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// True if it is not known whether the server has acted.
    pub(crate) fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Refused(Refusal { status: 502 | 504, .. }))
    }

    /// True if the session has ended.
    pub(crate) fn is_ended(&self) -> bool {
        matches!(self, Self::Refused(Refusal { status: 401, .. }))
    }
}

/// The last in the chain of causes: it is the one that tells something.
fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_whether_to_come_back() {
        let server = "http://a".parse().unwrap();
        let refused = |status: u16, seconds: Option<u64>, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            CallError::refused(&server, status, seconds.map(Duration::from_secs), body.as_bytes())
        };
        let busy = r#"{"code":"lobby_busy","detail":"Busy"}"#;
        assert_eq!(refused(503, Some(7), busy).try_again_after(), Some(Duration::from_secs(7)));
        assert_eq!(refused(429, None, busy).try_again_after(), Some(Duration::ZERO));
        assert!(!refused(503, None, busy).is_ambiguous());
        // A proxy whose server is away.
        let away = refused(502, None, "<html>");
        assert!(away.try_again_after().is_some() && away.is_ambiguous());
        let closed = refused(503, Some(60), r#"{"code":"lobby_closed","detail":"Closed"}"#);
        assert_eq!(closed.try_again_after(), None);
        assert!(refused(401, None, r#"{"code":"not_logged_in","detail":"x"}"#).is_ended());
        assert!(matches!(refused(404, None, "<html>"), CallError::NotALobby { .. }));
        assert_eq!(refused(409, None, r#"{"code":"nick_taken","detail":"x"}"#).try_again_after(), None);
    }
}
