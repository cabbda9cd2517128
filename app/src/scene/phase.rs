//! What the page is doing, as one value. The status line derives from it alone.

use super::server_words::ServerWords;
use puzzle::RoundNumber;

/// What the page is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Finding out whether this visitor may take part.
    Checking,
    /// Ready; the visitor has not asked for mining.
    Idle,
    /// The workers are on their way.
    Starting,
    /// The visitor has asked for mining, and the drop opens later: then it begins by itself.
    AwaitingDrop,
    /// The drop is over: there is nothing to be won.
    Over,
    /// Trying nonces.
    Mining,
    /// A solution is with the server.
    Submitting,
    /// This page has just won the round named; it goes on by itself.
    Won(RoundNumber),
    /// Something is missing; the page goes on by itself as soon as it is back.
    Paused(Pause),
    /// The page cannot go on without the visitor.
    Failed(Failure),
}

impl Phase {
    /// One word in the page's markup, for the style and for tests.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Checking => "checking",
            Self::Idle => "idle",
            Self::Starting => "starting",
            Self::AwaitingDrop => "waiting",
            Self::Over => "over",
            Self::Mining => "mining",
            Self::Submitting => "submitting",
            Self::Won(_) => "won",
            Self::Paused(_) => "paused",
            Self::Failed(_) => "failed",
        }
    }
}

/// What a pause waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// The live connection: without it the round may be over unnoticed.
    ConnectionLost,
    /// The server, which does not answer or is too busy.
    ServerUnreachable,
    /// The address that the server sees, which cannot be read.
    TraceUnreadable,
    /// The human check, which needs the visitor.
    HumanCheck,
    /// The operator, who has halted the drop.
    DropPaused,
}

/// Why the page cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The session that the server made may not take part.
    NotVerified,
    /// The server does not let this visitor in, and says why.
    EntryRefused(ServerWords),
    /// The browser does not send the session back.
    SessionNotKept,
    /// The worker's program could not be loaded.
    MinerNotLoaded,
    /// The worker computes wrong hashes.
    MinerFaulty,
    /// Not even one worker got its memory.
    OutOfMemory,
    /// The workers stopped answering.
    MinerStalled,
    /// Every solution arrives from another address than its trace names.
    AddressUnstable,
    /// The server refuses the solutions, and says why.
    SolutionsRefused(ServerWords),
    /// This visitor, or the network, has won as much as may be won.
    QuotaReached {
        /// True if it is the network.
        by_network: bool,
    },
}

impl Failure {
    /// True if pressing Start can help.
    pub const fn may_be_retried(&self) -> bool {
        !matches!(self, Self::NotVerified | Self::EntryRefused(_) | Self::SessionNotKept | Self::QuotaReached { .. })
    }
}
