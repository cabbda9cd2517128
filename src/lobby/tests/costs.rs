//! A command costs its sender what it costs us, and no list is longer than it is said to
//! be.

use super::*;
use crate::{
    identity::{nick::Nick, session::SessionId},
    lobby::{dispatch::COMMANDS_PER_SECOND, mailbox::Mailbox},
    lock::lock,
};

const MANY_MEMBERS: usize = 4000;
const MANY_CHANNELS: usize = 2000;

/// A lobby with a channel of 4,000 members and 2,000 channels of one.
async fn crowded() -> (Bench, Session) {
    let bench = Bench::new().await;
    let bob = bench.person("bob").await;
    bench.ok(&bob, r##"{"command":"JOIN","to":"#big"}"##).await;
    let moment = bench.lobby.moment();
    let mut state = bench.lobby.lock();
    let name = |text: &str| text.parse::<channel_name::ChannelName>().unwrap();
    for number in 1..MANY_MEMBERS {
        let (id, nick) = (SessionId(format!("member{number}")), format!("member{number}").parse::<Nick>().unwrap());
        state.nicks.insert(nick.folded(), id.clone());
        let mut user = state::User::new(nick, Passed::default(), 0, moment.now);
        user.channels.insert(name("#big").folded());
        state.users.insert(id.clone(), user);
        let channel = state.channels.get_mut(&name("#big").folded()).unwrap();
        channel.members.insert(id, state::Rank::default());
    }
    for number in 0..MANY_CHANNELS {
        let channel = state::Channel::new(1000 + i64::try_from(number).unwrap(), name(&format!("#c{number}")), moment);
        state.channels.insert(channel.name.folded(), channel);
    }
    drop(state);
    (bench, bob)
}

/// What was taken from a client's pace since it was forgotten, in commands.
fn cost(bench: &Bench, mailbox: &Mailbox) -> f64 {
    let mut pace = lock(&mailbox.pace).take().unwrap();
    // A full pace is ten commands. Deep in debt, the wait tells the level.
    pace.charge(1000.0);
    let now = bench.lobby.moment().now;
    let wait = pace.take_with_debt(COMMANDS_PER_SECOND, 10.0, Duration::MAX, now).unwrap();
    wait.as_secs_f64() * COMMANDS_PER_SECOND - 1001.0 + 10.0
}

#[tokio::test]
async fn a_list_costs_as_many_commands_as_it_has_rows_for_and_is_cut() {
    let (bench, bob) = crowded().await;
    let mailbox = bench.lobby.enter(&bob, HOME).await.unwrap();
    let _ = lock(&mailbox.pace).take();
    // What is asked, how many lines come back, and how many commands that is worth.
    for (json, replies, worth) in [
        (r##"{"command":"PING"}"##, 1, 1.0),
        (r##"{"command":"LUSERS"}"##, 5, 1.0),
        (r##"{"command":"PRIVMSG","to":"#big","body":["hello"]}"##, 0, 1.0),
        (r##"{"command":"NAMES","to":"#c7"}"##, 1, 1.0),
        (r##"{"command":"NAMES","to":"#big"}"##, 6, 11.0),
        (r##"{"command":"WHO","to":"#big"}"##, 501, 11.0),
        (r##"{"command":"WHO","to":"bob"}"##, 2, 1.02),
        (r##"{"command":"LIST"}"##, 1002, 21.0),
        (r##"{"command":"LIST","to":"#c1,#c2,#c3"}"##, 5, 1.06),
        (r##"{"command":"JOIN","to":"#new,#newer"}"##, 4, 1.04),
    ] {
        let answer = bench.say(&bob, json).await;
        assert_eq!((answer.refused, answer.replies.len()), (None, replies), "{json}");
        let taken = cost(&bench, &mailbox);
        assert!((taken - worth).abs() < 1e-6, "{json}: {taken}");
    }
    let members = bench.lobby.members(&bob, "#big", HOME).await.unwrap();
    assert_eq!((members.len(), &*members[0].nick, members[0].prefix), (1000, "bob", "@"));
    assert!((cost(&bench, &mailbox) - 6.0).abs() < 1e-6);
    let channels = bench.lobby.channels(&bob, HOME).await.unwrap();
    let mine = channels.iter().filter(|channel| channel.prefix.is_some()).count();
    assert_eq!((channels.len(), mine), (1003, 3), "those of others are cut");
    assert!((cost(&bench, &mailbox) - 1.0 - 1003.0 / 200.0).abs() < 1e-6);
    let history = bench.lobby.history(Some(&bob), "#big", None, 200, HOME).await.unwrap();
    assert_eq!(history.matches("hello").count(), 1);
    assert!((cost(&bench, &mailbox) - 1.0 / 200.0).abs() < 1e-6, "what is read costs what there is of it");
}

#[tokio::test]
async fn whoever_asks_for_long_lists_waits_and_is_then_refused() {
    let (bench, bob) = crowded().await;
    bench.clock.advance(Duration::from_secs(60));
    let ask = async || bench.lobby.command(&bob, envelope(r##"{"command":"LIST"}"##), HOME).await;
    assert!(ask().await.is_ok(), "ten commands at once are had");
    // It was worth 21: the next would have to wait for six seconds, and the one after it
    // for longer than anybody is kept waiting.
    let mailbox = bench.lobby.enter(&bob, HOME).await.unwrap();
    lock(&mailbox.pace).as_mut().unwrap().charge(30.0);
    let Err(LobbyError::TooFast { retry_after }) = ask().await else { panic!("it was not refused") };
    assert_eq!(retry_after.as_secs(), 1, "{retry_after:?}");
}
