//! The stamp that a session is had for, where the gate asks for one.

use super::story::*;

/// A page whose gate asks for stamps of twelve bits.
fn stamped(humans: bool) -> Story {
    let gate = Gate { asks_for_humans: humans, asks_for_stamps: true, stamp_bits: 12, resource: "hashpass".into() };
    let mut story = Story::on(&PageState { gate, ..page(round(1, 2.0)) });
    story.tell(Event::Begin { had_session: false });
    story
}

fn mints(effect: &Effect) -> bool {
    matches!(effect, Effect::MintStamp { bits: 12, resource } if resource == "hashpass")
}

fn entered_with(story: &Story) -> Vec<(Option<String>, Option<String>)> {
    let entered = |effect: &Effect| match effect {
        Effect::Enter { token, stamp, .. } => Some((token.clone(), stamp.clone())),
        _ => None,
    };
    story.effects.iter().filter_map(entered).collect()
}

#[test]
fn where_the_gate_asks_for_a_stamp_the_page_mints_one_and_nobody_is_asked() {
    let mut story = stamped(false);
    assert!(story.effects.iter().any(mints));
    assert!(entered_with(&story).is_empty());
    let proof = Proof { bits: 12, tries: 4096, elapsed: Duration::from_millis(5) };
    story.tell(Event::Stamp(MintEvent::Progress(proof)));
    assert_eq!(story.client.scene(story.now).proof, SessionProof::Computing(proof));
    story.tell(Event::Stamp(MintEvent::Found("1:12:stamp".into(), proof)));
    assert_eq!(entered_with(&story), [(None, Some("1:12:stamp".into()))]);
    story.tell(Event::Entered(Ok(session())));
    assert!(story.client.may_take_part());
    assert_eq!(story.client.scene(story.now).proof, SessionProof::Done);
}

#[test]
fn a_stamp_that_was_stopped_is_searched_for_again_when_the_visitor_says_so() {
    let mut story = stamped(false);
    story.tell(Event::Command(Command::CancelProof));
    assert!(story.effects.iter().any(|effect| matches!(effect, Effect::CancelStamp)));
    assert_eq!(story.client.scene(story.now).proof, SessionProof::Cancelled);
    story.tell(Event::Stamp(MintEvent::Found("late".into(), Proof::default())));
    assert!(entered_with(&story).is_empty(), "what was stopped counts for nothing");
    story.effects.clear();
    story.tell(Event::Command(Command::RetryProof));
    assert!(story.effects.iter().any(mints));
}

#[test]
fn with_both_gates_the_stamp_waits_for_the_token() {
    let mut story = stamped(true);
    story.tell(Event::Stamp(MintEvent::Found("s".into(), Proof::default())));
    assert_eq!(entered_with(&story), [(Some("test".into()), Some("s".into()))]);
}

#[test]
fn a_refused_stamp_is_minted_anew_as_the_server_wants_it_but_not_for_ever() {
    let mut story = stamped(false);
    for bits in [13, 14, 15] {
        story.tell(Event::Stamp(MintEvent::Found("s".into(), Proof::default())));
        let demand = StampDemand { hashcash_bits: bits, resource: "other".into(), reason: "bits".into() };
        story.effects.clear();
        let refusal = ApiError { stamp: Some(Box::new(demand)), ..error(ErrorCode::StampRequired) };
        story.tell(Event::Entered(Err(refusal)));
        let again = |effect: &Effect| matches!(effect, Effect::MintStamp { bits: found, .. } if *found == bits);
        assert!(story.effects.iter().any(again), "{bits}");
    }
    story.tell(Event::Stamp(MintEvent::Found("s".into(), Proof::default())));
    story.tell(Event::Entered(Err(error(ErrorCode::StampRequired))));
    assert!(matches!(story.phase(), Phase::Failed(Failure::EntryRefused(_))));
}

#[test]
fn a_stamp_that_is_asked_for_under_attack_is_minted_where_the_gate_asked_for_none() {
    let gate = Gate { asks_for_humans: true, asks_for_stamps: false, stamp_bits: 20, resource: "hashpass".into() };
    let mut story = Story::on(&PageState { gate, ..page(round(1, 2.0)) });
    story.tell(Event::Begin { had_session: false });
    assert_eq!(entered_with(&story), [(Some("test".into()), None)]);
    let demand = StampDemand { hashcash_bits: 12, resource: "hashpass".into(), reason: "missing".into() };
    let refusal = ApiError { stamp: Some(Box::new(demand)), ..error(ErrorCode::StampRequired) };
    story.effects.clear();
    story.tell(Event::Entered(Err(refusal)));
    assert!(story.effects.iter().any(mints));
    story.tell(Event::Stamp(MintEvent::Found("s".into(), Proof::default())));
    assert_eq!(entered_with(&story), [(Some("test".into()), Some("s".into()))]);
}
