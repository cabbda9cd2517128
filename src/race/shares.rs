//! Shares: from a message to its effect on who counts.
//!
//! What costs nothing is checked at once; the hash is computed by the race's
//! verifier when no submission waits, in a task that outlives the connection: a
//! client that hangs up after a false share does not get away with it.
//!
//! The trace is not compared with the address of the connection. A client that
//! means to deceive writes into its trace what it likes, so nothing would be gained;
//! and a device with two kinds of addresses may well mine with the one and be
//! connected by the other. The network that a session counts for is always that of
//! its connection.

use tokio::task::JoinHandle;

/// A share that is being computed: done when its effect is there, with what the
/// client is to be told.
pub type ShareVerdict = JoinHandle<Option<ShareError>>;

/// Why a share proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Its hash is above the target of shares.
    #[error("A share is a hash that begins with a zero.")]
    TooLarge,
    /// Its trace could be split in another place.
    #[error("The trace of a share begins with a key of two characters, such as fl= or ip=.")]
    NotSpliceProof,
    /// Its visitor id is not that of the session.
    #[error("This session belongs to another visitor id.")]
    OtherVisitor,
    /// The session has not said that it mines.
    #[error("Say mining_start before the first share.")]
    NotMining,
    /// The hash has proven something already.
    #[error("This hash has been used as a share before.")]
    Spent,
    /// A share of the session was false.
    #[error("An earlier share of this session was false.")]
    Discredited,
    /// The hash is not the one that the nonce has.
    #[error("The nonce does not have this hash: this session counts as a miner no more.")]
    FalseHash,
}
