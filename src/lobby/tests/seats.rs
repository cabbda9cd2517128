//! Whoever only looks, and whoever waits, never waits for the lobby's state.

use super::*;
use crate::{gate::limits::Place, lobby::polling::MOST_WAITING_POLLS};

#[tokio::test]
async fn a_live_connection_waits_for_nothing_of_the_lobby() {
    let bench = Bench::new().await;
    let (bob, eve) = (bench.person("bob").await, bench.person("eve").await);
    bench.lobby.start_runtime().unwrap();
    let mut seat = {
        // A change that concerns everybody takes its time.
        let _busy = bench.lobby.lock();
        assert_eq!(bench.lobby.server().users, 2);
        assert!(bench.lobby.recent().is_empty() && !bench.lobby.recent_version().is_empty());
        bench.lobby.seat(&bob)
    };
    bench.ok(&eve, r#"{"command":"PRIVMSG","to":"bob","body":["hello"]}"#).await;
    let heard = tokio::time::timeout(Duration::from_secs(10), seat.next()).await.unwrap();
    assert_eq!(heard.len(), 1);
    assert!(heard[0].json().contains("hello"));
}

#[tokio::test]
async fn a_connection_that_goes_is_expected_no_more() {
    let bench = Bench::new().await;
    let passed = Passed { human: true, stamped: false };
    let session = bench.sessions.open(None, passed).unwrap().session;
    let seats = [bench.lobby.seat(&session), bench.lobby.seat(&session)];
    let settle = async || {
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    };
    settle().await;
    assert_eq!(bench.lobby.lock().expected[&session.client].len(), 2);
    let [mut stays, goes] = seats;
    drop(goes);
    settle().await;
    assert_eq!(bench.lobby.lock().expected[&session.client].len(), 1);
    // Whoever comes in is told there of all that follows.
    bench.ok(&session, r##"{"command":"JOIN","to":"#a"}"##).await;
    let told = tokio::time::timeout(Duration::from_secs(10), stays.next()).await.unwrap();
    assert!(told[0].json().contains("JOIN"), "{}", told[0].json());
    assert!(bench.lobby.lock().expected.is_empty());
    drop(bench.lobby.seat(&session));
    drop(stays);
    settle().await;
    assert!(bench.lobby.lock().expected.is_empty());
}

#[tokio::test]
async fn polls_of_one_network_make_room_for_those_of_others() {
    let bench = Bench::new().await;
    let (bob, eve) = (bench.person("bob").await, bench.person("eve").await);
    let last = async |who| bench.lobby.state(who, HOME).await.unwrap().last_id;
    let after = (last(&bob).await, last(&eve).await);
    let long = Duration::from_secs(30);
    let mut first = Box::pin(bench.lobby.poll(&bob, after.0, long, HOME));
    assert!(futures::poll!(first.as_mut()).is_pending());
    // All other places are taken from the same network.
    let taken: Vec<Place> = std::iter::from_fn(|| {
        let polls = &bench.lobby.shared.polls;
        (polls.taken() < MOST_WAITING_POLLS).then(|| polls.take(Some(HOME)).unwrap())
    })
    .collect();
    assert!(10_000 < taken.len());
    let elsewhere = [203, 0, 113, 7].into();
    let mut next = Box::pin(bench.lobby.poll(&eve, after.1, long, elsewhere));
    assert!(futures::poll!(next.as_mut()).is_pending(), "it waits");
    let answered = tokio::time::timeout(Duration::from_secs(10), first).await.unwrap().unwrap();
    assert!(answered.events.is_empty() && answered.last_id == after.0, "the oldest of them is answered");
    assert!(futures::poll!(next.as_mut()).is_pending());
}
