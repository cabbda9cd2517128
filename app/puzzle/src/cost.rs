//! What a hash costs, and why one cannot be computed: what the puzzle function and
//! our own Argon2id both speak of.

use crate::invalid::Invalid;
use serde::{Deserialize, Serialize};

/// What one hash costs: the three parameters of Argon2, told to the client with
/// every puzzle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cost {
    /// Memory in KiB: 8 × `parallelism` … 2^22 (4 GiB).
    pub memory_cost: u32,
    /// Passes over the memory: 1 … 100.
    pub time_cost: u32,
    /// Lanes: 1 … 16.
    pub parallelism: u32,
}

impl Cost {
    /// 64 MiB, three passes, one lane.
    pub const DEFAULT: Self = Self { memory_cost: 65_536, time_cost: 3, parallelism: 1 };

    /// # Errors
    /// [`Invalid`] if one of the three is out of its range.
    pub(crate) fn check(self) -> Result<(), Invalid> {
        let in_range = (1..=16).contains(&self.parallelism)
            && (1..=100).contains(&self.time_cost)
            && (8 * self.parallelism..=4_194_304).contains(&self.memory_cost);
        if in_range { Ok(()) } else { Err(Self::RULE) }
    }

    /// What every cost must be.
    pub(crate) const RULE: Invalid = Invalid(
        "the Argon2 cost must be parallelism 1 to 16, time_cost 1 to 100, memory_cost 8 × parallelism to 4194304 KiB",
    );
}

/// Why a hash could not be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashingError {
    /// The device would not give the memory.
    #[error("not enough memory for the puzzle")]
    OutOfMemory,
    /// Argon2 refused its input; cannot happen with validated values.
    #[error("the hash function failed")]
    Failed,
}
