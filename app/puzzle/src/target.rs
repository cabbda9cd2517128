//! Hashes, targets and difficulties.
//!
//! A hash is a 256-bit big-endian number and wins when it is **below** the
//! target. The fraction of all hashes that win is the target over 2^256; its
//! inverse is how many hashes a win costs on average.

use crate::{hex::hex_newtype, invalid::Invalid};
use serde::{Deserialize, Serialize};

/// The 32-byte output of the puzzle function, read as a big-endian number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub(crate) [u8; 32]);

impl Hash {
    /// A hash from its bytes, most significant first.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, most significant first.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// True if the hash wins against `target`.
    pub fn is_below(&self, target: &Target) -> bool {
        self.0 < target.0
    }

    /// This hash as a fraction of 2^256, in 0 … 1 (to the 53 bits of a double).
    pub fn fraction(&self) -> f64 {
        fraction(&self.0)
    }
}

hex_newtype!(Hash, 32, "hash must be 64 lower-case hex digits");

/// The number a hash must be below in order to win.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(pub(crate) [u8; 32]);

impl Target {
    /// The target that `fraction` of all hashes are below, clamped to 0 … 1.
    /// Not a number counts as 0. Exact to the 53 bits of a double.
    pub fn from_fraction(fraction: f64) -> Self {
        if 1.0 <= fraction {
            return Self([0xff; 32]);
        }
        if fraction.is_nan() || fraction <= 0.0 {
            return Self([0; 32]);
        }
        // fraction = mantissa · 2^exponent with an integer mantissa: the target is
        // the mantissa moved up by 256 + exponent bits.
        let bits = fraction.to_bits();
        let biased = i32::try_from(bits >> 52).unwrap_or(0);
        let low_bits = bits & ((1 << 52) - 1);
        let (mantissa, exponent) = if biased == 0 { (low_bits, -1074) } else { (low_bits | 1 << 52, biased - 1075) };
        let shift = 256 + exponent;
        let mut number = [0; 32];
        if shift < 0 {
            let kept = mantissa.checked_shr(shift.unsigned_abs()).unwrap_or(0);
            number[24..].copy_from_slice(&kept.to_be_bytes());
        } else {
            // At most 203 + 53 bits: it always fits.
            let shift = shift.unsigned_abs() as usize;
            let wide = (u128::from(mantissa) << (shift % 8)).to_be_bytes();
            let end = 32 - shift / 8;
            let from = end.saturating_sub(16);
            number[from..end].copy_from_slice(&wide[16 - (end - from)..]);
        }
        Self(number)
    }

    /// The fraction of all hashes that are below this target, in 0 … 1 (to the 53 bits of a double).
    pub fn fraction(&self) -> f64 {
        fraction(&self.0)
    }

    /// How many hashes a win costs on average.
    pub fn expected_hashes(&self) -> f64 {
        1.0 / self.fraction()
    }

    /// The difficulty that this target stands for.
    pub fn difficulty(&self) -> f64 {
        -self.fraction().log2() / 4.0
    }
}

hex_newtype!(Target, 32, "target must be 64 lower-case hex digits");

impl From<Difficulty> for Target {
    /// floor(2^256 / 16^d); for a whole number d exactly the hashes whose hex
    /// digits start with d zeros.
    fn from(difficulty: Difficulty) -> Self {
        Self::from_fraction((-4.0 * difficulty.0).exp2())
    }
}

/// How rare a winning hash is, in leading zero hex digits; may be fractional.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Difficulty(f64);

impl Difficulty {
    /// # Errors
    /// [`Invalid`] outside 0 … 16: beyond that nobody ever wins.
    pub fn new(digits: f64) -> Result<Self, Invalid> {
        if (0.0..=16.0).contains(&digits) {
            Ok(Self(digits))
        } else {
            Err(Invalid("difficulty must be a number of hex digits from 0 to 16"))
        }
    }

    /// The number of leading zero hex digits.
    pub const fn digits(self) -> f64 {
        self.0
    }

    /// The difficulty that `steps` more (or, if negative, fewer) digits make,
    /// kept within `easiest` … `hardest`.
    #[must_use]
    pub fn step(self, steps: f64, easiest: Self, hardest: Self) -> Self {
        Self((self.0 + steps).clamp(easiest.0, hardest.0))
    }
}

impl TryFrom<f64> for Difficulty {
    type Error = Invalid;

    fn try_from(digits: f64) -> Result<Self, Invalid> {
        Self::new(digits)
    }
}

impl From<Difficulty> for f64 {
    fn from(difficulty: Difficulty) -> Self {
        difficulty.0
    }
}

/// A 256-bit big-endian number over 2^256.
fn fraction(number: &[u8; 32]) -> f64 {
    number.iter().rev().fold(0.0, |sum, byte| (sum + f64::from(*byte)) / 256.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn target(digits: f64) -> Target {
        Difficulty::new(digits).unwrap().into()
    }

    #[test]
    fn whole_difficulties_are_powers_of_sixteen() {
        assert_eq!(target(1.0).to_string(), format!("1{}", "0".repeat(63)));
        assert_eq!(target(3.0).to_string(), format!("001{}", "0".repeat(61)));
        assert_eq!(target(16.0).to_string(), format!("{}1{}", "0".repeat(15), "0".repeat(48)));
        assert_eq!(target(0.0).to_string(), "f".repeat(64));
    }

    #[test]
    fn half_a_digit_is_a_factor_of_four() {
        assert_eq!(target(2.5).to_string(), format!("004{}", "0".repeat(61)));
        assert_eq!(target(2.5).expected_hashes(), 1024.0);
        assert_eq!(target(2.5).difficulty(), 2.5);
    }

    #[test]
    fn fractions_beyond_the_range_are_clamped() {
        assert_eq!(Target::from_fraction(f64::NAN), Target([0; 32]));
        assert_eq!(Target::from_fraction(-1.0), Target([0; 32]));
        assert_eq!(Target::from_fraction(f64::INFINITY), Target([0xff; 32]));
        assert_eq!(Target::from_fraction(f64::MIN_POSITIVE), Target([0; 32]));
        assert_eq!(Target::from_fraction(2f64.powi(-256)).to_string(), format!("{}1", "0".repeat(63)));
        assert_eq!(Target::from_fraction(3.0 * 2f64.powi(-256)).to_string(), format!("{}3", "0".repeat(63)));
        assert_eq!(Target::from_fraction(1.5 * 2f64.powi(-256)).to_string(), format!("{}1", "0".repeat(63)));
    }

    proptest! {
        #[test]
        fn the_target_is_monotone_in_the_difficulty(a in 0.0..16.0f64, b in 0.0..16.0f64) {
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(target(high) <= target(low));
        }

        #[test]
        fn a_whole_difficulty_is_the_leading_zero_rule(bytes: [u8; 32], zeros in 0usize..=4, digits in 1u8..=6) {
            let mut bytes = bytes;
            bytes[..zeros].fill(0);
            let hash = Hash::from_bytes(bytes);
            let leading = hash.to_string().bytes().take_while(|c| *c == b'0').count();
            prop_assert_eq!(hash.is_below(&target(f64::from(digits))), usize::from(digits) <= leading);
        }

        #[test]
        fn a_fraction_survives_the_way_through_a_target(fraction in 1e-60..1.0f64) {
            let back = Target::from_fraction(fraction).fraction();
            prop_assert!((back / fraction - 1.0).abs() < 1e-15, "{fraction} {back}");
        }

        #[test]
        fn hex_survives_the_way_through_text(bytes: [u8; 32]) {
            let hash = Hash::from_bytes(bytes);
            prop_assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
        }
    }
}
