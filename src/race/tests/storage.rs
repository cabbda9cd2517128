//! What the race does while its storage fails, and after a restart.

use super::{ledger::Disk, *};

#[tokio::test]
async fn nobody_wins_while_nothing_can_be_written_and_the_round_stays_open() {
    let bench = Bench::quick(RuleName::Step);
    let seed = bench.seed();
    bench.ledger.set(Disk::Full);
    assert_eq!(bench.submit("a", 1).await.unwrap(), Err(Refusal::StorageUnavailable));
    assert!(!bench.race.storage_works());
    // From then on it is not even tried.
    assert_eq!(bench.submit("b", 1).await.unwrap(), Err(Refusal::StorageUnavailable));
    assert_eq!((bench.seed(), bench.race.view().round), (seed, RoundNumber(1)));
    assert_eq!((bench.won_by("a").await, bench.won_by("b").await), (vec![], vec![]));

    bench.ledger.set(Disk::Works);
    assert!(bench.race.storage_works());
    assert!(bench.submit("a", 1).await.unwrap().is_ok());
    assert_eq!(bench.won_by("a").await, [RoundNumber(1)]);
}

#[tokio::test]
async fn a_winner_is_told_once_the_win_is_durable_and_not_before() {
    let bench = Bench::quick(RuleName::Step);
    bench.ledger.set(Disk::Hangs);
    let winner = bench.submit("a", 1);
    while bench.race.shared.state.lock().unwrap().pending() == 0 || !bench.race.shared.state.lock().unwrap().is_ending()
    {
        tokio::task::yield_now().await;
    }
    let late = bench.submit("b", 2);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!winner.is_finished() && !late.is_finished());
    assert_eq!(bench.race.view().round, RoundNumber(1), "nobody is told of the next round");
    bench.ledger.set(Disk::Works);
    assert!(winner.await.unwrap().is_ok());
    assert_eq!(late.await.unwrap(), Err(Refusal::AlreadySolved));
}

#[tokio::test]
async fn whoever_comes_while_the_disk_hangs_is_told_within_two_seconds() {
    let bench = Bench::quick(RuleName::Step);
    bench.ledger.set(Disk::Hangs);
    let winner = bench.submit("a", 1);
    while !bench.race.shared.state.lock().unwrap().is_ending() {
        tokio::task::yield_now().await;
    }
    let late = bench.submit("b", 2);
    bench.clock.advance(Duration::from_secs(2));
    bench.race.tick();
    assert_eq!(late.await.unwrap(), Err(Refusal::StorageUnavailable));
    assert_eq!(bench.submit("c", 3).await.unwrap(), Err(Refusal::StorageUnavailable));
    // What was decided stands: its commit is never cancelled.
    assert!(!winner.is_finished());
    bench.ledger.set(Disk::Works);
    assert!(winner.await.unwrap().is_ok());
}

#[tokio::test]
async fn one_network_cannot_have_all_of_the_places_for_those_who_come_late() {
    let bench = Bench::quick(RuleName::Step);
    bench.ledger.set(Disk::Hangs);
    let winner = bench.submit("a", 1);
    while !bench.race.shared.state.lock().unwrap().is_ending() {
        tokio::task::yield_now().await;
    }
    let crowd: Vec<_> = (0..2050).map(|number| bench.submit(&format!("late-{number}"), 2)).collect();
    let solution = Solution { seed: bench.seed(), nonce: Nonce::new(2).unwrap(), hash: Hash::from_bytes(HASH) };
    let stranger = bench.submit_from(IpAddr::from([198, 51, 100, 1]), "stranger", solution);
    bench.ledger.set(Disk::Works);
    assert!(winner.await.unwrap().is_ok());
    assert_eq!(stranger.await.unwrap(), Err(Refusal::AlreadySolved));
    let mut too_many = 0;
    for late in crowd {
        let Err(refusal) = late.await.unwrap() else { panic!("the round is over") };
        too_many += usize::from(refusal != Refusal::AlreadySolved);
    }
    assert_eq!(too_many, 2);
}

#[tokio::test]
async fn a_time_out_that_cannot_be_written_is_tried_again() {
    let bench = Bench::quick(RuleName::Step);
    bench.race.run_clock_until(Duration::MAX);
    bench.clock.advance(Duration::from_secs(120));
    bench.ledger.set(Disk::Full);
    bench.race.tick();
    while bench.race.shared.state.lock().unwrap().is_ending() {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.race.view().round, RoundNumber(1));
    bench.ledger.set(Disk::Works);
    bench.race.tick();
    bench.announced(2).await;
}

