use super::*;
use proptest::prelude::*;

fn digits(n: f64) -> Difficulty {
    Difficulty::new(n).unwrap()
}

fn pace() -> Pace {
    Pace {
        easiest: digits(1.0),
        hardest: digits(6.0),
        shortest: Duration::from_secs(30),
        longest: Duration::from_secs(120),
    }
}

fn solved(seconds: f64) -> Outcome {
    Outcome::Solved(Duration::from_secs_f64(seconds))
}

#[test]
fn step_judges_single_rounds_and_says_why() {
    let table = [
        (3.0, solved(12.1), 4.0, "Solved too fast (12.1s < 30s)"),
        (3.0, solved(140.0), 2.0, "Solved too slow (140.0s > 120s)"),
        (3.0, solved(87.3), 3.0, "Perfect timing (87.3s within 30-120s)"),
        (3.0, solved(30.0), 3.0, "Perfect timing (30.0s within 30-120s)"),
        (3.0, solved(120.0), 3.0, "Perfect timing (120.0s within 30-120s)"),
        (6.0, solved(1.0), 6.0, "Already at max difficulty (6)"),
        (1.0, solved(121.0), 1.0, "Already at min difficulty (1)"),
        (3.0, Outcome::TimedOut, 2.0, "No solution within 120s of mining"),
        (1.0, Outcome::TimedOut, 1.0, "Already at min difficulty (1)"),
    ];
    for (before, outcome, after, reason) in table {
        let mut rule = Rule::new(RuleName::Step, digits(before), pace());
        assert_eq!(rule.after_round(outcome), reason);
        assert_eq!(rule.difficulty(), after, "{reason}");
        assert_eq!(rule.curve(), Curve::Fixed(digits(after).into()));
        assert_eq!(rule.time_out(), Some(Duration::from_secs(120)));
    }
}

#[test]
fn a_winner_who_did_not_count_is_judged_by_the_age_of_the_round() {
    let table = [
        // (mining time, age, judged by, difficulty after 3)
        (0.0, 5.0, 5.0, 4.0),
        (0.0, 60.0, 60.0, 3.0),
        (0.0, 28_800.0, 120.0, 3.0),
        (20.0, 25.0, 25.0, 4.0),
        (119.0, 28_800.0, 120.0, 3.0),
    ];
    for (mining_time, age, judged, after) in table {
        let [mining_time, age, judged] = [mining_time, age, judged].map(Duration::from_secs_f64);
        let outcome = Outcome::SolvedUncounted { mining_time, age };
        let mut rule = Rule::new(RuleName::Step, digits(3.0), pace());
        assert_eq!(rule.solve_time(outcome), Some(judged));
        rule.after_round(outcome);
        assert_eq!(rule.difficulty(), after, "{outcome:?}");
    }
}

#[test]
fn rising_learns_less_of_a_rate_from_a_hidden_winner_than_from_an_instant_solve() {
    let mut instant = Rule::new(RuleName::Rising, digits(3.0), pace());
    let mut hidden = instant.clone();
    let mining_time = Duration::from_secs(6);
    instant.after_round(Outcome::Solved(mining_time));
    hidden.after_round(Outcome::SolvedUncounted { mining_time, age: Duration::from_secs(100) });
    assert!(hidden.assumed_rate() < instant.assumed_rate());
    // 100 s at the target that 6 s had reached: a hundredth of the reference.
    let exposure = 100.0 * Target::from(digits(3.0)).fraction() / 100.0;
    let fade = (-1.0f64 / 8.0).exp();
    let before = Rule::new(RuleName::Rising, digits(3.0), pace()).assumed_rate();
    let expected = (fade + 1.0) / (fade / before + exposure);
    assert!((hidden.assumed_rate() / expected - 1.0).abs() < 1e-9);
}

#[test]
fn a_start_outside_the_bounds_is_moved_inside() {
    for name in [RuleName::Step, RuleName::Rising] {
        assert_eq!(Rule::new(name, digits(9.0), pace()).difficulty(), 6.0);
        assert_eq!(Rule::new(name, digits(0.0), pace()).difficulty(), 1.0);
    }
}

