//! What an operator decides about TCP connections.

use std::time::Duration;

/// What connections may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// `HASHPASS_LIMIT_CONNECTIONS`, up to 1,000,000: open at once; 0 for no limit.
    pub in_all: usize,
    /// `HASHPASS_LIMIT_CONNECTIONS_PER_PEER`, up to 1,000,000: open at once from one
    /// network; 0 for no limit. Trusted proxies carry many clients and have none.
    pub per_peer: usize,
    /// How long the head of a request may take, from its first byte or, for the
    /// first one, from the connection's start. Set by no variable: 10 seconds.
    pub head: Duration,
    /// How long a connection may rest between two requests. Set by no variable: 75
    /// seconds, which is longer than proxies keep theirs for reuse by default, so
    /// that it is they who close.
    pub idle: Duration,
    /// How long a peer may take nothing of what is to be sent to it. Set by no
    /// variable: 30 seconds.
    pub stall: Duration,
    /// How long what is under way may take when the server stops. Set by no
    /// variable: 10 seconds.
    pub grace: Duration,
}

impl ConnectionSettings {
    /// So many connections, with the times that no variable sets.
    pub const fn new(in_all: usize, per_peer: usize) -> Self {
        Self {
            in_all,
            per_peer,
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            stall: Duration::from_secs(30),
            grace: Duration::from_secs(10),
        }
    }
}
