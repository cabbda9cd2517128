//! Divides the nonces among the workers: worker i of n tries first + i,
//! first + i + n, first + i + 2n, … and goes on at 0 after the largest nonce.
//!
//! No nonce is handed out twice, whatever happens to the number of workers; some
//! are skipped when it changes, of which there are plenty. It never picks the
//! first nonce: the caller does, at random.

use puzzle::Nonce;

/// The nonces of one job, divided among a number of workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DividedNonces {
    /// Worker 0's first nonce.
    first: u64,
    /// For each worker, how many nonces it was given.
    given: Vec<u64>,
}

impl DividedNonces {
    /// The nonces from `first` on, for `workers` workers (at least one).
    pub fn new(first: Nonce, workers: usize) -> Self {
        Self { first: first.get(), given: vec![0; workers.max(1)] }
    }

    /// From one nonce of a worker to its next: the number of workers.
    pub fn stride(&self) -> u64 {
        self.given.len() as u64
    }

    /// The first of the next `count` nonces of a worker. `None` if there is no
    /// such worker.
    pub fn take(&mut self, worker: usize, count: u32) -> Option<Nonce> {
        let stride = self.stride();
        let given = self.given.get_mut(worker)?;
        let offset = stride.wrapping_mul(*given).wrapping_add(worker as u64);
        *given += u64::from(count);
        Some(wrap(self.first.wrapping_add(offset)))
    }

    /// Divides what nobody was given yet among another number of workers.
    pub fn divide_among(&mut self, workers: usize) {
        let rows = self.given.iter().max().copied().unwrap_or(0);
        let untouched = wrap(self.first.wrapping_add(self.stride().wrapping_mul(rows)));
        *self = Self::new(untouched, workers);
    }
}

/// 2^64 is a multiple of 2^53, so that cutting off a wrapped sum is still right.
fn wrap(number: u64) -> Nonce {
    Nonce::new(number & Nonce::MAX.get()).unwrap_or(Nonce::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn nonce(value: u64) -> Nonce {
        Nonce::new(value).unwrap()
    }

    #[test]
    fn each_worker_has_its_own_nonces() {
        let mut nonces = DividedNonces::new(nonce(100), 3);
        assert_eq!(nonces.stride(), 3);
        assert_eq!(nonces.take(0, 1), Some(nonce(100)));
        assert_eq!(nonces.take(1, 2), Some(nonce(101)));
        assert_eq!(nonces.take(2, 1), Some(nonce(102)));
        assert_eq!(nonces.take(0, 1), Some(nonce(103)));
        assert_eq!(nonces.take(1, 1), Some(nonce(107)));
        assert_eq!(nonces.take(3, 1), None);
    }

    #[test]
    fn zero_comes_after_the_largest_nonce() {
        let mut nonces = DividedNonces::new(Nonce::MAX, 2);
        assert_eq!(nonces.take(0, 1), Some(Nonce::MAX));
        assert_eq!(nonces.take(1, 1), Some(nonce(0)));
        assert_eq!(nonces.take(0, 1), Some(nonce(1)));
    }

    #[test]
    fn there_is_always_a_worker() {
        assert_eq!(DividedNonces::new(nonce(5), 0).take(0, 1), Some(nonce(5)));
    }

    #[test]
    fn nothing_is_tried_twice_when_the_number_of_workers_changes() {
        let mut nonces = DividedNonces::new(nonce(Nonce::MAX.get() - 40), 1);
        let mut tried = HashSet::new();
        for workers in [1, 4, 3, 7, 2] {
            nonces.divide_among(workers);
            for turn in 0..20 {
                let worker = turn * turn % workers;
                let count = 1 + (turn % 3) as u32;
                let first = nonces.take(worker, count).unwrap().get();
                for i in 0..u64::from(count) {
                    assert!(tried.insert((first + i * nonces.stride()) & Nonce::MAX.get()));
                }
            }
        }
    }
}
