//! Stories of the lobby, told event by event.

use super::*;
use crate::{
    error::StampDemand,
    scene::lobby::{Line, Progress, Said},
    wire::{
        Figures, Gate, RoundView, TurnstileConfig, View,
        lobby::{LobbyAnswer, LobbyBatch, LobbyChannel, LobbyEvent, LobbyMember, LobbyMembers, LobbyPage},
    },
};
use puzzle::{Cost, Difficulty, RoundNumber, Seed};
use serde_json::{Value, json};
use std::sync::Arc;

struct Story {
    client: LobbyClient,
    now: Duration,
    effects: Vec<Effect>,
}

fn page(gate: Gate) -> PageState {
    PageState {
        view: View::Lobby,
        language: crate::Language::English,
        round: RoundView {
            round: RoundNumber(1),
            seed: Seed::from_bytes([1; 16]),
            difficulty: 2.0,
            target: Difficulty::new(2.0).unwrap().into(),
            cost: Cost::DEFAULT,
            mining_time: 0.0,
            clock_running: false,
            curve: None,
        },
        figures: Figures::default(),
        turnstile: TurnstileConfig { site_key: String::new(), test_mode: true },
        turnstile_script: String::new(),
        gate,
        lobby: LobbyPage { open: true, users: 3, lines: vec![message("old", "ann", LOBBY, "before")] },
        has_session: false,
        miner_simd: String::new(),
        miner_scalar: String::new(),
    }
}

fn event(id: &str, command: &str, from: &str, to: &str) -> LobbyEvent {
    LobbyEvent {
        id: id.into(),
        command: command.into(),
        from: from.into(),
        to: to.into(),
        ts: "2026-11-21T12:00:00.000Z".into(),
        ..LobbyEvent::default()
    }
}

fn message(id: &str, from: &str, to: &str, text: &str) -> LobbyEvent {
    LobbyEvent { body: vec![text.into()], ..event(id, "PRIVMSG", from, to) }
}

fn batch(messages: Vec<LobbyEvent>, last_id: u64) -> Event {
    Event::Polled(Ok(LobbyBatch { messages, last_id }))
}

fn state(bits: u8) -> Event {
    let channel = LobbyChannel { name: LOBBY.into(), topic: "Hello".into(), hashcash_bits: bits };
    Event::StateFetched(Ok(LobbyState { nick: "me".into(), channels: vec![channel], last_id: 7 }))
}

fn unreachable() -> ApiError {
    ApiError::new(ErrorCode::Unreachable, "no answer")
}

fn refused(bits: u8) -> Event {
    let answer = LobbyAnswer {
        numeric: Some("404".into()),
        message: "a stamp is needed".into(),
        meta: json!({"hashcash_bits": bits}),
        ..LobbyAnswer::default()
    };
    Event::Answered(Ok(answer))
}

fn found(search: u64, stamp: &str) -> Event {
    let proof = Proof { bits: 8, tries: 256, elapsed: Duration::from_millis(1) };
    Event::Stamp { search, event: MintEvent::Found(stamp.into(), proof) }
}

impl Story {
    fn outside(gate: Gate) -> Self {
        Self { client: LobbyClient::new(&page(gate), || 0.5), now: Duration::ZERO, effects: Vec::new() }
    }

    /// In `#lobby`, whose messages cost so many bits, with a queue read up to 7.
    fn inside(bits: u8) -> Self {
        let mut story = Self::outside(Gate { resource: "hashpass".into(), ..Gate::default() });
        story.tell(Event::Race { admitted: true, live: false });
        story.tell(Event::Command(LobbyCommand::InSight(true)));
        story.tell(Event::Command(LobbyCommand::Enter));
        assert_eq!(story.effects, [Effect::FetchState]);
        story.tell(state(bits));
        story.tell(Event::Command(LobbyCommand::InSight(true)));
        story.effects.clear();
        story
    }

    fn tell(&mut self, event: Event) {
        let effects = self.client.handle(event, self.now);
        self.effects.extend(effects);
    }

    fn say(&mut self, text: &str) {
        self.tell(Event::Command(LobbyCommand::Say(text.into())));
    }

    fn lines(&self) -> Vec<Arc<Line>> {
        self.client.scene().lines
    }

    fn texts(&self) -> Vec<String> {
        let text = |line: &Arc<Line>| match &line.said {
            Said::Message(text) => text.clone(),
            other => other.name().to_owned(),
        };
        self.lines().iter().map(text).collect()
    }

