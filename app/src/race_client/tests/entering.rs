//! How a visitor comes to take part, and why one does not.

use super::story::*;

#[test]
fn nothing_can_be_started_before_the_check_has_passed() {
    let mut story = Story::opened(round(1, 2.0));
    story.tell(Event::Begin { had_session: false });
    story.tell(Event::Command(Command::Start));
    assert_eq!(story.phase(), Phase::Checking);
    assert!(!story.client.scene(story.now).can_start);
    story.tell(Event::Entered(Ok(session())));
    story.tell(trace("ip=192.0.2.1\n"));
    assert_eq!(story.phase(), Phase::Checking);
    story.tell(Event::Identified { visitor: "visitor-1".parse().unwrap(), at_random: false });
    assert_eq!(story.phase(), Phase::Idle);
    assert!(story.client.scene(story.now).can_start);
    assert_eq!(story.count(enters), 1);
    assert_eq!(story.count(opens_socket), 1);
    assert_eq!(story.count(starts), 0);
}

#[test]
fn mining_waits_for_the_round_as_it_is_now() {
    let mut story = Story::opened(round(1, 2.0));
    story.tell(Event::Begin { had_session: false });
    story.tell(Event::Entered(Ok(session())));
    story.tell(trace("ip=192.0.2.1\n"));
    story.tell(Event::Identified { visitor: "visitor-1".parse().unwrap(), at_random: false });
    story.tell(Event::Command(Command::Start));
    assert_eq!(story.phase(), Phase::Starting);
    assert_eq!(story.count(starts), 0);
    story.tell(Event::SocketOpened);
    story.tell(snapshot(round(5, 2.0)));
    assert_eq!(story.count(starts), 1);
    assert_eq!(story.count(says(ClientMessage::MiningStart)), 1);
    story.tell(found(5, hash(0xff, 0)));
    assert_eq!(story.phase(), Phase::Mining);
}

#[test]
fn a_start_without_a_connection_says_so_after_a_while() {
    let mut story = Story::opened(round(1, 2.0));
    story.tell(Event::Begin { had_session: false });
    story.tell(Event::Entered(Ok(session())));
    story.tell(trace("ip=192.0.2.1\n"));
    story.tell(Event::Identified { visitor: "visitor-1".parse().unwrap(), at_random: true });
    story.tell(Event::Command(Command::Start));
    story.wait(25.0);
    assert_eq!(story.phase(), Phase::Paused(Pause::ConnectionLost));
    assert!(1 < story.count(opens_socket));
}

#[test]
fn a_server_that_cannot_be_reached_is_tried_for_ever() {
    let mut story = Story::opened(round(1, 2.0));
    story.tell(Event::Begin { had_session: false });
    for attempt in 1..10 {
        assert_eq!(story.count(enters), 1, "attempt {attempt}");
        story.tell(Event::Entered(Err(error(ErrorCode::Unreachable))));
        assert_eq!(story.phase(), Phase::Paused(Pause::ServerUnreachable));
        story.wait(30.0);
    }
    let delayed = ApiError { retry_after: Some(100), ..error(ErrorCode::TooManyRequests) };
    story.effects.clear();
    story.tell(Event::Entered(Err(delayed)));
    story.wait(99.0);
    assert_eq!(story.count(enters), 0);
    story.wait(1.0);
    assert_eq!(story.count(enters), 1);
}

#[test]
fn who_is_refused_reads_why() {
    for (answer, failure) in [
        (Ok(SessionView { verified: false, ..session() }), Failure::NotVerified),
        (Err(error(ErrorCode::TurnstileFailed)), Failure::EntryRefused(error(ErrorCode::TurnstileFailed).into())),
        (Err(error(ErrorCode::CrossSite)), Failure::EntryRefused(error(ErrorCode::CrossSite).into())),
    ] {
        let mut story = Story::opened(round(1, 2.0));
        story.tell(Event::Begin { had_session: false });
        story.tell(Event::Entered(answer));
        assert_eq!(story.phase(), Phase::Failed(failure));
        assert!(!story.client.scene(story.now).can_start);
    }
}

#[test]
fn an_earlier_session_is_taken_up_and_its_codes_are_shown_again() {
    let mut story = Story::opened(round(1, 2.0));
    story.tell(Event::Begin { had_session: true });
    assert_eq!((story.count(enters), story.count(fetches_wins)), (0, 1));
    let wins = [9, 4].map(|round| Win {
        round: RoundNumber(round),
        invite_code: code(&format!("HASHPASS-{round:0>12}")),
        at: "2026-01-02T03:04:05Z".into(),
    });
    story.tell(Event::WinsFetched(Ok(wins.to_vec())));
    assert_eq!(story.count(opens_socket), 1);
    let rounds: Vec<_> = story.client.scene(story.now).prizes.iter().map(|prize| prize.round.0).collect();
    assert_eq!(rounds, [9, 4]);
    assert!(!matches!(story.phase(), Phase::Won(_)));
}

#[test]
fn an_expired_session_is_replaced_by_a_new_one() {
    let mut story = Story::opened(round(1, 2.0));
    story.tell(Event::Begin { had_session: true });
    story.tell(Event::WinsFetched(Err(error(ErrorCode::MissingToken))));
    assert_eq!(story.count(enters), 1);
}

#[test]
fn a_session_that_the_browser_does_not_keep_is_not_made_for_ever() {
    let mut story = Story::ready(round(1, 2.0));
    for _ in 0..3 {
        assert_eq!(story.phase(), Phase::Idle);
        story.tell(Event::Heard(ServerMessage::Rejected {
            code: ErrorCode::MissingToken,
            detail: "who?".into(),
            retry_after: None,
        }));
        story.tell(Event::Entered(Ok(session())));
        story.tell(Event::SocketOpened);
    }
    story.tell(Event::Heard(ServerMessage::Rejected {
        code: ErrorCode::MissingToken,
        detail: "who?".into(),
        retry_after: None,
    }));
    assert_eq!(story.phase(), Phase::Failed(Failure::SessionNotKept));
}
