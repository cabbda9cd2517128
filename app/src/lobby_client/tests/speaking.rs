//! Messages and commands on their way.

use super::story::*;

#[test]
fn a_line_is_shown_at_once_and_later_as_delivered() {
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