    fn last(&self) -> Line {
        Line::clone(self.lines().last().unwrap())
    }

    fn sent(&mut self) -> Vec<LobbyRequest> {
        let effects = std::mem::take(&mut self.effects);
        effects
            .into_iter()
            .filter_map(|effect| if let Effect::Send(request) = effect { Some(request) } else { None })
            .collect()
    }

    fn minted(&mut self) -> Vec<(u64, u8)> {
        let effects = std::mem::take(&mut self.effects);
        let mint = |effect| if let Effect::Mint { search, bits, .. } = effect { Some((search, bits)) } else { None };
        effects.into_iter().filter_map(mint).collect()
    }
}

#[test]
fn reading_needs_no_session_and_asks_nobody() {
    let mut story = Story::outside(Gate { stamp_bits: 20, ..Gate::default() });
    story.tell(Event::Race { admitted: true, live: true });
    story.say("hello");
    assert_eq!(story.effects, []);
    assert_eq!(story.texts(), ["before"]);
    assert_eq!(story.client.scene().member_count, 3);
}

#[test]
fn whoever_only_reads_looks_for_new_lines_while_the_lobby_is_in_sight() {
    let mut story = Story::outside(Gate { stamp_bits: 20, ..Gate::default() });
    assert_eq!(story.client.deadline(), None, "nobody looks");
    story.tell(Event::Command(LobbyCommand::InSight(true)));
    assert_eq!(story.effects, [], "the lines have come with the page");
    story.now = story.client.deadline().unwrap();
    story.tell(Event::Moment);
    assert_eq!(story.effects, [Effect::Look { known: String::new() }]);
    assert_eq!(story.client.deadline(), None, "one look at a time");
    let lines = vec![message("old", "ann", LOBBY, "before"), message("new", "bob", LOBBY, "after")];
    story.tell(Event::Looked(Ok(Some(("7".into(), LobbyBatch { messages: lines, last_id: 0 })))));
    assert_eq!(story.texts(), ["before", "after"]);
    // Out of sight nobody asks, and back in sight at once.
    story.tell(Event::Command(LobbyCommand::InSight(false)));
    assert_eq!(story.client.deadline(), None);
    story.now += Duration::from_secs(3600);
    story.effects.clear();
    story.tell(Event::Command(LobbyCommand::InSight(true)));
    assert_eq!(story.effects, [Effect::Look { known: "7".into() }]);
    story.tell(Event::Looked(Ok(None)));
    assert_eq!(story.texts(), ["before", "after"]);
    // A server that does not answer is asked less and less often.
    let mut waits = Vec::new();
    for _ in 0..6 {
        story.now = story.client.deadline().unwrap();
        story.tell(Event::Moment);
        story.tell(Event::Looked(Err(unreachable())));
        waits.push(story.client.deadline().unwrap() - story.now);
    }
    assert!(waits.is_sorted() && waits[0] < waits[5], "{waits:?}");
}

#[test]
fn whoever_is_inside_hears_and_does_not_look() {
    let mut story = Story::inside(0);
    story.now += Duration::from_secs(3600);
    story.tell(Event::Moment);
    assert!(!story.effects.iter().any(|effect| matches!(effect, Effect::Look { .. })), "{:?}", story.effects);
}

#[test]
fn whom_the_race_has_let_in_pays_no_stamp() {
    let mut story = Story::outside(Gate { stamp_bits: 20, ..Gate::default() });
    story.tell(Event::Command(LobbyCommand::Enter));
    assert_eq!(story.effects, [], "the race is only a moment away");
    story.tell(Event::Race { admitted: true, live: false });
    assert_eq!(story.effects, [Effect::FetchState]);
}

#[test]
fn whom_it_has_not_mints_a_session_stamp_and_may_stop_that() {
    let mut story = Story::outside(Gate { stamp_bits: 20, resource: "hashpass".into(), ..Gate::default() });
    story.tell(Event::Command(LobbyCommand::Enter));
    story.now = story.client.deadline().unwrap();
    story.tell(Event::Moment);
    assert_eq!(story.minted(), [(SESSION_SEARCH, 20)]);
    story.tell(Event::Command(LobbyCommand::CancelProof));
    assert_eq!(story.effects, [Effect::CancelMint(SESSION_SEARCH)]);
    story.tell(found(SESSION_SEARCH, "late"));
    assert_eq!(story.client.scene().access, Access::Reading);
    story.tell(Event::Command(LobbyCommand::Enter));
    story.now = story.client.deadline().unwrap();
    story.tell(Event::Moment);
    story.effects.clear();
    story.tell(found(SESSION_SEARCH, "1:20:x"));
    assert_eq!(story.effects, [Effect::Enter { stamp: Some("1:20:x".into()) }]);
}

