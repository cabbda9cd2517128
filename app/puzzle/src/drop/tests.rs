//! The drop's states: by tables, and by every sequence of what can happen.

use super::{Drop, DropRules, DropState, InvalidRules, Opening, Order, OrderRefused, Step};
use proptest::prelude::*;
use std::time::Duration;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn schedule(opens_at: Option<u64>, closes_at: Option<u64>) -> DropRules {
    DropRules { opens_at: opens_at.map(at), closes_at: closes_at.map(at), ..DropRules::default() }
}

fn supply(supply: u64) -> DropRules {
    DropRules { supply, ..DropRules::default() }
}

#[test]
fn without_rules_the_race_runs_for_ever() {
    let mut drop = Drop::begin(DropRules::default(), 0, None, at(0));
    for _ in 0..1000 {
        assert_eq!((drop.state(), drop.left(), drop.due(at(1 << 40))), (DropState::Open, None, None));
        drop = drop.after_win();
    }
}

#[test]
fn a_drop_begins_by_its_schedule() {
    for (opens_at, closes_at, now, state) in [
        (None, None, 5, DropState::Open),
        (Some(10), None, 9, DropState::Scheduled),
        (Some(10), None, 10, DropState::Open),
        (Some(10), Some(20), 19, DropState::Open),
        (Some(10), Some(20), 20, DropState::Closed),
        (None, Some(20), 25, DropState::Closed),
    ] {
        let drop = Drop::begin(schedule(opens_at, closes_at), 0, None, at(now));
        assert_eq!(drop.state(), state, "{opens_at:?} {closes_at:?} at {now}");
        assert_eq!(drop.takes_wins_at(at(now)), state.is_open());
    }
    assert_eq!(Drop::begin(DropRules::default(), 0, Some(0), at(0)).state(), DropState::SoldOut, "an empty list");
}

#[test]
fn the_moment_of_closing_counts_before_anybody_has_looked_at_the_clock() {
    let drop = Drop::begin(schedule(None, Some(20)), 0, None, at(0));
    assert!(drop.takes_wins_at(at(19)) && !drop.takes_wins_at(at(20)));
    assert_eq!(drop.state(), DropState::Open);
    assert_eq!(drop.due(at(20)).map(|step| step.to), Some(DropState::Closed));
}

#[test]
fn a_clock_that_goes_back_takes_nothing_back() {
    let drop = Drop::begin(schedule(Some(10), Some(20)), 0, None, at(0));
    let step = drop.due(at(10)).unwrap();
    let drop = drop.after(step, *drop.rules());
    assert_eq!((drop.state(), drop.due(at(5))), (DropState::Open, None));
    let drop = drop.after(drop.due(at(20)).unwrap(), *drop.rules());
    assert_eq!((drop.state(), drop.due(at(12))), (DropState::Closed, None));
}

#[test]
fn the_smaller_of_supply_and_list_counts() {
    for (limit, listed, left) in
        [(0, None, None), (3, None, Some(3)), (3, Some(2), Some(2)), (3, Some(9), Some(3)), (0, Some(4), Some(4))]
    {
        assert_eq!(Drop::begin(supply(limit), 0, listed, at(0)).left(), left, "{limit} {listed:?}");
    }
    let drop = Drop::begin(supply(3), 0, Some(9), at(0)).after_win();
    assert_eq!((drop.supply(), drop.left(), drop.given()), (Some(3), Some(2), 1));
}

#[test]
fn sold_out_opens_again_when_there_are_codes_and_closed_does_not() {
    let sold_out = Drop::begin(supply(1), 0, None, at(0)).after_win();
    assert_eq!((sold_out.state(), sold_out.due(at(0))), (DropState::SoldOut, None));
    let raised = sold_out.governed_by(supply(2), at(0));
    let step = raised.due(at(0)).unwrap();
    assert_eq!((step.to, step.opening()), (DropState::Open, Some(Opening::Reopened)));
    assert_eq!(sold_out.with_returned(1).due(at(0)), Some(step));
    let empty = Drop::begin(DropRules::default(), 0, Some(0), at(0));
    assert_eq!(empty.with_listed(Some(1)).due(at(0)), Some(step));

    let (step, rules) = raised.after(step, *raised.rules()).obey(Order::Close, at(0)).unwrap();
    let closed = raised.after(step, rules);
    assert_eq!(closed.governed_by(supply(9), at(0)).due(at(0)), None);
    let (step, _) = closed.obey(Order::Open, at(0)).unwrap();
    assert_eq!(step.opening(), Some(Opening::Reopened));
}

#[test]
fn a_new_schedule_is_an_operators_word_and_a_pause_stays_one() {
    let closed = Drop::begin(schedule(None, Some(20)), 0, None, at(30));
    assert_eq!(closed.state(), DropState::Closed);
    assert_eq!(closed.governed_by(schedule(None, Some(40)), at(30)).state(), DropState::Open);
    assert_eq!(closed.governed_by(schedule(Some(35), None), at(30)).state(), DropState::Scheduled);
    let open = Drop::begin(DropRules::default(), 0, None, at(0));
    assert_eq!(open.governed_by(schedule(Some(35), None), at(30)).state(), DropState::Scheduled);
    let (step, rules) = open.obey(Order::Pause, at(0)).unwrap();
    assert_eq!(open.after(step, rules).governed_by(schedule(Some(35), None), at(30)).state(), DropState::Paused);
}

