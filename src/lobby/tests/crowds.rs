//! Full tables are full for nobody.

use super::*;
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
    assert!(bench.lobby.members(&talker, "#talk").await.is_ok());
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
