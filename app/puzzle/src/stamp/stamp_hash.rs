//! The hash of a stamp.

use crate::hex::hex_newtype;
use sha2::{Digest, Sha256};

/// SHA-256 of a whole stamp: its worth, and the key under which it is spent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StampHash(pub(super) [u8; 32]);

impl StampHash {
    /// The hash of `stamp`, whatever that may be.
    pub fn of(stamp: &str) -> Self {
        Self(Sha256::digest(stamp.as_bytes()).into())
    }

    /// The hash as bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// How many zero bits it starts with: 0 … 256.
    pub fn zero_bits(&self) -> u16 {
        let mut zeros = 0;
        for byte in self.0 {
            // At most 8 a byte.
            zeros += u16::from(byte.leading_zeros() as u8);
            if byte != 0 {
                break;
            }
        }
        zeros
    }
}

hex_newtype!(StampHash, 32, "stamp hash must be 64 lower-case hex digits");
