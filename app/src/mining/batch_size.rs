//! How many hashes a worker should compute before it answers.
//!
//! A batch is the time after which a stop or a new round is felt, so it should
//! last about [`BATCH_TIME`]; it never has less than one hash, however long that
//! takes. The size follows what the last batch took.
//!
//! A round that ends finds every worker inside a batch of the old one, and the first
//! batch of the new one comes after it: together they stay below a quarter of a
//! second on every device that needs no longer than [`BATCH_TIME`] for a hash.

use std::time::Duration;

/// How long a batch should last: below what people notice, far above what a
/// message costs.
pub const BATCH_TIME: Duration = Duration::from_millis(125);

/// No batch has more hashes than this, so that one absurd measurement does little.
pub const LARGEST_BATCH: u32 = 8192;

/// From one batch to the next the size grows at most by this factor: the first
/// measurements of a cheap cost are mostly noise.
const LARGEST_GROWTH: u32 = 4;

/// The size of a worker's next batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize(u32);

impl Default for BatchSize {
    /// One hash: nothing is known yet.
    fn default() -> Self {
        Self(1)
    }
}

impl BatchSize {
    /// The number of hashes.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Takes into account that `hashes` hashes took `duration`.
    pub fn learn(&mut self, hashes: u32, duration: Duration) {
        // Whole hashes that fit; a batch is rather too short than too long.
        let fitting = BATCH_TIME.as_nanos() * u128::from(hashes) / duration.as_nanos().max(1);
        let most = self.0.saturating_mul(LARGEST_GROWTH).min(LARGEST_BATCH);
        self.0 = u32::try_from(fitting).unwrap_or(most).clamp(1, most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(batches: &[(u32, u64)]) -> u32 {
        let mut size = BatchSize::default();
        for (hashes, milliseconds) in batches {
            size.learn(*hashes, Duration::from_millis(*milliseconds));
        }
        size.get()
    }

    #[test]
    fn two_batches_stay_below_a_quarter_of_a_second() {
        let table: [(&[(u32, u64)], u32); 8] = [
            (&[], 1),
            (&[(1, 150)], 1),
            (&[(1, 99)], 1),
            (&[(1, 62)], 2),
            (&[(1, 2000)], 1),
            (&[(1, 10), (4, 40)], 12),
            (&[(1, 5), (4, 20), (16, 80)], 25),
            (&[(1, 5), (4, 20), (16, 80), (25, 625)], 5),
        ];
        for (batches, size) in table {
            assert_eq!(after(batches), size, "{batches:?}");
        }
    }

    #[test]
    fn no_measurement_makes_a_batch_absurd() {
        assert_eq!(after(&[(1, 0); 20]), LARGEST_BATCH);
        assert_eq!(after(&[(0, 0)]), 1);
        assert_eq!(after(&[(u32::MAX, u64::MAX / 1_000_000)]), 1);
    }
}