#[tokio::test]
async fn a_win_its_next_round_and_its_delivery_are_one_transaction() {
    let bench = Bench::quick(RuleName::Step);
    let victory = bench.submit("a", 1).await.unwrap().unwrap();
    let entries = bench.ledger.entries_after(crate::ledger::Seq(0), 10).await.unwrap();
    let kinds: Vec<String> = entries.iter().map(|entry| entry.body.kind().to_string()).collect();
    assert_eq!(kinds, ["opened", "won", "opened"]);
    assert_eq!(entries[1].at, entries[2].at);
    let win = bench.ledger.win(victory.round).await.unwrap().unwrap();
    assert_eq!(win.won.code, victory.invite_code);
    let due = bench.ledger.due_deliveries(entries[2].at, 10).await.unwrap();
    assert_eq!(due.deliveries.len(), 1);
}

#[tokio::test]
async fn a_restart_goes_on_with_the_round_its_seed_and_its_mining_time() {
    for rule in [RuleName::Step, RuleName::Rising] {
        let bench = Bench::quick(rule);
        bench.race.run_clock_until(Duration::MAX);
        bench.clock.advance(Duration::from_secs(50));
        assert!(bench.submit("a", 1).await.unwrap().is_ok());
        bench.announced(2).await;
        bench.clock.advance(Duration::from_secs(30));
        bench.race.tick();
        let before = bench.race.view();
        bench.race.stop().await;

        let restarted = bench.restarted(rule);
        let after = restarted.race.view();
        assert_eq!(
            (after.round, after.search.map(|search| (search.seed, search.curve))),
            (before.round, before.search.map(|search| (search.seed, search.curve)))
        );
        assert_eq!((before.mining_time, after.mining_time), (30.0, 30.0));
        assert!(!after.clock_running, "nobody mines yet");
        assert_eq!(restarted.won_by("a").await, [RoundNumber(1)]);
        // Tickets go on as well: none is given twice.
        let victory = restarted.submit("b", 1).await.unwrap().unwrap();
        assert_eq!(victory.round, RoundNumber(2));
        let [first, second] = [1, 2].map(|round| bench.ledger.win(RoundNumber(round)));
        let tickets = (first.await.unwrap().unwrap().won.ticket, second.await.unwrap().unwrap().won.ticket);
        assert!(tickets.0 < tickets.1, "{tickets:?}");
    }
}

#[tokio::test]
async fn a_session_that_has_to_wait_waits_on_after_a_restart() {
    let bench = Bench::quick(RuleName::Step);
    for wait in [1, 2, 4] {
        assert_eq!(bench.submit("liar", FALSE_FROM).await.unwrap(), Err(Refusal::HashMismatch));
        bench.clock.advance(Duration::from_secs(wait));
    }
    assert_eq!(bench.submit("liar", FALSE_FROM).await.unwrap(), Err(Refusal::HashMismatch));
    // The next second writes it down; a crash after that forgives nothing.
    bench.clock.advance(Duration::from_secs(1));
    bench.race.tick();
    let restarted = bench.restarted(RuleName::Step);
    let struck = Refusal::Struck { retry_after: Duration::from_secs(7) };
    assert_eq!(restarted.submit("liar", 1).await.unwrap(), Err(struck));
    restarted.clock.advance(Duration::from_secs(7));
    assert_eq!(restarted.submit("liar", FALSE_FROM).await.unwrap(), Err(Refusal::HashMismatch));
    let struck = Refusal::Struck { retry_after: Duration::from_secs(16) };
    assert_eq!(restarted.submit("liar", 1).await.unwrap(), Err(struck), "it counts as the fifth");
    // So does an orderly end, at once.
    let last = restarted.race.last_words();
    restarted.ledger.commit(last).await.unwrap();
    assert_eq!(restarted.restarted(RuleName::Step).submit("liar", 1).await.unwrap(), Err(struck));
}

#[tokio::test]
async fn other_settings_end_the_round_and_begin_a_new_one() {
    let bench = Bench::quick(RuleName::Step);
    bench.race.stop().await;
    let restarted = bench.restarted(RuleName::Rising);
    assert_eq!(restarted.race.view().round, RoundNumber(2));
    assert!(restarted.race.view().search.unwrap().curve.is_some(), "the new round goes by the new rule");
    let entries = bench.ledger.entries_after(crate::ledger::Seq(0), 10).await.unwrap();
    let kinds: Vec<String> = entries.iter().map(|entry| entry.body.kind().to_string()).collect();
    assert_eq!(kinds, ["opened", "expired", "opened"]);
}
