//! Shares: when one is sent, and which hash it shows.

use super::story::*;

#[test]
fn shares_are_sent_at_once_and_then_once_a_minute_each_with_a_new_hash() {
    let mut story = Story::mining(round(1, 6.0));
    story.tell(found(1, hash(0x10, 0)));
    assert_eq!(story.shares(), [], "not below the share target");
    story.tell(found(1, hash(0x0f, 0)));
    let shares = story.shares();
    assert_eq!(shares.len(), 1);
    assert_eq!((shares[0].round, shares[0].hash), (RoundNumber(1), hash(0x0f, 0)));
    assert_eq!(shares[0].visitor_id.as_str(), "visitor-1");
    assert_eq!(shares[0].trace_data.ip(), Some([192, 0, 2, 1].into()));

    // The best since then, though the best of the round is another.
    for first in [0x0e, 0x04, 0x08] {
        story.tell(found(1, hash(first, 0)));
    }
    story.hear_of_it_for(59.0);
    assert_eq!(story.shares(), []);
    story.hear_of_it_for(1.0);
    assert_eq!(story.shares().iter().map(|share| share.hash).collect::<Vec<_>>(), [hash(0x04, 0)]);
    story.hear_of_it_for(120.0);
    assert_eq!(story.shares(), [], "nothing new, nothing twice");
    story.tell(found(1, hash(0x0d, 0)));
    assert_eq!(story.shares().iter().map(|share| share.hash).collect::<Vec<_>>(), [hash(0x0d, 0)]);
}

#[test]
fn no_share_is_stale() {
    // A hash of the round before.
    let mut story = Story::mining(round(1, 6.0));
    story.tell(found(1, hash(0x0f, 0)));
    story.shares();
    story.tell(found(1, hash(0x01, 0)));
    story.tell(reset(round(2, 6.0)));
    story.hear_of_it_for(61.0);
    assert_eq!(story.shares(), []);
    story.tell(found(1, hash(0x00, 1)));
    assert_eq!(story.shares(), [], "a late batch");
    story.tell(found(2, hash(0x02, 0)));
    assert_eq!(story.shares()[0].round, RoundNumber(2));

    // A hash mined with the trace of another address.
    story.tell(found(2, hash(0x01, 0)));
    story.tell(trace("fl=1\nip=192.0.2.99\nts=2\n"));
    story.hear_of_it_for(61.0);
    assert_eq!(story.shares(), []);
    story.tell(found(2, hash(0x03, 0)));
    assert_eq!(story.shares()[0].trace_data.ip(), Some([192, 0, 2, 99].into()));
}

#[test]
fn nothing_is_proven_while_nothing_is_mined_or_nobody_hears_it() {
    let mut story = Story::mining(round(1, 6.0));
    story.tell(found(1, hash(0x0f, 0)));
    story.shares();
    story.tell(found(1, hash(0x01, 0)));
    story.tell(Event::Command(Command::Stop));
    story.hear_of_it_for(61.0);
    assert_eq!(story.shares(), []);
    story.tell(Event::Command(Command::Start));
    story.tell(Event::SocketClosed);
    story.tell(found(1, hash(0x01, 0)));
    assert_eq!(story.shares(), []);
    story.wait(1.0);
    story.tell(Event::SocketOpened);
    assert_eq!(story.shares(), [], "which round it is must be known first");
    story.tell(snapshot(round(1, 6.0)));
    assert_eq!(story.shares().len(), 1);
}

#[test]
fn a_new_session_proves_itself_at_once() {
    let mut story = Story::mining(round(1, 6.0));
    story.tell(found(1, hash(0x0f, 0)));
    assert_eq!(story.shares().len(), 1);
    let refusal = ServerMessage::Rejected { code: ErrorCode::MissingToken, detail: "who?".into(), retry_after: None };
    story.tell(Event::Heard(refusal));
    story.tell(Event::Entered(Ok(session())));
    story.tell(Event::SocketOpened);
    story.tell(snapshot(round(1, 6.0)));
    story.tell(found(1, hash(0x0e, 0)));
    assert_eq!(story.shares().len(), 1);
}

#[test]
fn a_share_too_large_for_a_message_is_not_sent() {
    let mut story = Story::mining(round(1, 6.0));
    story.tell(trace(&format!("fl=1\nip=192.0.2.7\nuag={}\n", "\u{1}".repeat(1000))));
    story.tell(found(1, hash(0x0f, 0)));
    assert_eq!(story.shares(), []);
}
