//! How the target moves inside a round.
//!
//! The page computes the same curve as the server, from the same numbers, so
//! that it can show the bar coming down and submit its best hash at the moment
//! it becomes valid.

use crate::target::{Hash, Target};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The target as a function of the round's mining time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curve {
    /// The same target throughout: the `step` rule.
    Fixed(Target),
    /// A target that rises until somebody clears it: the `rising` rule.
    Rising(RisingCurve),
}

/// target(t) = reference_target · (t / reference_time)^power, kept within
/// `hardest` … `easiest`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RisingCurve {
    /// Seconds of mining time after which the target is the reference target.
    pub reference_time: f64,
    /// The target at the reference time.
    pub reference_target: Target,
    /// The exponent; 2.
    pub power: f64,
    /// The highest target there will be.
    pub easiest: Target,
    /// The lowest target there will be.
    pub hardest: Target,
}

impl Curve {
    /// The target after `mining_time` of this round.
    pub fn target_at(&self, mining_time: Duration) -> Target {
        match self {
            Self::Fixed(target) => *target,
            Self::Rising(curve) => {
                let factor = (mining_time.as_secs_f64() / curve.reference_time).powf(curve.power);
                Target::from_fraction(curve.reference_target.fraction() * factor).min(curve.easiest).max(curve.hardest)
            }
        }
    }

    /// The mining time from which `hash` wins; `None` if it never does.
    pub fn valid_from(&self, hash: &Hash) -> Option<Duration> {
        match self {
            Self::Fixed(target) => hash.is_below(target).then_some(Duration::ZERO),
            Self::Rising(curve) if hash.is_below(&curve.hardest) => {
                debug_assert!(curve.hardest <= curve.easiest);
                Some(Duration::ZERO)
            }
            Self::Rising(curve) if hash.is_below(&curve.easiest) => {
                let ratio = hash.fraction() / curve.reference_target.fraction();
                let seconds = curve.reference_time * ratio.powf(1.0 / curve.power);
                // Rounding must never promise a moment at which the hash does not
                // win yet: one part in a million is far beyond a double's error.
                Duration::try_from_secs_f64(seconds * (1.0 + 1e-6) + 1e-6).ok()
            }
            Self::Rising(_) => None,
        }
    }

    /// The rising curve's numbers, which travel with the puzzle.
    pub const fn rising(&self) -> Option<&RisingCurve> {
        match self {
            Self::Fixed(_) => None,
            Self::Rising(curve) => Some(curve),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Difficulty;
    use proptest::prelude::*;

    fn target(digits: f64) -> Target {
        Difficulty::new(digits).unwrap().into()
    }

    fn rising(reference: f64) -> Curve {
        Curve::Rising(RisingCurve {
            reference_time: 60.0,
            reference_target: target(reference),
            power: 2.0,
            easiest: target(1.0),
            hardest: target(6.0),
        })
    }

    #[test]
    fn the_target_is_quadratic_between_its_bounds() {
        let curve = rising(3.0);
        assert_eq!(curve.target_at(Duration::ZERO), target(6.0));
        assert_eq!(curve.target_at(Duration::from_secs(30)), target(3.5));
        assert_eq!(curve.target_at(Duration::from_secs(60)), target(3.0));
        assert_eq!(curve.target_at(Duration::from_secs(120)), target(2.5));
        assert_eq!(curve.target_at(Duration::from_secs(86_400)), target(1.0));
    }

    #[test]
    fn a_hash_above_the_easiest_target_never_wins() {
        assert_eq!(rising(3.0).valid_from(&Hash::from_bytes([0x10; 32])), None);
        assert_eq!(rising(3.0).valid_from(&Hash::from_bytes([0; 32])), Some(Duration::ZERO));
        assert_eq!(Curve::Fixed(target(1.0)).valid_from(&Hash::from_bytes([0x10; 32])), None);
        assert_eq!(Curve::Fixed(target(1.0)).valid_from(&Hash::from_bytes([0x0f; 32])), Some(Duration::ZERO));
    }

    proptest! {
        #[test]
        fn the_target_never_falls(reference in 1.0..6.0f64, a in 0.0..1e4f64, b in 0.0..1e4f64) {
            let (early, late) = (Duration::from_secs_f64(a.min(b)), Duration::from_secs_f64(a.max(b)));
            prop_assert!(rising(reference).target_at(early) <= rising(reference).target_at(late));
        }

        #[test]
        fn a_hash_wins_from_the_promised_moment_and_hardly_before(
            reference in 1.0..6.0f64, bytes: [u8; 32], zeros in 0usize..4,
        ) {
            let mut bytes = bytes;
            bytes[..zeros].fill(0);
            let hash = Hash::from_bytes(bytes);
            let curve = rising(reference);
            if let Some(from) = curve.valid_from(&hash) {
                prop_assert!(hash.is_below(&curve.target_at(from)));
                if let Some(before) = from.checked_sub(from / 1000 + Duration::from_millis(1)) {
                    prop_assert!(!hash.is_below(&curve.target_at(before)));
                }
            }
        }
    }
}
