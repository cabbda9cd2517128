//! How much work a stamp takes.

use crate::invalid::Invalid;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How much proof is asked for, in leading zero bits: 0 … 40. Zero asks for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Bits(u8);

impl Bits {
    /// No stamp is needed.
    pub const NONE: Self = Self(0);

    /// 2^40 hashes: hours on a fast machine.
    pub const MAX: Self = Self(40);

    /// # Errors
    /// [`Invalid`] above [`Bits::MAX`].
    pub const fn new(bits: u8) -> Result<Self, Invalid> {
        if bits <= Self::MAX.0 { Ok(Self(bits)) } else { Err(Invalid("bits must be an integer from 0 to 40")) }
    }

    /// The number of bits.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// True if no stamp is needed.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// How many tries a stamp costs on average: 2^bits.
    pub const fn expected_tries(self) -> u64 {
        1 << self.0
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u8> for Bits {
    type Error = Invalid;

    fn try_from(bits: u8) -> Result<Self, Invalid> {
        Self::new(bits)
    }
}

impl From<Bits> for u8 {
    fn from(bits: Bits) -> Self {
        bits.0
    }
}