#[test]
fn rising_starts_at_the_configured_difficulty_and_never_gives_up() {
    let rule = Rule::new(RuleName::Rising, digits(3.0), pace());
    assert!((rule.difficulty() - 3.0).abs() < 1e-9);
    assert_eq!(rule.time_out(), None);
    assert!((rule.curve().rising().unwrap().reference_time - 60.0).abs() < 1e-9);
}

#[test]
fn rising_follows_the_solve_times_in_both_directions() {
    let mut fast = Rule::new(RuleName::Rising, digits(3.0), pace());
    let mut slow = fast.clone();
    assert_eq!(fast.after_round(solved(12.1)), "Solved too fast (12.1s < 30s)");
    assert_eq!(slow.after_round(solved(140.0)), "Solved too slow (140.0s > 120s)");
    assert!(slow.difficulty() < 3.0 && 3.0 < fast.difficulty());
}

proptest! {
    /// The expected solve time goes with the cube root of the estimated rate over the
    /// real one.
    #[test]
    fn no_single_round_moves_the_next_twenty_beyond_a_factor_of_two(
        before in 0_usize..60, withheld in 0.0..1e7f64, uncounted: bool,
    ) {
        let mut rule = Rule::new(RuleName::Rising, digits(3.0), pace());
        let real = rule.assumed_rate();
        // A round as the real network solves it on average: an exposure of one solve.
        let usual = |rule: &mut Rule| {
            let Estimate::Rising(estimate) = &mut rule.kind else { unreachable!() };
            estimate.learn(1.0 / real);
        };
        for _ in 0..before {
            usual(&mut rule);
        }
        let time = Duration::from_secs_f64(withheld);
        rule.after_round(if uncounted {
            Outcome::SolvedUncounted { mining_time: time / 3, age: time }
        } else {
            Outcome::Solved(time)
        });
        for _ in 0..20 {
            let factor = (rule.assumed_rate() / real).cbrt();
            prop_assert!((0.5..=2.0).contains(&factor), "{factor}");
            usual(&mut rule);
        }
    }

    #[test]
    fn a_resumed_rule_goes_on_as_the_one_that_stopped(
        rising: bool, times in prop::collection::vec(0.1..1e4f64, 0..20), next in 0.1..1e4f64,
    ) {
        let name = if rising { RuleName::Rising } else { RuleName::Step };
        let mut rule = Rule::new(name, digits(3.0), pace());
        for time in times {
            rule.after_round(solved(time));
        }
        let mut resumed = Rule::resumed(rule.estimate(), pace()).unwrap();
        prop_assert_eq!(&resumed, &rule);
        prop_assert_eq!(resumed.after_round(solved(next)), rule.after_round(solved(next)));
        prop_assert_eq!(resumed.curve(), rule.curve());
    }

    #[test]
    fn not_counting_never_makes_a_solve_look_faster_nor_too_slow(
        mining_time in 0.0..1e4f64, more in 0.0..1e5f64, difficulty in 1.0..6.0f64,
    ) {
        let [mining_time, age] = [mining_time, mining_time + more].map(Duration::from_secs_f64);
        let rule = Rule::new(RuleName::Step, digits(difficulty.round()), pace());
        let (mut counted, mut hidden) = (rule.clone(), rule);
        let outcome = Outcome::SolvedUncounted { mining_time, age };
        counted.after_round(Outcome::Solved(mining_time));
        hidden.after_round(outcome);
        prop_assert!(mining_time <= hidden.solve_time(outcome).unwrap());
        prop_assert!(hidden.difficulty() <= counted.difficulty());
        let younger_than_a_fast_solve = age < pace().shortest;
        prop_assert!(younger_than_a_fast_solve || hidden.difficulty() <= difficulty.round());
        prop_assert!(pace().longest < mining_time || difficulty.round() <= hidden.difficulty());
    }

    #[test]
    fn the_difficulty_stays_in_bounds_whatever_happens(
        rising: bool, start in 0.0..10.0f64, times in prop::collection::vec(0.0..1e5f64, 0..40),
    ) {
        let name = if rising { RuleName::Rising } else { RuleName::Step };
        let mut rule = Rule::new(name, digits(start), pace());
        for time in times {
            rule.after_round(if time < 9e4 { solved(time) } else { Outcome::TimedOut });
            prop_assert!((1.0 - 1e-9..=6.0 + 1e-9).contains(&rule.difficulty()), "{}", rule.difficulty());
        }
    }
}
