//! The drop in the race: supply, schedule, quotas, orders, lists, restarts.

use super::*;
use crate::{
    ledger::{Body, DeliveryId, Seq, body::OpenReason, rows::Quota},
    race::{DropOrder, OrderError},
};
use puzzle::drop::{DropRules, DropState, Order};

fn rules(supply: u64) -> DropRules {
    DropRules { supply, ..DropRules::default() }
}

fn at(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

/// A race with rules, whose verifications end at once.
fn with_rules(drop: DropRules) -> Bench {
    let clock = Arc::new(ManualClock::default());
    let ledger = Arc::new(TestLedger::new(clock.clone()));
    on_ledger(ledger, clock, drop, None)
}

fn on_ledger(ledger: Arc<TestLedger>, clock: Arc<ManualClock>, drop: DropRules, codes: Option<&[&str]>) -> Bench {
    let settings = RaceSettings { drop, ..RaceSettings::for_tests(RuleName::Step, 2, 256) };
    let listed = codes.map(|codes| {
        let codes = codes.iter().map(|code| (*code).to_owned()).collect();
        block_on(ledger.commit(Transaction::new().with(Change::AddCodes(codes)))).unwrap();
        block_on(ledger.codes_left(0)).unwrap()
    });
    let bench = Bench::with(ledger, clock, 1, settings, listed);
    bench.gate.open();
    bench
}

fn restarted(bench: &Bench, drop: DropRules) -> Bench {
    on_ledger(bench.ledger.clone(), bench.clock.clone(), drop, None)
}

async fn win(bench: &Bench, session: &str) -> Result<Victory, Refusal> {
    let verdict = bench.submit(session, 1).await.unwrap();
    if let Ok(victory) = &verdict {
        let round = victory.round;
        let mut announcements = bench.race.announcements();
        announcements.wait_for(|announcement| round < announcement.round || !announcement.is_open()).await.unwrap();
    }
    verdict
}

fn state(bench: &Bench) -> (DropState, Option<u64>) {
    let drop = bench.race.announcements().borrow().drop;
    (drop.state(), drop.left())
}

async fn until(bench: &Bench, state: DropState) {
    bench.race.tick();
    let mut announcements = bench.race.announcements();
    announcements.wait_for(|announcement| announcement.drop.state() == state).await.unwrap();
}

async fn order(bench: &Bench, order: Order) -> Result<puzzle::drop::Drop, OrderError> {
    bench.race.order(DropOrder::State(order), "test".to_owned(), "why not".to_owned()).await
}

async fn entries(bench: &Bench) -> Vec<Body> {
    bench.ledger.entries_after(Seq(0), 1000).await.unwrap().into_iter().map(|entry| entry.body).collect()
}

#[tokio::test]
async fn exactly_the_supply_is_given_out_and_then_it_is_over_for_everybody() {
    let bench = with_rules(rules(3));
    let seed = bench.seed();
    for left in (0..3).rev() {
        win(&bench, &format!("s{left}")).await.unwrap();
        assert_eq!(state(&bench).1, Some(left));
    }
    assert_eq!(state(&bench), (DropState::SoldOut, Some(0)));
    assert!(bench.race.view().search.is_none(), "nobody learns of a seed");
    let solution = Solution { seed, nonce: Nonce::new(1).unwrap(), hash: Hash::from_bytes(HASH) };
    let refused = bench.submit_solution("late", solution).await.unwrap();
    assert!(matches!(refused, Err(Refusal::DropNotOpen { state: DropState::SoldOut, .. })), "{refused:?}");
    let bodies = entries(&bench).await;
    assert_eq!(bodies.iter().filter(|body| matches!(body, Body::Won(_))).count(), 3);
    assert!(matches!(bodies.last(), Some(Body::Drop(change)) if change.won == 3));

    // A restart changes nothing; a larger supply opens it again.
    let again = restarted(&bench, rules(3));
    assert_eq!(state(&again), (DropState::SoldOut, Some(0)));
    let more = restarted(&again, rules(4));
    assert_eq!(state(&more), (DropState::Open, Some(1)));
    let bodies = entries(&more).await;
    assert!(matches!(bodies.last(), Some(Body::Opened(opened)) if opened.reason == OpenReason::Reopened));
    win(&more, "a").await.unwrap();
    assert_eq!(state(&more), (DropState::SoldOut, Some(0)));
}

/// What was told of the drop, in order.
async fn told(bench: &Bench) -> Vec<String> {
    let deliveries = bench.ledger.deliveries_after(DeliveryId(0), None, 1000).await.unwrap();
    deliveries.into_iter().map(|delivery| delivery.body).filter(|body| body != "{}").collect()
}

#[tokio::test]
async fn every_new_state_is_told_in_the_transaction_that_brings_it_about() {
    let bench = with_rules(DropRules { opens_at: at(100), supply: 1, ..DropRules::default() });
    bench.clock.advance(Duration::from_secs(100));
    until(&bench, DropState::Open).await;
    for (wanted, then) in [(Order::Pause, DropState::Paused), (Order::Resume, DropState::Open)] {
        order(&bench, wanted).await.unwrap();
        until(&bench, then).await;
    }
    win(&bench, "a").await.unwrap();
    assert_eq!(told(&bench).await, ["scheduled", "open", "paused", "open", "over"]);
    let (head, deliveries) =
        (bench.ledger.head().await.unwrap(), bench.ledger.deliveries_after(DeliveryId(0), None, 1000).await.unwrap());
    let [.., win, over] = &deliveries[..] else { panic!("{deliveries:?}") };
    assert_eq!((win.body.as_str(), over.body.as_str(), over.created_at), ("{}", "over", head.at));

    // A restart tells nothing twice, and what was due meanwhile once.
    let again = restarted(&bench, DropRules { opens_at: at(100), supply: 1, ..DropRules::default() });
    assert_eq!(told(&again).await.len(), 5);
    let more = restarted(&again, DropRules { opens_at: at(100), supply: 2, ..DropRules::default() });
    assert_eq!(told(&more).await[5..], ["open"]);
    // Other rules are no other state.
    let rules = DropRules { opens_at: at(100), supply: 3, ..DropRules::default() };
    more.race.order(DropOrder::Rules(rules), "test".to_owned(), "more".to_owned()).await.unwrap();
    assert_eq!(told(&more).await.len(), 6);
}

#[tokio::test]
async fn many_at_once_win_no_more_than_there_is() {
    let bench = with_rules(rules(1));
    let solution = Solution { seed: bench.seed(), nonce: Nonce::new(1).unwrap(), hash: Hash::from_bytes(HASH) };
    let submitted: Vec<_> = (0..50).map(|number| bench.submit_solution(&format!("s{number}"), solution)).collect();
    let verdicts = futures::future::join_all(submitted).await;
    assert_eq!(verdicts.iter().filter(|verdict| verdict.as_ref().unwrap().is_ok()).count(), 1);
}

#[tokio::test]
async fn it_opens_and_closes_by_the_clock_and_begins_with_a_new_round() {
    let bench = with_rules(DropRules { opens_at: at(100), closes_at: at(200), ..DropRules::default() });
    assert_eq!(state(&bench).0, DropState::Scheduled);
    assert_eq!((bench.race.view().round, bench.race.view().search), (RoundNumber(0), None));
    let refusal = bench.race.closed().unwrap();
    assert!(matches!(refusal, Refusal::DropNotOpen { opens_at: Some(_), .. }));
    bench.clock.advance(Duration::from_secs(99));
    bench.race.tick();
    assert_eq!(state(&bench).0, DropState::Scheduled);
    bench.clock.advance(Duration::from_secs(1));
    until(&bench, DropState::Open).await;
    assert_eq!(bench.race.view().round, RoundNumber(1));
    assert_eq!(bench.race.announcements().borrow().reason, ResetReason::Opened);
    win(&bench, "a").await.unwrap();
    let seed = bench.seed();
    bench.clock.advance(Duration::from_secs(100));
    // Nobody has looked at the clock yet, and it counts all the same.
    let solution = Solution { seed, nonce: Nonce::new(1).unwrap(), hash: Hash::from_bytes(HASH) };
    let late = bench.submit_solution("b", solution).await.unwrap();
    assert!(matches!(late, Err(Refusal::DropNotOpen { state: DropState::Closed, .. })), "{late:?}");
    until(&bench, DropState::Closed).await;
    assert_eq!(bench.race.view().mining_time, 0.0);
    assert_eq!(bench.won_by("a").await.len(), 1, "what was won stays won");
}

#[tokio::test]
async fn what_is_due_while_the_server_does_not_run_is_done_at_its_start() {
    let schedule = DropRules { opens_at: at(100), closes_at: at(200), ..DropRules::default() };
    let bench = with_rules(schedule);
    bench.clock.advance(Duration::from_secs(150));
    let during = restarted(&bench, schedule);
    assert_eq!(state(&during).0, DropState::Open);
    during.clock.advance(Duration::from_secs(100));
    let after = restarted(&during, schedule);
    assert_eq!((state(&after).0, after.race.view().search), (DropState::Closed, None));
    assert!(matches!(entries(&after).await[..], [.., Body::Expired(_), Body::Drop(_)]));
}

#[tokio::test]
async fn a_pause_lets_those_who_came_before_win_and_goes_on_with_a_new_seed() {
    let bench = Bench::new(RuleName::Step, 2, 256);
    let seed = bench.seed();
    let before = bench.submit("early", 1);
    let paused = {
        let race = bench.race.clone();
        tokio::spawn(async move { race.order(DropOrder::State(Order::Pause), "op".into(), String::new()).await })
    };
    while !lock(&bench.race.shared.state).has_order() {
        tokio::task::yield_now().await;
    }
    let solution = Solution { seed, nonce: Nonce::new(1).unwrap(), hash: Hash::from_bytes(HASH) };
    let between = bench.submit_solution("between", solution);
    bench.gate.open();
    before.await.unwrap().unwrap();
    assert!(between.await.unwrap().is_err(), "an operator's word counts from the moment on that it is given");
    until(&bench, DropState::Paused).await;
    assert_eq!(paused.await.unwrap().unwrap().state(), DropState::Paused);
    assert!(bench.race.view().search.is_none());
    order(&bench, Order::Resume).await.unwrap();
    assert_ne!(bench.seed(), seed);
    assert_eq!(bench.race.announcements().borrow().reason, ResetReason::Resumed);
    let actions = entries(&bench).await;
    assert_eq!(actions.iter().filter(|body| matches!(body, Body::Operator(_))).count(), 2);
}

#[tokio::test]
async fn orders_outlive_a_restart_until_the_environment_says_something_new() {
    let bench = with_rules(rules(5));
    order(&bench, Order::Pause).await.unwrap();
    let raised = bench.race.order(DropOrder::Rules(rules(9)), "op".into(), "more".into()).await.unwrap();
    assert_eq!((raised.state(), raised.supply()), (DropState::Paused, Some(9)));
    let same = restarted(&bench, rules(5));
    assert_eq!(state(&same), (DropState::Paused, Some(9)), "the ledger is newer than the environment");
    let other = restarted(&same, rules(6));
    assert_eq!(state(&other), (DropState::Paused, Some(6)), "the environment is newer than the ledger");
    assert_eq!(order(&other, Order::Pause).await.unwrap_err().to_string(), "only an open drop can be paused");
    order(&other, Order::Close).await.unwrap();
    assert_eq!(state(&restarted(&other, rules(6))).0, DropState::Closed);
}

#[tokio::test]
async fn an_order_that_cannot_be_written_down_changes_nothing() {
    let bench = with_rules(DropRules::default());
    bench.ledger.set(ledger::Disk::Full);
    assert_eq!(order(&bench, Order::Pause).await, Err(OrderError::StorageUnavailable));
    assert_eq!(state(&bench).0, DropState::Open);
}

#[tokio::test]
async fn a_person_wins_so_much_and_a_network_so_much() {
    let bench = with_rules(DropRules { wins_per_person: 1, ..DropRules::default() });
    win(&bench, "a").await.unwrap();
    let quota = |quota| Err(Refusal::QuotaReached { quota, until: None });
    assert_eq!(win(&bench, "a").await, quota(Quota::Person));
    // Another session of the same device in the same network is the same person.
    assert_eq!(win(&bench, "b").await, quota(Quota::Person));
    // Also after a restart.
    let again = restarted(&bench, DropRules { wins_per_person: 1, ..DropRules::default() });
    assert_eq!(win(&again, "a").await, quota(Quota::Person));

    let bench = with_rules(DropRules { wins_per_network: 1, ..DropRules::default() });
    win(&bench, "a").await.unwrap();
    assert_eq!(win(&bench, "b").await, quota(Quota::Network));
    // A limit that is set later counts what was won before.
    let bench = with_rules(DropRules::default());
    win(&bench, "a").await.unwrap();
    let limited = DropRules { wins_per_person: 1, ..DropRules::default() };
    bench.race.order(DropOrder::Rules(limited), "op".into(), String::new()).await.unwrap();
    assert_eq!(win(&bench, "a").await, quota(Quota::Person));
}

#[tokio::test]
async fn after_a_win_a_person_waits_and_so_does_everybody() {
    let bench = with_rules(DropRules { win_cooldown: Duration::from_secs(60), ..DropRules::default() });
    win(&bench, "a").await.unwrap();
    let refused = win(&bench, "a").await;
    assert!(matches!(refused, Err(Refusal::QuotaReached { quota: Quota::Cooldown, until: Some(_) })), "{refused:?}");
    bench.clock.advance(Duration::from_secs(60));
    win(&bench, "a").await.unwrap();

    let bench = with_rules(DropRules { min_round: Duration::from_secs(10), ..DropRules::default() });
    win(&bench, "a").await.unwrap();
    let refused = win(&bench, "b").await;
    assert_eq!(refused, Err(Refusal::TooSoonAfterWin { retry_after: Duration::from_secs(10) }));
    bench.clock.advance(Duration::from_secs(10));
    win(&bench, "b").await.unwrap();
}

#[tokio::test]
async fn codes_of_a_list_go_out_in_order_and_each_once() {
    let clock = Arc::new(ManualClock::default());
    let ledger = Arc::new(TestLedger::new(clock.clone()));
    let bench = on_ledger(ledger, clock, DropRules::default(), Some(&["first", "second"]));
    assert_eq!(state(&bench), (DropState::Open, Some(2)));
    assert_eq!(win(&bench, "a").await.unwrap().invite_code.as_str(), "first");
    // A restart with a longer list goes on where it stood.
    let again =
        on_ledger(bench.ledger.clone(), bench.clock.clone(), DropRules::default(), Some(&["first", "second", "third"]));
    assert_eq!(state(&again), (DropState::Open, Some(2)));
    assert_eq!(win(&again, "b").await.unwrap().invite_code.as_str(), "second");
    assert_eq!(win(&again, "c").await.unwrap().invite_code.as_str(), "third");
    assert_eq!(state(&again), (DropState::SoldOut, Some(0)));
    again.ledger.commit(Transaction::new().with(Change::AddCodes(vec!["fourth".to_owned()]))).await.unwrap();
    again.race.add_codes(again.ledger.codes_left(3).await.unwrap());
    until(&again, DropState::Open).await;
    assert_eq!(win(&again, "d").await.unwrap().invite_code.as_str(), "fourth");
}

#[tokio::test]
async fn what_rules_bring_about_is_so_when_they_are_answered() {
    let bench = with_rules(rules(1));
    win(&bench, "a").await.unwrap();
    assert_eq!(state(&bench).0, DropState::SoldOut);
    for (supply, expected) in [(2, DropState::Open), (1, DropState::SoldOut), (3, DropState::Open)] {
        let order = DropOrder::Rules(rules(supply));
        let after = bench.race.order(order, "op".into(), String::new()).await.unwrap();
        assert_eq!((after.state(), state(&bench).0), (expected, expected), "{supply}");
    }
    let last = entries(&bench).await.into_iter().last().unwrap();
    assert!(matches!(last, Body::Opened(opened) if opened.reason == OpenReason::Reopened));
}

#[tokio::test]
async fn codes_that_are_added_to_an_open_drop_are_told_of_at_once() {
    let clock = Arc::new(ManualClock::default());
    let bench = on_ledger(Arc::new(TestLedger::new(clock.clone())), clock, DropRules::default(), Some(&["first"]));
    let (seed, last) = (bench.seed(), entries(&bench).await.len());
    bench.ledger.commit(Transaction::new().with(Change::AddCodes(vec!["second".to_owned()]))).await.unwrap();
    bench.race.add_codes(bench.ledger.codes_left(1).await.unwrap());
    let mut announcements = bench.race.announcements();
    announcements.wait_for(|announcement| announcement.drop.left() == Some(2)).await.unwrap();
    assert_eq!((bench.seed(), state(&bench).0), (seed, DropState::Open), "the round goes on");
    assert_eq!(entries(&bench).await.len(), last, "the list is in the ledger already");
}

#[tokio::test]
async fn codes_that_were_taken_back_are_won_anew() {
    let bench = with_rules(rules(2));
    for session in ["a", "b"] {
        win(&bench, session).await.unwrap();
    }
    assert_eq!(state(&bench), (DropState::SoldOut, Some(0)));
    bench.race.take_back(1);
    until(&bench, DropState::Open).await;
    assert_eq!(state(&bench), (DropState::Open, Some(1)));
    let reopened = entries(&bench).await.into_iter().last().unwrap();
    assert!(matches!(reopened, Body::Opened(opened) if opened.reason == OpenReason::Reopened));
    bench.race.take_back(1);
    let mut announcements = bench.race.announcements();
    announcements.wait_for(|announcement| announcement.drop.left() == Some(2)).await.unwrap();
    for (session, left) in [("c", 1), ("d", 0)] {
        win(&bench, session).await.unwrap();
        assert_eq!(state(&bench).1, Some(left));
    }
    assert_eq!(state(&bench).0, DropState::SoldOut);
}

#[tokio::test]
async fn what_is_taken_back_while_the_last_win_is_written_down_counts() {
    let bench = with_rules(rules(2));
    win(&bench, "a").await.unwrap();
    bench.ledger.set(ledger::Disk::Hangs);
    let last = bench.submit("b", 1);
    while !lock(&bench.race.shared.state).is_ending() {
        tokio::task::yield_now().await;
    }
    bench.race.take_back(1);
    bench.ledger.set(ledger::Disk::Works);
    last.await.unwrap().unwrap();
    until(&bench, DropState::Open).await;
    assert_eq!(state(&bench), (DropState::Open, Some(1)));
}

#[tokio::test]
async fn a_code_has_its_end_from_the_win_on() {
    let clock = Arc::new(ManualClock::default());
    let ledger = Arc::new(TestLedger::new(clock.clone()));
    let code_life = Some(Duration::from_secs(60));
    let settings = RaceSettings { code_life, ..RaceSettings::for_tests(RuleName::Step, 2, 256) };
    let bench = Bench::with(ledger, clock, 1, settings, None);
    bench.gate.open();
    bench.clock.advance(Duration::from_secs(5));
    win(&bench, "a").await.unwrap();
    let wins = bench.race.wins_of(&SessionId("a".to_owned())).await.unwrap();
    assert_eq!(wins[0].won.expires_at, Some(65_000.into()));
}

#[tokio::test]
async fn a_win_that_was_under_way_when_limits_were_asked_for_counts_against_them() {
    let bench = Bench::new(RuleName::Step, 2, 256);
    let before = bench.submit("a", 1);
    let limited = DropRules { wins_per_person: 1, ..DropRules::default() };
    let race = bench.race.clone();
    let ordered = tokio::spawn(async move { race.order(DropOrder::Rules(limited), "op".into(), String::new()).await });
    while !lock(&bench.race.shared.state).has_order() {
        tokio::task::yield_now().await;
    }
    bench.gate.open();
    before.await.unwrap().unwrap();
    bench.race.tick();
    while !ordered.is_finished() {
        bench.race.tick();
        tokio::task::yield_now().await;
    }
    ordered.await.unwrap().unwrap();
    // Known before any hash: no verification ends any more.
    bench.gate.let_pass(0);
    let refused = tokio::time::timeout(Duration::from_secs(10), bench.submit("a", 1)).await;
    let quota = Quota::Person;
    assert_eq!(refused.expect("an answer without a hash").unwrap(), Err(Refusal::QuotaReached { quota, until: None }));
}
