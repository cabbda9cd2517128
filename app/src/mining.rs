//! Mining in the browser: how the page keeps its workers busy.
//!
//! `MinerPool` (in the browser only) is all the page needs: it starts workers,
//! gives them one batch after the other, and tells what came out as
//! [`PoolEvent`]s. The rules behind it are plain values without a clock, a random
//! source or a browser, so that they are tested natively:
//!
//! | module | holds |
//! |---|---|
//! | `crew` | which worker is asked for what, when one is replaced, what is reported |
//! | [`nonces`] | who tries which nonce |
//! | [`batch_size`] | how many hashes make a batch of the right length |
//! | [`rate`] | hashes per second |
//! | [`worker_count`] | how many workers a device should run |
//! | `pool` | carries out in the browser what the crew decides |
//!
//! Nothing in here judges whether a hash wins, talks to the server or shows
//! anything: the page does, from the events.

pub mod batch_size;
#[cfg(any(feature = "hydrate", test))]
mod crew;
pub mod nonces;
#[cfg(feature = "hydrate")]
mod pool;
pub mod rate;
pub mod worker_count;

#[cfg(feature = "hydrate")]
pub use miner::Job;
#[cfg(feature = "hydrate")]
pub use pool::{MinerPool, loader_url, page_time};
pub use rate::RateMeter;
pub use worker_count::{chosen_workers, suggested_workers};

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
