//! What the pool tells the page.

use puzzle::{Hash, Nonce, RoundNumber};

/// What the pool tells the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PoolEvent {
    /// So many workers are up: loaded, and the known answer came out right.
    /// Sent on every start and whenever the number changes.
    Workers {
        /// How many.
        running: usize,
    },
    /// A batch is done.
    Progress {
        /// The round it was for: always that of the present job.
        round: RoundNumber,
        /// Hashes since the last event, for the rate.
        hashes: u32,
        /// The best hash of the job so far, if this batch improved it; also right
        /// after a start that goes on with the job mined before.
        best: Option<(Hash, Nonce)>,
        /// The lowest hash of this batch alone, whether it improved anything or
        /// not: in a long round only such hashes show that mining goes on.
        lowest: Option<(Hash, Nonce)>,
    },
    /// The device refused memory: so many workers go on, and the page should
    /// remember that number.
    Fewer {
        /// How many are left; at least one.
        workers: usize,
    },
    /// Nothing is left that mines. The pool has stopped; another start tries again.
    Failed(PoolFailure),
}

/// Why nothing mines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolFailure {
    /// The worker's files could not be loaded or run.
    LoadFailed,
    /// The hash function gives wrong answers on this device, or none.
    SelfTestFailed,
    /// The device has not the memory for a single worker.
    OutOfMemory,
    /// The worker fell silent in the middle of its work.
    Stalled,
}
