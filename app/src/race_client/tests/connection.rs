//! A live connection that is crowded, breaks, falls silent and comes back.

use super::story::*;

#[test]
fn a_crowded_server_is_asked_again_later_and_the_session_stays() {
    let mut story = Story::mining(round(1, 2.0));
    let crowded = |retry_after| {
        Event::Heard(ServerMessage::Rejected {
            code: ErrorCode::TooManyRequests,
            detail: "crowded".into(),
            retry_after,
        })
    };
    for _ in 0..5 {
        story.tell(Event::SocketClosed);
        while story.count(opens_socket) == 0 {
            story.wait(1.0);
        }
        story.tell(Event::SocketOpened);
        story.tell(crowded(Some(60)));
        story.tell(Event::SocketClosed);
        assert!(matches!(story.client.scene(story.now).connection, Connection::Waiting { seconds: 60..=90 }));
        story.wait(59.0);
        assert_eq!(story.count(opens_socket), 0, "no sooner than the server asked for");
        assert_eq!(story.phase(), Phase::Paused(Pause::ConnectionLost));
        story.wait(31.0);
        assert_eq!(story.count(opens_socket), 1);
        story.tell(Event::SocketOpened);
        story.tell(crowded(None));
    }
    assert_eq!(story.count(enters), 0, "this is no reason for a new session");
    story.tell(snapshot(round(1, 2.0)));
    story.tell(found(1, hash(0xff, 0)));
    assert_eq!(story.phase(), Phase::Mining);
}

#[test]
fn a_short_loss_of_the_connection_does_not_stop_mining() {
    let mut story = Story::mining(round(1, 6.0));
    story.tell(Event::SocketClosed);
    assert_eq!(story.client.scene(story.now).connection, Connection::Waiting { seconds: 1 });
    story.wait(1.0);
    assert_eq!(story.count(opens_socket), 1);
    story.tell(Event::SocketOpened);
    assert_eq!(story.count(says(ClientMessage::MiningStart)), 1, "the server must be told again");
    story.tell(snapshot(round(1, 6.0)));
    assert_eq!(story.count(fetches_trace), 1, "the device may have another address now");
    assert_eq!((story.count(stops), story.phase()), (0, Phase::Mining));
}

#[test]
fn a_long_loss_of_the_connection_pauses_mining_until_it_is_back() {
    let mut story = Story::mining(round(1, 6.0));
    story.tell(Event::SocketClosed);
    story.wait(30.0);
    assert_eq!(story.phase(), Phase::Paused(Pause::ConnectionLost));
    assert_eq!(story.count(stops), 1);
    story.tell(Event::SocketOpened);
    story.tell(snapshot(round(4, 6.0)));
    assert_eq!(story.count(starts), 1);
    assert_eq!(story.count(says(ClientMessage::MiningStart)), 1);
    story.tell(found(4, hash(0xff, 0)));
    assert_eq!(story.phase(), Phase::Mining);
    let notes = story.notes();
    assert!(notes.contains(&&Note::RoundMissed(RoundNumber(4))) && notes.contains(&&Note::Resumed), "{notes:?}");
}

#[test]
fn a_silent_connection_is_dropped() {
    let mut story = Story::mining(round(1, 6.0));
    story.wait(21.0);
    assert_eq!(story.count(|effect| matches!(effect, Effect::DropSocket)), 1);
    assert_eq!(story.count(opens_socket), 1);
}

#[test]
fn a_server_that_was_restarted_counts_from_one_again() {
    let mut story = Story::mining(round(17, 6.0));
    story.tell(Event::SocketClosed);
    story.wait(1.0);
    story.tell(Event::SocketOpened);
    story.tell(snapshot(round(1, 6.0)));
    assert_eq!(story.replaced_jobs()[0].round, RoundNumber(1));
}