#[test]
fn a_session_stamp_is_minted_again_when_the_bits_were_raised_but_not_for_ever() {
    let mut story = Story::outside(Gate { stamp_bits: 8, resource: "hashpass".into(), ..Gate::default() });
    story.tell(Event::Command(LobbyCommand::Enter));
    story.now = story.client.deadline().unwrap();
    story.tell(Event::Moment);
    for bits in 9..=11 {
        story.tell(found(SESSION_SEARCH, "stamp"));
        story.effects.clear();
        let demand =
            StampDemand { hashcash_bits: bits, resource: "renamed".into(), reason: "insufficient_bits".into() };
        let refusal = ApiError::new(ErrorCode::StampRequired, "more");
        story.tell(Event::Entered(Err(ApiError { stamp: Some(Box::new(demand)), ..refusal })));
        assert!(matches!(story.client.scene().access, Access::Proving(Proof { bits: shown, .. }) if shown == bits));
        let purpose = StampFor::Session("renamed".into());
        assert_eq!(story.effects, [Effect::Mint { search: SESSION_SEARCH, bits, purpose }]);
    }
    story.tell(found(SESSION_SEARCH, "stamp"));
    let demand = StampDemand { hashcash_bits: 12, resource: "renamed".into(), reason: "insufficient_bits".into() };
    let refusal = ApiError::new(ErrorCode::StampRequired, "more");
    story.tell(Event::Entered(Err(ApiError { stamp: Some(Box::new(demand)), ..refusal })));
    assert!(matches!(story.client.scene().access, Access::Refused(_)));
}

#[test]
fn a_line_is_shown_at_once_and_turns_solid() {
    let mut story = Story::inside(0);
    story.say("hi");
    assert_eq!(story.last().progress, Progress::Sending);
    let request = story.sent().remove(0);
    assert_eq!((&*request.command, request.to.as_deref()), ("PRIVMSG", Some(LOBBY)));
    // The echo may come before the answer; one line stays one line.
    let echo = LobbyEvent { meta: request.meta, ..message("e1", "me", LOBBY, "hi") };
    story.tell(batch(vec![echo.clone()], 8));
    assert_eq!(story.last().progress, Progress::Delivered);
    story.tell(Event::Answered(Ok(LobbyAnswer { id: Some("e1".into()), ..LobbyAnswer::default() })));
    story.tell(batch(vec![echo], 8));
    assert_eq!(story.texts(), ["before", "hi"]);
}

#[test]
fn a_stamped_channel_gets_stamps_and_more_of_them_when_the_bits_are_raised() {
    let mut story = Story::inside(8);
    story.say("hi");
    assert_eq!(story.last().progress, Progress::Proving(8));
    let (search, bits) = story.minted()[0];
    assert_eq!(bits, 8);
    story.tell(found(search, "1:8:a"));
    assert_eq!(story.sent()[0].meta["hashcash"], "1:8:a");
    story.tell(refused(10));
    assert_eq!(story.last().progress, Progress::Proving(10));
    assert_eq!(story.client.scene().bits, 10);
    assert_eq!(story.minted(), [(search, 10)]);
    story.tell(found(search, "1:10:b"));
    assert_eq!(story.sent()[0].meta["hashcash"], "1:10:b");
    story.tell(Event::Answered(Ok(LobbyAnswer::default())));
    assert_eq!(story.last().progress, Progress::Delivered);
}

#[test]
fn a_channel_that_always_asks_for_more_is_not_obeyed_for_ever() {
    let mut story = Story::inside(8);
    story.say("hi");
    let (search, _) = story.minted()[0];
    for bits in 9..=13 {
        story.tell(found(search, "s"));
        story.tell(refused(bits));
    }
    assert_eq!(story.last().progress, Progress::Failed("a stamp is needed".into()));
}

#[test]
fn commands_are_sent_one_after_the_other() {
    let mut story = Story::inside(0);
    story.say("one");
    story.say("two");
    assert_eq!(story.sent().len(), 1);
    story.tell(Event::Answered(Ok(LobbyAnswer::default())));
    assert_eq!(story.sent()[0].body, ["two"]);
}

