//! Full tables are full for nobody.

use super::*;
use crate::gate::network::Network;
use crate::lobby::state::{MOST_CHANNELS, MOST_USERS};

#[tokio::test]
async fn newcomers_come_in_and_make_channels_whatever_an_attack_has_filled() {
    let bench = Bench::new().await;
    let (talker, owner) = (bench.person("talker").await, bench.person("owner").await);
    bench.ok(&talker, r##"{"command":"JOIN","to":"#talk"}"##).await;
    bench.ok(&talker, r##"{"command":"PRIVMSG","to":"#talk","body":["hello"]}"##).await;
    bench.ok(&owner, r#"{"command":"PASS","body":["correct horse"]}"#).await;
    // Nobody of these ever says a word.
    let moment = bench.lobby.moment();
    {
        let mut state = bench.lobby.lock();
        for number in state.users.len()..MOST_USERS {
            let id = crate::identity::session::SessionId(format!("attacker{number}"));
            let nick: crate::identity::nick::Nick = format!("a{number}").parse().unwrap();
            state.nicks.insert(nick.folded(), id.clone());
            state.users.insert(id, state::User::new(nick, Passed::default(), 0, moment.now));
        }
        for number in state.channels.len()..MOST_CHANNELS {
            let name: channel_name::ChannelName = format!("#a{number}").parse().unwrap();
            let id = 1000 + i64::try_from(number).unwrap();
            state.last_channel = id;
            state.channels.insert(name.folded(), state::Channel::new(id, name, moment));
        }
    }
    for number in 0..100 {
        let newcomer = bench.person(&format!("new{number}")).await;
        bench.ok(&newcomer, &format!(r##"{{"command":"JOIN","to":"#new{number}"}}"##)).await;
        bench.ok(&newcomer, &format!(r##"{{"command":"PRIVMSG","to":"#new{number}","body":["hello"]}}"##)).await;
    }
    {
        let state = bench.lobby.lock();
        assert!(state.users.len() <= MOST_USERS && state.channels.len() <= MOST_CHANNELS);
        for number in 0..100 {
            assert!(state.by_nick(&format!("new{number}")).is_some(), "{number}");
            assert!(
                state.channels.contains_key(&crate::identity::nick::Folded::of(&format!("#new{number}"))),
                "{number}"
            );
        }
    }
    for person in [&talker, &owner] {
        assert!(bench.lobby.lock().users.contains_key(&person.id));
    }
    assert!(bench.lobby.members(&talker, "#talk", HOME).await.is_ok());
}

#[tokio::test]
async fn one_network_does_not_use_up_the_ceiling_of_all() {
    let bench = Bench::new().await;
    let open = async |address: [u8; 4]| {
        let credentials = Credentials { token: None, stamp: None, address: address.into() };
        bench.lobby.open_session(None, None, credentials).await
    };
    let mut opened = 0;
    for _ in 0..600 {
        opened += usize::from(open([198, 51, 100, 1]).await.is_ok());
    }
    assert_eq!(opened, 37, "a sixteenth of 600");
    assert!(open([203, 0, 113, 1]).await.is_ok());
    assert!(matches!(open([198, 51, 100, 1]).await, Err(LobbyError::Ceiling { .. })));
}

/// So many networks fill everything.
const ATTACKERS: usize = 40;

/// Where an attacker is: twenty /64s of one /48, and twenty that have nothing in common.
fn attacker(number: usize) -> IpAddr {
    let number = u16::try_from(number % ATTACKERS).unwrap();
    let (site, subnet) = if number < 20 { (1, number) } else { (number, 0) };
    std::net::Ipv6Addr::new(0x2001, 0xdb8, site, subnet, 0, 0, 0, 1).into()
}

/// Fills the lobby with people and channels of attackers, which have spoken if `talk`.
/// `last` counts them.
fn fill(bench: &Bench, talk: bool, last: &mut usize) {
    let moment = bench.lobby.moment();
    let mut state = bench.lobby.lock();
    let mut next = || {
        *last += 1;
        *last
    };
    while state.users.len() < MOST_USERS {
        let number = next();
        let id = crate::identity::session::SessionId(format!("attacker{number}"));
        let nick: crate::identity::nick::Nick = format!("a{number}").parse().unwrap();
        state.nicks.insert(nick.folded(), id.clone());
        let user = state::User::new(nick, Passed::default(), 0, moment.now);
        let network = Some(attacker(number).into());
        state.users.insert(id, state::User { network, has_spoken: talk, ..user });
    }
    while state.channels.len() < MOST_CHANNELS {
        let number = next();
        let name: channel_name::ChannelName = format!("#a{number}").parse().unwrap();
        let id = 1000 + i64::try_from(number).unwrap();
        state.last_channel = id;
        let network = Some(attacker(number).into());
        let channel = state::Channel { network, has_words: talk, ..state::Channel::new(id, name.clone(), moment) };
        state.channels.insert(name.folded(), channel);
    }
}

#[tokio::test]
async fn forty_networks_that_hold_everything_make_room_for_each_newcomer_and_drive_none_of_them_out() {
    for talk in [false, true] {
        let bench = Bench::new().await;
        let (talker, owner) = (bench.person("talker").await, bench.person("owner").await);
        bench.ok(&talker, r##"{"command":"JOIN","to":"#talk"}"##).await;
        bench.ok(&talker, r##"{"command":"PRIVMSG","to":"#talk","body":["hello"]}"##).await;
        bench.ok(&owner, r#"{"command":"PASS","body":["correct horse"]}"#).await;
        let mut last = 0;
        fill(&bench, talk, &mut last);
        // Each from a network of its own, and none of them ever says a word.
        let mut newcomers = Vec::new();
        for number in 0..100_u8 {
            let address = IpAddr::from([203, number, 113, 1]);
            let credentials = Credentials { token: None, stamp: None, address };
            let opened = bench.lobby.open_session(None, Some(&format!("new{number}")), credentials).await.unwrap();
            let newcomer = bench.sessions.by_cookie(&opened.token.unwrap()).unwrap();
            bench.clock.advance(Duration::from_secs(1));
            let join = envelope(&format!(r##"{{"command":"JOIN","to":"#new{number}"}}"##));
            let joined = bench.lobby.command(&newcomer, join, address).await.unwrap();
            assert_eq!(joined.refused, None, "{number}, talk: {talk}");
            newcomers.push(newcomer);
            // The attackers come back at once.
            if number % 50 == 0 {
                fill(&bench, talk, &mut last);
            }
        }
        let state = bench.lobby.lock();
        assert!(state.users.len() <= MOST_USERS && state.channels.len() <= MOST_CHANNELS);
        for (number, newcomer) in newcomers.iter().enumerate() {
            assert!(state.users.contains_key(&newcomer.id), "{number}, talk: {talk}");
            let channel = crate::identity::nick::Folded::of(&format!("#new{number}"));
            assert!(state.channels.contains_key(&channel), "{number}, talk: {talk}");
        }
        for person in [&talker, &owner] {
            assert!(state.users.contains_key(&person.id), "talk: {talk}");
        }
        assert!(state.channels.contains_key(&crate::identity::nick::Folded::of("#talk")), "talk: {talk}");
        // The site with twenty of them has made room, and not those beside it.
        let held = |numbers: std::ops::Range<usize>| -> usize {
            let networks: Vec<Network> = numbers.map(|number| attacker(number).into()).collect();
            state.users.values().filter(|user| user.network.is_some_and(|from| networks.contains(&from))).count()
        };
        assert!(held(0..20) + 100 < held(20..40), "talk: {talk}");
    }
}

#[tokio::test]
async fn one_network_has_a_share_of_the_stores_queue_as_soon_as_it_is_crowded() {
    let bench = Bench::new().await;
    let elsewhere = [203, 0, 113, 7].into();
    let held: Vec<_> = (0..256).map(|_| bench.lobby.begin(HOME).unwrap().unwrap()).collect();
    assert!(bench.lobby.begin(HOME).unwrap().is_none(), "nobody counts while there is room");
    // The thread is held, and the queue fills.
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let mut busy = Box::pin(bench.store.call(move |_| Ok(wait.recv().ok())));
    assert!(futures::poll!(busy.as_mut()).is_pending());
    while !bench.store.is_crowded() {
        bench.store.reserve().unwrap().write(Vec::new(), |_| {}).without_waiting();
    }
    assert!(bench.lobby.begin(HOME).is_err());
    assert!(bench.lobby.begin(elsewhere).unwrap().is_some());
    drop(held);
    assert!(bench.lobby.begin(HOME).unwrap().is_some());
    go_on.send(()).unwrap();
    busy.await.unwrap();
}
