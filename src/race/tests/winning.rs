//! Who wins, and what follows from it.

use super::*;

#[tokio::test]
async fn the_first_valid_solution_wins_and_opens_the_next_round() {
    let bench = Bench::quick(RuleName::Step);
    let seed = bench.seed();
    bench.race.run_clock_until(Duration::MAX);
    bench.clock.advance(Duration::from_secs(60));
    let victory = bench.submit("a", 1).await.unwrap().unwrap();
    assert_eq!((victory.round, victory.solve_time), (RoundNumber(1), 60.0));
    assert_eq!((victory.difficulty, victory.new_difficulty), (3.0, 3.0));
    let code = InviteCode::derive(
        &CodeSecret::from_bytes([7; 32]),
        &"visitor-1".parse().unwrap(),
        Nonce::new(1).unwrap(),
        &seed,
    );
    assert_eq!(victory.invite_code, code);

    let mut announcements = bench.race.announcements();
    let next = *announcements.wait_for(|announcement| announcement.round == RoundNumber(2)).await.unwrap();
    assert_eq!((next.reason, next.solve_time), (ResetReason::Solved, Some(Duration::from_secs(60))));
    assert_ne!(next.seed, seed);
    assert_eq!(bench.won_by("a").await, [RoundNumber(1)]);
    assert_eq!(bench.won_by("b").await, []);
    assert_eq!(*bench.notes.won.lock().unwrap(), [RoundNumber(1)]);
}

#[tokio::test]
async fn of_fifty_valid_solutions_one_wins_and_it_is_the_first_to_arrive() {
    let bench = Bench::new(RuleName::Step, 3, 256);
    let tasks: Vec<_> = (0..50).map(|n| bench.submit(&format!("session-{n}"), n % 10)).collect();
    bench.gate.open();
    for (place, task) in tasks.into_iter().enumerate() {
        let outcome = task.await.unwrap();
        if place == 0 {
            assert!(outcome.is_ok());
        } else {
            assert_eq!(outcome, Err(Refusal::AlreadySolved));
        }
    }
}

#[tokio::test]
async fn a_lie_that_arrived_first_does_not_win() {
    let bench = Bench::new(RuleName::Step, 2, 256);
    let liar = bench.submit("liar", FALSE_FROM);
    let honest = bench.submit("honest", 1);
    bench.gate.open();
    assert_eq!(liar.await.unwrap(), Err(Refusal::HashMismatch));
    assert!(honest.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_winner_who_never_said_that_it_mines_cannot_make_a_solve_look_instant() {
    // (mining time, then time without, judged by, next difficulty)
    for (mined, idle, judged, next) in
        [(0, 3, 3.0, 4.0), (0, 50, 50.0, 3.0), (0, 30_000, 120.0, 3.0), (119, 30_000, 120.0, 3.0), (20, 20, 40.0, 3.0)]
    {
        let bench = Bench::quick(RuleName::Step);
        bench.clock.advance(Duration::from_secs(1));
        assert!(bench.submit("before", 1).await.unwrap().is_ok());
        bench.race.announcements().wait_for(|now| now.round == RoundNumber(2)).await.unwrap();
        let before = bench.race.view().difficulty;
        bench.race.run_clock_until(Duration::from_secs(1 + mined));
        bench.clock.advance(Duration::from_secs(mined + idle));
        let victory = bench.submit(HIDDEN, 1).await.unwrap().unwrap();
        assert_eq!((victory.solve_time, victory.new_difficulty - before), (judged, next - 3.0), "{mined} {idle}");
        // Who counted is judged by the mining clock, however long the pause.
        let bench = Bench::quick(RuleName::Step);
        bench.race.run_clock_until(Duration::from_secs(mined));
        bench.clock.advance(Duration::from_secs(mined + idle));
        let victory = bench.submit("seen", 1).await.unwrap().unwrap();
        assert_eq!(victory.solve_time, mined as f64);
    }
}

#[tokio::test]
async fn a_hidden_winner_must_clear_the_target_of_the_mining_clock() {
    let bench = Bench::quick(RuleName::Rising);
    bench.race.run_clock_until(Duration::from_secs(6));
    bench.clock.advance(Duration::from_secs(600));
    // Below the reference target, but not below what six seconds of mining reach.
    let hash: Hash = puzzle::Target::from(difficulty(3.5)).to_string().parse().unwrap();
    let early = Solution { seed: bench.seed(), nonce: Nonce::new(1).unwrap(), hash };
    let refusal = bench.submit_solution(HIDDEN, early).await.unwrap().unwrap_err();
    assert!(matches!(refusal, Refusal::BelowDifficulty { valid_in: Some(Some(_)) }), "{refusal:?}");
}

#[tokio::test]
async fn who_hangs_up_still_wins() {
    let bench = Bench::new(RuleName::Step, 1, 256);
    bench.submit("gone", 1).abort();
    let late = bench.submit("late", 2);
    bench.gate.open();
    assert_eq!(late.await.unwrap(), Err(Refusal::AlreadySolved));
    assert_eq!(bench.won_by("gone").await, [RoundNumber(1)]);
}

#[tokio::test]
async fn stopping_answers_what_was_admitted_and_admits_nothing_more() {
    let bench = Bench::new(RuleName::Step, 1, 256);
    let admitted = bench.submit("a", 1);
    let race = bench.race.clone();
    let stop = tokio::spawn(async move { race.stop().await });
    while !lock(&bench.race.shared.state).is_stopping() {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.submit("b", 2).await.unwrap(), Err(Refusal::Stopping));
    bench.gate.open();
    stop.await.unwrap();
    assert!(admitted.await.unwrap().is_ok());
}
