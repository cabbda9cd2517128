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
mod event;
pub mod nonces;
#[cfg(feature = "hydrate")]
mod pool;
pub mod rate;
pub mod worker_count;

pub use event::{PoolEvent, PoolFailure};
#[cfg(feature = "hydrate")]
pub use miner::Job;
#[cfg(feature = "hydrate")]
pub use pool::{MinerPool, loader_url, page_time};
pub use rate::RateMeter;
pub use worker_count::{chosen_workers, suggested_workers};
