//! A session: who somebody is, for the race and the lobby alike.
//!
//! A *session* has an id, a nick and a record of the gates it has passed; a
//! *client* is a browser or a program that acts for it, known by a random token in
//! an HttpOnly cookie, of which only the SHA-256 is kept. A session begins with
//! one client, may have several (the lobby's login) and ends with the last. A
//! Bearer token of the human check stands for an implicit session that lives as
//! long as the token is remembered and never enters the lobby.

use crate::identity::nick::Nick;
use sha2::{Digest, Sha256};
use std::{fmt, net::IpAddr, time::Duration};

/// A session that has shown work, or has spoken in the lobby, is forgotten when it has
/// not been used for 30 days.
pub const IDLE_LIMIT: Duration = Duration::from_secs(720 * 3600);

/// One that has shown nothing is forgotten when it has not been used for 15 minutes, or
/// earlier if others need the room.
pub const UNPROVEN_LIMIT: Duration = Duration::from_secs(15 * 60);

/// A token of the human check is remembered for as long as Cloudflare would have
/// taken it.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(300);

/// How many clients one session can have.
pub const MOST_CLIENTS_OF_A_SESSION: usize = 16;

/// Names a session without granting it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub String);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which gates a session has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// The human check.
    pub human: bool,
    /// A session stamp was spent for it.
    pub stamped: bool,
}

impl Passed {
    /// What has been passed in either.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { human: self.human || other.human, stamped: self.stamped || other.stamped }
    }

    /// True if at least one gate was passed.
    pub const fn any(self) -> bool {
        self.human || self.stamped
    }
}

/// SHA-256 of a cookie's token: names a client without granting anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientKey(pub [u8; 32]);

/// A session as one of its clients sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Names the session without granting it.
    pub id: SessionId,
    /// Its name in the lobby.
    pub nick: Nick,
    /// The gates it has passed.
    pub passed: Passed,
    /// The client that asks.
    pub client: ClientKey,
}

/// A new client with the cookie's value, which is told once and not kept.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The session.
    pub session: Session,
    /// 64 hex digits.
    pub token: String,
}

/// A session that comes back from the store.
#[derive(Clone, Debug)]
pub struct StoredSession {
    /// Its id.
    pub id: SessionId,
    /// Its nick.
    pub nick: Nick,
    /// The gates it had passed.
    pub passed: Passed,
    /// Its clients, and for how long each has been idle.
    pub clients: Vec<(ClientKey, Duration)>,
}

/// The implicit session of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSession {
    /// The session.
    pub session: Session,
    /// False if an earlier call with the same token had already opened it.
    pub is_new: bool,
}

/// The visitor id is not the one that the session has used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherVisitor;

/// Why no client could be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// There are as many as there can be.
    TooMany,
    /// Another session has the nick.
    NickTaken,
    /// The session has ended meanwhile.
    Ended,
}

/// A token of the human check at one address, as a hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenKey(pub(super) ClientKey);

impl TokenKey {
    /// The key of `token` when shown from `address`.
    pub fn new(token: &str, address: IpAddr) -> Self {
        Self(key(&["token", token, &address.to_string()]))
    }
}

/// SHA-256 over the parts, each with its length, so that no two lists of parts
/// have the same key.
pub(super) fn key(parts: &[&str]) -> ClientKey {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    ClientKey(hasher.finalize().into())
}
