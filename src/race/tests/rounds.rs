//! Rounds: which submissions belong to one, and how it ends.

use super::*;

#[tokio::test]
async fn old_seeds_and_weak_hashes_cost_nothing() {
    let bench = Bench::new(RuleName::Step, 1, 1);
    let stale =
        Solution { seed: Seed::from_bytes([9; 16]), nonce: Nonce::new(1).unwrap(), hash: Hash::from_bytes(HASH) };
    assert_eq!(bench.submit_solution("a", stale).await.unwrap(), Err(Refusal::AlreadySolved));
    let weak = Solution { seed: bench.seed(), hash: Hash::from_bytes([0xff; 32]), ..stale };
    assert_eq!(bench.submit_solution("a", weak).await.unwrap(), Err(Refusal::BelowDifficulty { valid_in: None }));
}

#[tokio::test]
async fn a_rising_target_says_when_a_hash_becomes_valid() {
    let bench = Bench::quick(RuleName::Rising);
    bench.race.run_clock_until(Duration::MAX);
    bench.clock.advance(Duration::from_secs(30));
    // Twice the present target: valid at √2 of the present time.
    let target = bench.race.view().search.unwrap().target;
    let hash: Hash = puzzle::Target::from_fraction(2.0 * target.fraction()).to_string().parse().unwrap();
    let early = Solution { seed: bench.seed(), nonce: Nonce::new(1).unwrap(), hash };
    let refusal = bench.submit_solution("a", early).await.unwrap().unwrap_err();
    let Refusal::BelowDifficulty { valid_in: Some(Some(wait)) } = refusal else { panic!("{refusal:?}") };
    assert!((wait.as_secs_f64() - 30.0 * (2f64.sqrt() - 1.0)).abs() < 0.01, "{wait:?}");
    let never = Solution { hash: Hash::from_bytes([0xff; 32]), ..early };
    assert_eq!(
        bench.submit_solution("a", never).await.unwrap(),
        Err(Refusal::BelowDifficulty { valid_in: Some(None) })
    );
}

#[tokio::test]
async fn an_unsolved_round_times_out_by_mining_time_only() {
    let bench = Bench::quick(RuleName::Step);
    bench.clock.advance(Duration::from_secs(1000));
    bench.race.tick();
    assert_eq!(bench.race.view().round, RoundNumber(1), "nobody mined");
    bench.race.run_clock_until(Duration::MAX);
    bench.clock.advance(Duration::from_secs(120));
    let mut announcements = bench.race.announcements();
    bench.race.tick();
    let next = *announcements.wait_for(|announcement| announcement.round == RoundNumber(2)).await.unwrap();
    assert_eq!((next.reason, next.solve_time), (ResetReason::Timeout, None));
    assert_eq!(bench.race.view().difficulty, 2.0);
    assert!(bench.race.view().clock_running);
}
