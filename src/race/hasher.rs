//! Where the hashes of submissions come from.

use puzzle::{Challenge, Cost, Hash, Nonce, PuzzleHasher, hashing::HashingError};
use std::sync::Arc;

/// Computes puzzle hashes; a parameter, so that tests need not spend 64 MiB.
pub trait SolutionHasher: Send {
    /// The hash of `nonce` for `challenge`.
    ///
    /// # Errors
    /// [`HashingError`].
    fn hash(&mut self, challenge: &Challenge, nonce: Nonce) -> Result<Hash, HashingError>;

    /// The hashes of two nonces at once.
    ///
    /// # Errors
    /// [`HashingError`].
    fn hash_two(&mut self, nonces: [(&Challenge, Nonce); 2]) -> Result<[Hash; 2], HashingError>;

    /// How many hashes are best computed at once: 1 or 2.
    fn at_once(&self) -> usize;
}

impl SolutionHasher for PuzzleHasher {
    fn hash(&mut self, challenge: &Challenge, nonce: Nonce) -> Result<Hash, HashingError> {
        Self::hash(self, challenge, nonce)
    }

    fn hash_two(&mut self, nonces: [(&Challenge, Nonce); 2]) -> Result<[Hash; 2], HashingError> {
        self.hash_each(nonces)
    }

    fn at_once(&self) -> usize {
        Self::at_once(self)
    }
}

/// Makes a hasher with its arena.
pub type HasherFactory = Arc<dyn Fn() -> Result<Box<dyn SolutionHasher>, HashingError> + Send + Sync>;

/// Makes hashers of the real puzzle function.
pub fn real_hashers(cost: Cost) -> HasherFactory {
    Arc::new(move || {
        let mut hasher = PuzzleHasher::new(cost).map_err(|_| HashingError::Failed)?;
        hasher.reserve(hasher.at_once())?;
        Ok(Box::new(hasher))
    })
}
