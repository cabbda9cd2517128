//! Coming in, with and without a stamp, and being thrown out.

use super::story::*;

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
