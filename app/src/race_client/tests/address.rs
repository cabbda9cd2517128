//! Traces: an address that changes, never fits or cannot be read.

use super::story::*;

#[test]
fn a_changed_address_costs_the_work_but_not_the_race() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0x00, 0x10)));
    story.submissions();
    story.answer(1, Err(error(ErrorCode::IdentityMismatch)));
    assert_eq!(story.count(fetches_trace), 1);
    story.tell(found(1, hash(0x00, 0x01)));
    assert!(story.submissions().is_empty(), "found with the old trace");
    story.tell(trace("ip=198.51.100.7\n"));
    let jobs = story.replaced_jobs();
    assert_eq!(jobs[0].trace.as_str(), "ip=198.51.100.7\n");
    assert_eq!((story.count(stops), story.phase()), (0, Phase::Mining));
    story.tell(found(1, hash(0x00, 0x20)));
    assert_eq!(story.submissions()[0].trace_data.as_str(), "ip=198.51.100.7\n");
}

#[test]
fn an_address_that_never_fits_is_told() {
    let mut story = Story::mining(round(1, 2.0));
    for attempt in 1..=4 {
        assert_eq!(story.phase(), Phase::Mining, "{attempt}");
        story.tell(found(1, hash(0x00, 0x10)));
        story.answer(1, Err(error(ErrorCode::IdentityMismatch)));
        story.tell(trace(&format!("ip=2001:db8::1\nts={attempt}\n")));
    }
    assert_eq!(story.phase(), Phase::Failed(Failure::AddressUnstable));
    assert_eq!(story.count(stops), 1);
    story.tell(Event::Command(Command::Start));
    assert_eq!(story.phase(), Phase::Starting, "the visitor may try again");
}

#[test]
fn a_new_trace_of_the_same_address_keeps_the_work() {
    let mut story = Story::mining(round(1, 4.0));
    story.tell(found(1, hash(0x00, 0x10)));
    story.tell(trace("ip=192.0.2.1\nts=2\n"));
    assert!(story.replaced_jobs().is_empty());
    assert!(story.client.scene(story.now).best.is_some());
}

#[test]
fn a_trace_that_cannot_be_read_is_read_again() {
    let mut story = Story::opened(round(1, 2.0));
    story.tell(Event::Begin { had_session: false });
    story.tell(Event::Entered(Ok(session())));
    story.tell(Event::Identified { visitor: "visitor-1".parse().unwrap(), at_random: false });
    for nonsense in ["", "<html>", "ip=no address\n"] {
        story.effects.clear();
        story.tell(trace(nonsense));
        assert_eq!(story.phase(), Phase::Paused(Pause::TraceUnreadable));
        story.wait(30.0);
        assert_eq!(story.count(fetches_trace), 1, "{nonsense:?}");
    }
    story.tell(trace("ip=192.0.2.1\n"));
    assert_eq!(story.phase(), Phase::Idle);
}
