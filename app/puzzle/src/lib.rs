//! The pure domain of HashPass: what a puzzle is, what solves it, what a
//! solution is worth and how hard the next puzzle will be.
//!
//! Everything here is a value or a function of values. There is no clock, no
//! random source, no input or output and no framework, so that one crate serves
//! the server, the browser's workers, the tests and outside tools alike, and so
//! that every rule can be checked by tables, properties and a model checker.
//! It must never learn of HTTP, of time of day, or of threads.
//!
//! | module | holds |
//! |---|---|
//! | [`values`] | seeds, nonces, visitor ids, traces: validated once, at construction |
//! | [`target`] | 256-bit hashes, targets and (fractional) difficulties |
//! | [`hashing`] | the Argon2id puzzle function with its reusable memory |
//! | [`curve`] | how the target moves inside a round |
//! | [`rule`] | how the difficulty moves between rounds |
//! | [`mining_clock`] | the time during which somebody mines |
//! | [`proof`] | what proves that somebody mines, and how often it is due |
//! | [`arrival`] | who came first, although verification runs in parallel |
//! | [`mod@drop`] | one giving-out of codes: how many, when, in which state |
//! | [`invite_code`] | the code a solution wins |
//! | [`back_off`] | how long to wait before trying again |
//! | [`hex`] | bytes as lower-case hexadecimal |
//! | [`stamp`] | SHA-256 proof of work for sessions and messages |

mod argon2id;
pub mod arrival;
pub mod back_off;
mod cost;
pub mod curve;
pub mod drop;
pub mod hashing;
pub mod hex;
mod invalid;
pub mod invite_code;
pub mod mining_clock;
pub mod proof;
pub mod rule;
pub mod stamp;
pub mod target;
pub mod values;

pub use curve::Curve;
pub use hashing::{Challenge, Cost, PuzzleHasher};
pub use target::{Difficulty, Hash, Target};
pub use values::{Nonce, RoundNumber, Seed, Ticket, TraceData, VisitorId};
