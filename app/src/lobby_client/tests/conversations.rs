//! Conversations: their lines, their members and what is unread.

use super::story::*;

#[test]
fn unread_messages_are_counted_where_nobody_looks() {
    let mut story = Story::inside(0);
    story.tell(batch(vec![message("a", "bob", "me", "psst"), message("b", "bob", "me", "hey")], 9));
    let tabs = story.client.scene().tabs;
    assert_eq!((&*tabs[1].name, tabs[1].unread, tabs[0].unread), ("bob", 2, 0));
    story.tell(Event::Command(LobbyCommand::Select(1)));
    assert_eq!(story.client.scene().unread, 0);
    assert_eq!(story.texts(), ["psst", "hey"]);
    story.tell(Event::Command(LobbyCommand::InSight(false)));
    story.tell(batch(vec![message("c", "bob", "me", "you")], 10));
    assert_eq!(story.client.scene().unread, 1);
    story.tell(Event::Command(LobbyCommand::InSight(true)));
    assert_eq!(story.client.scene().unread, 0);
}

#[test]
fn members_come_and_go() {
    let mut story = Story::inside(0);
    let member = |nick: &str| LobbyMember { nick: nick.into(), ..LobbyMember::default() };
    let members = LobbyMembers { members: vec![member("ann"), member("me")] };
    story.tell(Event::MembersFetched { channel: LOBBY.into(), result: Ok(members) });
    let renamed = LobbyEvent { params: vec!["zoe".into()], ..event("r", "NICK", "ann", "zoe") };
    story.tell(batch(vec![event("j", "JOIN", "bob", LOBBY), renamed, event("q", "QUIT", "bob", "")], 9));
    let nicks: Vec<_> = story.client.scene().members.into_iter().map(|member| member.nick).collect();
    assert_eq!(nicks, ["me", "zoe"]);
    assert_eq!(story.texts(), ["before", "event", "event", "event"]);
}

#[test]
fn nobody_is_missed_who_comes_or_goes_while_the_members_are_fetched() {
    let member = |nick: &str, prefix: &str| LobbyMember { nick: nick.into(), prefix: prefix.into(), away: false };
    let fetched = |members: Vec<LobbyMember>| Event::MembersFetched {
        channel: LOBBY.into(),
        result: Ok(LobbyMembers { members }),
    };
    let nicks = |story: &Story| -> Vec<String> {
        story.client.scene().members.into_iter().map(|member| member.prefix + &member.nick).collect()
    };
    let mut story = Story::inside(0);
    // The list was written before all of this happened …
    let renamed = LobbyEvent { params: vec!["zoe".into()], ..event("n", "NICK", "ann", "zoe") };
    let kicked = LobbyEvent { params: vec!["dan".into()], ..event("k", "KICK", "eve", LOBBY) };
    let comings = vec![event("j", "JOIN", "bob", LOBBY), renamed, event("q", "QUIT", "carl", ""), kicked];
    story.tell(batch(comings.clone(), 9));
    let before = vec![member("ann", "@"), member("carl", ""), member("dan", ""), member("eve", ""), member("me", "")];
    story.tell(fetched(before.clone()));
    assert_eq!(nicks(&story), ["bob", "eve", "me", "@zoe"]);
    // … or after it: then nothing is left to be done.
    let mut story = Story::inside(0);
    story.tell(batch(comings, 9));
    let after = vec![member("bob", "+"), member("eve", ""), member("me", ""), member("zoe", "@")];
    story.tell(fetched(after));
    assert_eq!(nicks(&story), ["+bob", "eve", "me", "@zoe"]);
    // Ranks are not told in full, so a change of modes asks again, once at a time.
    story.effects.clear();
    story.tell(batch(vec![event("m1", "MODE", "zoe", LOBBY), event("m2", "MODE", "zoe", LOBBY)], 11));
    let asked = |story: &Story| story.effects.iter().filter(|effect| matches!(effect, Effect::FetchMembers(_))).count();
    assert_eq!(asked(&story), 1);
    story.tell(fetched(before));
    assert_eq!((nicks(&story).len(), asked(&story)), (4, 2), "the first answer is older than the second change");
    story.tell(fetched(vec![member("me", "@")]));
    assert_eq!((nicks(&story), asked(&story)), (vec!["@me".to_owned()], 2));
}

#[test]
fn a_channel_that_is_joined_comes_to_the_front_and_its_history_with_it() {
    let mut story = Story::inside(0);
    story.say("/join rust");
    assert_eq!(story.sent()[0].to.as_deref(), Some("#rust"));
    story.tell(Event::Answered(Ok(LobbyAnswer::default())));
    story.tell(batch(vec![event("j", "JOIN", "me", "#rust")], 9));
    assert_eq!(story.client.scene().active, 1);
    assert!(story.effects.contains(&Effect::FetchHistory("#rust".into())));
    story.tell(Event::Command(LobbyCommand::Close(1)));
    assert_eq!(story.sent()[0].command, "PART");
    story.tell(batch(vec![event("p", "PART", "me", "#rust")], 10));
    assert_eq!(story.client.scene().tabs.len(), 1);
}

#[test]
fn news_is_believed_from_the_server_alone() {
    let mut story = Story::inside(0);
    let news = |id: &str, from: &str| LobbyEvent {
        body: vec!["a miner won".into()],
        meta: json!({"event": "win"}),
        ..event(id, "NOTICE", from, LOBBY)
    };
    story.tell(batch(vec![news("a", "mallory"), news("b", "hashpass")], 9));
    assert_eq!(story.texts(), ["before", "notice", "news"]);
}

#[test]
fn strange_meta_breaks_nothing() {
    let mut story = Story::inside(0);
    for (id, meta) in [("a", json!({"event": 5, "line": []})), ("b", Value::Null), ("c", json!({"line": "x"}))] {
        story.tell(batch(vec![LobbyEvent { meta, ..message(id, "me", LOBBY, id) }], 9));
    }
    assert_eq!(story.texts(), ["before", "a", "b", "c"]);
}

#[test]
fn a_conversation_keeps_its_last_lines() {
    let mut story = Story::inside(0);
    for number in 0..700 {
        story.tell(batch(vec![message(&format!("n{number}"), "ann", LOBBY, &number.to_string())], number));
    }
    assert_eq!(story.lines().len(), MOST_LINES);
    assert_eq!(story.texts().last().map(String::as_str), Some("699"));
}
