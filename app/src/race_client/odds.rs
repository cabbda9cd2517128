//! Honest odds: what the visitor can expect, computed from the round's curve, the
//! mining clock and the rate. Never a promise, never a progress bar.

use puzzle::{Curve, Hash};
use std::time::Duration;

/// Half of the visitors with `rate` hashes per second and the best hash `best`
/// would win within this time, if they were alone in the round.
///
/// The best hash wins at a moment that is known. New hashes win by chance: after
/// `t` more seconds `rate · t` new ones exist, each below the target of that
/// moment with a probability that is the target's fraction of 2^256. The target of the
/// `rising` rule rises, so a hash found early still counts later.
///
/// `None` if that takes longer than a day.
pub(super) fn half_win_within(
    curve: &Curve,
    mining_time: Duration,
    rate: f64,
    best: Option<&Hash>,
) -> Option<Duration> {
    const DAY: f64 = 86_400.0;
    let best_wins = best.and_then(|best| curve.valid_from(best)).map(|moment| moment.saturating_sub(mining_time));
    let expected_wins = |seconds: f64| {
        let target = curve.target_at(mining_time + Duration::from_secs_f64(seconds));
        rate * seconds * target.fraction()
    };
    let even_chance = std::f64::consts::LN_2;
    let new_hashes = (0.0 < rate && even_chance <= expected_wins(DAY)).then(|| {
        // It grows with time: halve the interval until it is a hundredth of a second.
        let (mut early, mut late) = (0.0, DAY);
        while 0.01 < late - early {
            let middle = (early + late) / 2.0;
            if expected_wins(middle) < even_chance { early = middle } else { late = middle }
        }
        Duration::from_secs_f64(late)
    });
    match (best_wins, new_hashes) {
        (Some(known), Some(by_chance)) => Some(known.min(by_chance)),
        (known, by_chance) => known.or(by_chance),
    }
    .filter(|time| time.as_secs_f64() <= DAY)
}

/// The part of the rounds that a device wins in the long run: its part of all
/// hashes. `None` while the network's rate is unknown or smaller than its own
/// by more than the reports can lag behind.
pub(super) fn part_of_rounds(rate: f64, network_rate: f64) -> Option<f64> {
    (0.0 < rate && rate <= network_rate).then(|| rate / network_rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use puzzle::{Difficulty, Target, curve::RisingCurve};

    fn target(digits: f64) -> Target {
        Difficulty::new(digits).unwrap().into()
    }

    fn rising() -> Curve {
        Curve::Rising(RisingCurve {
            reference_time: 60.0,
            reference_target: target(3.0),
            power: 2.0,
            easiest: target(1.0),
            hardest: target(6.0),
        })
    }

    #[test]
    fn at_a_fixed_target_the_time_is_that_of_a_memoryless_process() {
        let fixed = Curve::Fixed(target(3.0));
        let time = half_win_within(&fixed, Duration::ZERO, 12.0, None).unwrap().as_secs_f64();
        let expected = 4096.0 * std::f64::consts::LN_2 / 12.0;
        assert!((time - expected).abs() < 0.02, "{time} {expected}");
        assert_eq!(half_win_within(&fixed, Duration::ZERO, 0.0, None), None);
        assert_eq!(half_win_within(&Curve::Fixed(target(6.0)), Duration::ZERO, 12.0, None), None);
    }

    #[test]
    fn a_rising_target_gives_a_slow_device_a_time_too() {
        let early = half_win_within(&rising(), Duration::ZERO, 2.0, None).unwrap();
        assert!((150.0..200.0).contains(&early.as_secs_f64()), "{early:?}");
        let late = half_win_within(&rising(), Duration::from_secs(120), 2.0, None).unwrap();
        assert!(late < early);
    }

    #[test]
    fn a_good_best_hash_wins_at_a_known_moment() {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[1]) = (0x00, 0x0f);
        let best = Hash::from_bytes(bytes);
        let wins = half_win_within(&rising(), Duration::from_secs(10), 0.1, Some(&best)).unwrap();
        assert!((wins.as_secs_f64() - 50.0).abs() < 0.1, "{wins:?}");
    }

    #[test]
    fn a_part_of_rounds_needs_a_network_that_includes_us() {
        assert_eq!(part_of_rounds(2.0, 8.0), Some(0.25));
        assert_eq!(part_of_rounds(2.0, 0.0), None);
        assert_eq!(part_of_rounds(0.0, 8.0), None);
    }
}
