use super::*;
use proptest::prelude::*;
use std::future::Future;

fn address(number: u8) -> Option<IpAddr> {
    Some(IpAddr::from([192, 0, 2, number]))
}

const NEWCOMER_TIME: Duration = Duration::from_secs(10);

fn places(most_per_network: usize, most_in_all: usize) -> Arc<Places> {
    Places::new(most_per_network, most_in_all, NEWCOMER_TIME)
}

/// True if the place is to be given up.
fn must_leave(place: &Place) -> bool {
    let mut waiting = std::pin::pin!(place.must_leave());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let leaves = waiting.as_mut().poll(&mut context).is_ready();
    if leaves {
        // Whoever asks again is told the same.
        place.leave.notify_one();
    }
    leaves
}

#[test]
fn a_network_has_so_many_places_and_the_network_around_it_a_multiple() {
    let places = places(2, 0);
    let first = places.take(address(1)).unwrap();
    let _second = places.take(address(1)).unwrap();
    assert_eq!(places.take(address(1)).unwrap_err(), Crowded::Network);
    drop(first);
    let mut held = vec![places.take(address(1)).unwrap()];
    for number in 2..=255 {
        held.extend((0..3).filter_map(|_| places.take(address(number)).ok()));
    }
    assert_eq!(places.taken(), 16, "eight times two in a /24");
    assert_eq!((places.networks(), places.take(None).is_ok()), (8, true));
}

#[test]
fn a_full_house_asks_those_to_leave_who_have_shown_least() {
    let places = places(0, 4);
    let [proven, idle, unused, busy] = [1, 2, 3, 4].map(|n| places.take(Some([10, n, 0, 1].into())).unwrap());
    proven.show_work();
    idle.begin_use();
    idle.end_use();
    busy.begin_use();
    let later = Instant::now() + NEWCOMER_TIME;
    let newcomers = [5, 6, 7].map(|n| {
        let place = places.take_at(Some([10, n, 0, 1].into()), later).unwrap();
        (place, [&unused, &idle, &busy, &proven].map(must_leave))
    });
    let order: Vec<_> = newcomers.iter().map(|(_, left)| *left).collect();
    assert_eq!(order, [[true, false, false, false], [true, true, false, false], [true, true, true, false]]);
    // From now on newcomers leave for newcomers, and who has shown work stays.
    let _last = places.take_at(Some([10, 8, 0, 1].into()), later).unwrap();
    assert!(must_leave(&newcomers[0].0) && !must_leave(&proven));
}

#[test]
fn where_everybody_has_shown_work_nobody_leaves() {
    let places = places(0, 2);
    let inside = [1, 2].map(|number| places.take(address(number)).unwrap());
    inside.iter().for_each(Place::show_work);
    assert_eq!(places.take(address(3)).unwrap_err(), Crowded::Everywhere);
    assert_eq!(places.take(None).unwrap_err(), Crowded::Everywhere);
    drop(inside);
    assert_eq!((places.taken(), places.networks()), (0, 0));
}

#[test]
fn fewer_places_ask_those_to_leave_who_have_shown_least_and_more_are_there_at_once() {
    let places = places(1, 3);
    let held = [1, 2, 3].map(|n| places.take(Some([10, n, 0, 1].into())).unwrap());
    held[1].show_work();
    assert_eq!(places.take(Some([10, 1, 0, 1].into())).unwrap_err(), Crowded::Network);
    places.set_limits(2, 1);
    assert_eq!([&held[0], &held[1], &held[2]].map(must_leave), [true, false, true]);
    places.set_limits(2, 5);
    let more: Vec<Place> = (0..2).map(|_| places.take(Some([10, 4, 0, 1].into())).unwrap()).collect();
    assert_eq!(places.take(Some([10, 4, 0, 1].into())).unwrap_err(), Crowded::Network);
    assert!(more.iter().chain([&held[1]]).all(|place| !must_leave(place)));
}