#[test]
fn a_message_whose_answer_got_lost_is_sent_again_only_if_it_did_not_arrive() {
    for arrived in [true, false] {
        let mut story = Story::inside(0);
        story.say("hi");
        let request = story.sent().remove(0);
        story.tell(Event::Answered(Err(unreachable())));
        story.now += Duration::from_secs(60);
        story.tell(Event::Moment);
        assert_eq!(story.sent(), [], "whether it arrived is not known yet");
        let echo = LobbyEvent { meta: request.meta.clone(), ..message("e1", "me", LOBBY, "hi") };
        story.tell(batch(if arrived { vec![echo] } else { Vec::new() }, 8));
        assert_eq!(story.sent().len(), usize::from(!arrived));
        assert_eq!(story.texts(), ["before", "hi"]);
    }
}

#[test]
fn after_a_reconnect_nothing_is_missed_and_nothing_shown_twice() {
    let mut story = Story::inside(0);
    story.tell(Event::Race { admitted: true, live: true });
    assert!(story.effects.contains(&Effect::Listen));
    // Until everything before it was read, what the connection brings is held back.
    story.tell(Event::Heard { id: 10, event: message("c", "ann", LOBBY, "third") });
    story.effects.clear();
    story.tell(batch(vec![message("a", "ann", LOBBY, "first"), message("b", "ann", LOBBY, "second")], 9));
    assert_eq!(story.effects, [Effect::Poll { after: 9, seconds: 0 }]);
    story.tell(batch(vec![message("c", "ann", LOBBY, "third")], 10));
    story.effects.clear();
    story.tell(batch(Vec::new(), 10));
    assert_eq!(story.effects, [], "the connection does from here on");
    story.tell(Event::Heard { id: 11, event: message("d", "ann", LOBBY, "fourth") });
    assert_eq!(story.texts(), ["before", "first", "second", "third", "fourth"]);
    // It breaks: long polls take over where it stopped.
    story.tell(Event::Race { admitted: true, live: false });
    assert_eq!(story.effects, [Effect::Poll { after: 11, seconds: POLL_SECONDS }]);
}

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
fn the_race_is_driven_from_the_composer() {
    let mut story = Story::inside(0);
    story.client.mines_at(6.5);
    for line in ["/mine", "/stop", "/rate"] {
        story.say(line);
    }
    assert_eq!(story.effects, [Effect::Race(scene::Command::Start), Effect::Race(scene::Command::Stop)]);
    assert_eq!(story.last().said, Said::Rate(6.5));
}

#[test]
fn a_refusal_is_shown_where_the_command_was_given() {
    let mut story = Story::inside(0);
    story.say("/topic mine now");
    let reply = LobbyEvent {
        params: vec![LOBBY.into()],
        body: vec!["You are not a channel operator".into()],
        ..event("n", "482", "hashpass", "me")
    };
    story.tell(Event::Answered(Ok(LobbyAnswer {
        numeric: Some("482".into()),
        replies: vec![reply.clone()],
        ..LobbyAnswer::default()
    })));
    assert_eq!(story.last().said, Said::Refusal("#lobby: You are not a channel operator".into()));
    story.tell(batch(vec![reply], 9));
    assert_eq!(story.texts(), ["before", "refusal"], "it is in the queue as well");
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
    assert_eq!(story.lines().len(), conversation::LONGEST);
    assert_eq!(story.texts().last().map(String::as_str), Some("699"));
}

#[test]
fn whoever_is_thrown_out_reads_on_and_may_come_back() {
    let mut story = Story::inside(0);
    story.tell(Event::Polled(Err(ApiError::new(ErrorCode::NotLoggedIn, "ended"))));
    assert_eq!(story.client.scene().access, Access::Reading);
    assert_eq!(story.texts(), ["before"]);
    story.effects.clear();
    story.tell(Event::Command(LobbyCommand::Enter));
    assert_eq!(story.effects, [Effect::FetchState]);
}

#[test]
fn a_state_that_an_event_has_overtaken_does_not_count() {
    let mut story = Story::inside(0);
    story.tell(batch(vec![event("m", "MODE", "ann", LOBBY)], 8));
    assert!(story.effects.contains(&Effect::FetchState));
    let topic = LobbyEvent { body: vec!["newer".into()], ..event("t", "TOPIC", "ann", LOBBY) };
    story.tell(batch(vec![topic], 9));
    story.effects.clear();
    story.tell(state(0));
    assert_eq!(story.client.scene().topic, "newer", "the answer was older");
    assert_eq!(story.effects, [Effect::FetchState]);
    story.tell(state(0));
    assert_eq!(story.client.scene().topic, "Hello");
}