#[test]
fn orders_that_do_not_fit_are_refused() {
    let open = Drop::begin(DropRules::default(), 0, None, at(0));
    let in_state = |state| Drop::resumed(DropRules::default(), state, 0, None);
    assert_eq!(open.obey(Order::Resume, at(0)), Err(OrderRefused::NotPaused));
    assert_eq!(open.obey(Order::Open, at(0)), Err(OrderRefused::IsOpen));
    assert_eq!(in_state(DropState::Paused).obey(Order::Pause, at(0)), Err(OrderRefused::NotOpen));
    assert_eq!(in_state(DropState::Closed).obey(Order::Close, at(0)), Err(OrderRefused::IsClosed));
    let sold_out = Drop::resumed(supply(1), DropState::SoldOut, 1, None);
    assert_eq!(sold_out.obey(Order::Open, at(0)), Err(OrderRefused::NoCodes));
}

#[test]
fn an_order_to_open_puts_the_schedule_aside() {
    let scheduled = Drop::begin(schedule(Some(100), Some(200)), 0, None, at(0));
    let (step, rules) = scheduled.obey(Order::Open, at(50)).unwrap();
    assert_eq!((step.opening(), rules), (Some(Opening::Opened), schedule(None, Some(200))));
    let closed = Drop::begin(schedule(None, Some(20)), 0, None, at(30));
    let (step, rules) = closed.obey(Order::Open, at(50)).unwrap();
    assert_eq!((step.opening(), rules), (Some(Opening::Reopened), DropRules::default()));
}

#[test]
fn rules_that_contradict_each_other_are_refused() {
    assert_eq!(schedule(Some(10), Some(10)).validate(), Err(InvalidRules::ClosesBeforeItOpens));
    assert_eq!(schedule(Some(10), Some(11)).validate(), Ok(()));
    assert_eq!(schedule(None, Some(11)).validate(), Ok(()));
}

#[test]
fn rules_are_the_same_when_they_are_read_back() {
    for rules in [
        DropRules::default(),
        DropRules {
            supply: 100,
            opens_at: Some(Duration::from_millis(1_769_860_800_123)),
            closes_at: Some(Duration::from_millis(1_769_860_900_000)),
            wins_per_person: 1,
            win_cooldown: Duration::from_millis(1500),
            wins_per_network: 3,
            min_round: at(2),
        },
    ] {
        let text = serde_json::to_string(&rules).unwrap();
        assert_eq!(serde_json::from_str::<DropRules>(&text).unwrap(), rules, "{text}");
    }
}

/// What can happen to a drop.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Time(u64),
    Win,
    Order(Order),
    Supply(u64),
    Listed(u64),
    Returned,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (0..40_u64).prop_map(Happening::Time),
        Just(Happening::Win),
        Just(Happening::Win),
        prop_oneof![Just(Order::Pause), Just(Order::Resume), Just(Order::Open), Just(Order::Close)]
            .prop_map(Happening::Order),
        (0..6_u64).prop_map(Happening::Supply),
        (0..3_u64).prop_map(Happening::Listed),
        Just(Happening::Returned),
    ]
}

proptest! {
    /// Whatever happens in whatever order: never more codes than there are, nothing is
    /// won but while it is open, closed stays closed without an operator, and every
    /// change settles.
    #[test]
    fn the_drop_keeps_its_promises(
        limit in 0..5_u64,
        listed in proptest::option::of(0..5_u64),
        opens_at in proptest::option::of(0..20_u64),
        closes_at in proptest::option::of(20..40_u64),
        happenings in proptest::collection::vec(happening(), 0..60),
    ) {
        let rules = DropRules { supply: limit, ..schedule(opens_at, closes_at) };
        let (mut drop, mut now) = (Drop::begin(rules, 0, listed, at(0)), 0);
        for happening in happenings {
            let before = drop;
            match happening {
                Happening::Time(seconds) => now = seconds,
                Happening::Win if drop.takes_wins_at(at(now)) => {
                    prop_assert!(drop.left() != Some(0));
                    drop = drop.after_win();
                    prop_assert_eq!(drop.given(), before.given() + 1);
                    prop_assert_eq!(drop.left() == Some(0), drop.state() == DropState::SoldOut);
                }
                Happening::Win => {}
                Happening::Order(order) => {
                    if let Ok((step, rules)) = drop.obey(order, at(now)) {
                        drop = drop.after(step, rules);
                    }
                }
                Happening::Supply(supply) => drop = drop.governed_by(DropRules { supply, ..*drop.rules() }, at(now)),
                Happening::Listed(more) if listed.is_some() => {
                    drop = drop.with_listed(drop.left().map(|left| left + more));
                }
                Happening::Listed(_) => {}
                Happening::Returned => drop = drop.with_returned(1),
            }
            let mut steps = 0;
            while let Some(step @ Step { from, to }) = drop.due(at(now)) {
                prop_assert_eq!(from, drop.state());
                prop_assert!(from != to);
                prop_assert!(from != DropState::Closed, "only an operator opens it");
                drop = drop.after(step, *drop.rules());
                steps += 1;
                prop_assert!(steps < 4, "it settles");
            }
            if drop.state().is_open() {
                prop_assert!(drop.takes_wins_at(at(now)));
            }
        }
    }
}
