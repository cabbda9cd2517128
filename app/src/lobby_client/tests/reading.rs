//! Reading: from outside, by polls and over the live connection.

use super::story::*;

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