#[test]
fn the_pressure_is_that_of_newcomers_and_never_of_one_network() {
    let places = places(0, 100);
    let site = |site: u16, network: u16| Some(IpAddr::from([0x2001, 0xdb8, site, network, 0, 0, 0, 1]));
    let mut held: Vec<Place> = (0..100).map(|network| places.take(site(1, network)).unwrap()).collect();
    assert_eq!(places.pressure(), 0.25, "of all that there are");
    held.truncate(60);
    held.extend((0..20).map(|network| places.take(site(2, network)).unwrap()));
    assert_eq!(places.pressure(), 0.45);
    held.extend((0..10).map(|_| places.take(None).unwrap()));
    assert_eq!(places.pressure(), 0.55, "who comes through a proxy is nobody in particular");
    held.iter().for_each(Place::show_work);
    assert_eq!(places.pressure(), 0.0);
    assert_eq!(super::Places::new(0, 0, NEWCOMER_TIME).pressure(), 0.0);
}

#[test]
fn zero_is_no_limit() {
    let places = places(0, 0);
    let held: Vec<_> = (0..5000).map(|_| places.take(address(1)).unwrap()).collect();
    assert_eq!(places.taken(), held.len());
    drop(held);
    assert_eq!((places.taken(), places.networks()), (0, 0));
}

#[tokio::test]
async fn the_last_one_to_leave_is_noticed() {
    let places = places(0, 0);
    places.all_given_up().await;
    let place = places.take(None).unwrap();
    let watching = tokio::spawn({
        let places = places.clone();
        async move { places.all_given_up().await }
    });
    tokio::task::yield_now().await;
    assert!(!watching.is_finished());
    drop(place);
    watching.await.unwrap();
}

proptest! {
    #[test]
    fn the_books_agree_with_the_places_held(
        moves in proptest::collection::vec((0_u8..4, proptest::bool::ANY), 0..200),
    ) {
        let places = places(3, 0);
        let mut held: Vec<(u8, Place)> = Vec::new();
        for (who, takes) in moves {
            if takes {
                let own = held.iter().filter(|(holder, _)| *holder == who).count();
                match places.take(address(who)) {
                    Ok(place) => {
                        prop_assert!(own < 3);
                        held.push((who, place));
                    }
                    Err(crowded) => prop_assert_eq!((crowded, own), (Crowded::Network, 3)),
                }
            } else if let Some(at) = held.iter().position(|(holder, _)| *holder == who) {
                held.swap_remove(at);
            }
            let holders: std::collections::HashSet<u8> = held.iter().map(|(holder, _)| *holder).collect();
            prop_assert_eq!((places.taken(), places.networks()), (held.len(), holders.len()));
        }
    }

    /// Whatever networks an attacker has, and whatever it does with its places: an
    /// honest newcomer gets in and is not the next to leave, and who has shown work stays.
    #[test]
    fn a_newcomer_gets_in_and_the_proven_stay(
        attack in proptest::collection::vec((0_u64..64, 0_u8..3), 50..300), most in 16_usize..40,
    ) {
        let places = places(0, most);
        let honest = |n: u64| Some(IpAddr::from(std::net::Ipv6Addr::from(u128::from(0x2a00 << 48 | n << 16) << 64)));
        let proven = places.take(honest(1)).unwrap();
        proven.show_work();
        let mut attackers = Vec::new();
        for (network, what) in attack {
            let network = u128::from(0x2001_0db8_0000_0000 | network << 13) << 64;
            if let Ok(place) = places.take(Some(std::net::Ipv6Addr::from(network).into())) {
                match what {
                    0 => {}
                    1 => place.begin_use(),
                    _ => place.end_use(),
                }
                attackers.push(place);
                if attackers.len() > most {
                    attackers.retain(|place| !must_leave(place));
                }
            }
            prop_assert!(places.lock().places.len() <= most);
        }
        let newcomer = places.take(honest(2)).unwrap();
        let _next = places.take(Some(std::net::Ipv6Addr::from(0x2001_0db8_u128 << 96).into())).unwrap();
        prop_assert!(!must_leave(&newcomer) && !must_leave(&proven));
    }
}
