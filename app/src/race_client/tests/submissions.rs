//! Solutions on their way: won, too late, too early, refused, unanswered.

use super::story::*;
use crate::wire::DropLimits;

#[test]
fn a_solution_wins_and_mining_goes_on_with_the_next_round() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0x01, 0)));
    assert!(story.submissions().is_empty());
    story.tell(found(1, hash(0x00, 0xff)));
    let submissions = story.submissions();
    assert_eq!(submissions.len(), 1);
    assert_eq!(submissions[0].visitor_id.as_str(), "visitor-1");
    assert_eq!(submissions[0].hash, hash(0x00, 0xff));
    assert_eq!(submissions[0].submitted_seed, Seed::from_bytes([1; 16]));
    assert_eq!(story.phase(), Phase::Submitting);

    story.tell(found(1, hash(0x00, 0x01)));
    assert!(story.submissions().is_empty(), "one at a time");
    story.answer(1, Ok(victory(1)));
    assert_eq!(story.phase(), Phase::Won(RoundNumber(1)));
    assert_eq!(story.client.scene(story.now).prizes.len(), 1);
    story.tell(reset(round(2, 2.0)));
    assert_eq!(story.replaced_jobs().len(), 1);
    assert_eq!(story.count(stops), 0, "the workers stay warm");
    assert!(!story.notes().iter().any(|note| matches!(note, Note::RoundSolved { .. })), "nobody else won");
    story.wait(12.0);
    assert_eq!(story.phase(), Phase::Mining);
    story.tell(found(2, hash(0x00, 0x01)));
    assert_eq!(story.submissions().len(), 1);
}

#[test]
fn who_comes_too_late_goes_on_with_the_next_round() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0, 1)));
    story.answer(1, Err(error(ErrorCode::PuzzleAlreadySolved)));
    story.tell(found(1, hash(0, 0)));
    assert_eq!(story.submissions().len(), 1, "nothing more of a round that is over");
    story.tell(reset(round(2, 2.0)));
    assert_eq!(story.phase(), Phase::Mining);
    assert_eq!(story.replaced_jobs().len(), 1);
    story.wait(5.0);
    assert_eq!(story.count(|effect| matches!(effect, Effect::FetchPuzzle)), 0);
}

#[test]
fn a_solution_that_comes_too_early_is_sent_again_in_time() {
    let mut story = Story::mining(rising_round_of_others(1));
    story.tell(found(1, hash(0x00, 0x10)));
    story.wait(16.0);
    assert_eq!(story.submissions().len(), 1);
    story.answer(1, Err(ApiError { valid_in: Some(Some(3.2)), ..error(ErrorCode::BelowDifficulty) }));
    assert_eq!(story.phase(), Phase::Mining);
    story.wait(3.1);
    assert!(story.submissions().is_empty());
    story.wait(0.2);
    assert_eq!(story.submissions().len(), 1);
}

#[test]
fn a_solution_that_never_wins_is_dropped() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0x00, 0x10)));
    assert_eq!(story.submissions().len(), 1);
    story.answer(1, Err(ApiError { valid_in: Some(None), ..error(ErrorCode::BelowDifficulty) }));
    story.wait(10.0);
    assert!(story.submissions().is_empty());
    story.tell(found(1, hash(0x00, 0x01)));
    assert_eq!(story.submissions().len(), 1);
}

#[test]
fn a_submission_refused_for_its_crowded_address_is_made_again() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0x00, 0xff)));
    for code in [ErrorCode::TooManyRequests, ErrorCode::TooManySubmissions, ErrorCode::ServerFull] {
        for _ in 0..5 {
            assert_eq!(story.submissions().len(), 1, "{code:?}");
            story.answer(1, Err(ApiError { retry_after: Some(40), ..error(code) }));
            assert_eq!(story.phase(), Phase::Mining);
            story.tell(Event::Heard(ServerMessage::Pong { online: 1 }));
            for _ in 0..3 {
                story.wait(13.0);
                story.tell(Event::Heard(ServerMessage::Pong { online: 1 }));
            }
            assert!(story.submissions().is_empty(), "no sooner than the server asked for");
            story.wait(1.0);
        }
    }
    story.answer(1, Ok(victory(1)));
    assert_eq!(story.phase(), Phase::Won(RoundNumber(1)));
}

#[test]
fn a_busy_server_is_asked_again_when_it_says() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0x00, 0x10)));
    for code in [ErrorCode::VerificationBusy, ErrorCode::TooManySubmissions] {
        assert_eq!(story.submissions().len(), 1);
        story.answer(1, Err(ApiError { retry_after: Some(7), ..error(code) }));
        assert_eq!(story.phase(), Phase::Mining);
        story.wait(6.9);
        assert!(story.submissions().is_empty());
        story.wait(0.2);
    }
    assert_eq!(story.submissions().len(), 1);
}

#[test]
fn a_lost_answer_is_asked_for_and_the_solution_is_kept() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0x00, 0x10)));
    story.submissions();
    story.answer(1, Err(error(ErrorCode::Unreachable)));
    assert_eq!(story.count(fetches_wins), 1);
    story.tell(Event::WinsFetched(Ok(Vec::new())));
    story.wait(1.1);
    assert_eq!(story.submissions().len(), 1, "the same solution again");
    story.answer(1, Err(error(ErrorCode::PuzzleAlreadySolved)));
    assert_eq!(story.count(fetches_wins), 1, "by ourselves, perhaps");
    let win = Win { round: RoundNumber(1), invite_code: victory(1).invite_code, at: String::new() };
    story.tell(Event::WinsFetched(Ok(vec![win])));
    assert_eq!(story.phase(), Phase::Won(RoundNumber(1)));
    assert_eq!(story.client.scene(story.now).prizes.len(), 1);
}

#[test]
fn a_session_lost_in_the_middle_is_renewed_and_the_solution_handed_in() {
    for code in [ErrorCode::MissingToken, ErrorCode::VisitorMismatch] {
        let mut story = Story::mining(round(1, 2.0));
        story.tell(found(1, hash(0x00, 0x10)));
        story.submissions();
        story.answer(1, Err(error(code)));
        assert_eq!(story.count(enters), 1);
        assert!(story.submissions().is_empty());
        assert_eq!((story.phase(), story.count(stops)), (Phase::Mining, 0), "mining goes on meanwhile");
        story.tell(Event::Entered(Ok(session())));
        assert_eq!(story.submissions().len(), 1);
        assert_eq!(story.count(opens_socket), 1, "the old connection belonged to the old session");
    }
}

#[test]
fn a_solution_refused_again_and_again_is_told() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0, 3)));
    for wait in [1.0, 2.0, 4.0, 0.0] {
        assert_eq!((story.phase(), story.submissions().len()), (Phase::Submitting, 1), "the same solution again");
        story.answer(1, Err(error(ErrorCode::Malformed)));
        story.wait(wait);
    }
    assert_eq!(story.phase(), Phase::Failed(Failure::SolutionsRefused(error(ErrorCode::Malformed).into())));
}

#[test]
fn who_has_won_enough_cannot_start_until_another_rule_holds() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0, 1)));
    let details = DropDetails { quota: Some("person".into()), ..DropDetails::default() };
    story.answer(1, Err(ApiError { drop: Some(details.into()), ..error(ErrorCode::QuotaReached) }));
    assert_eq!(story.phase(), Phase::Failed(Failure::QuotaReached { by_network: false }));
    assert!(!story.client.scene(story.now).can_start, "it could win nothing");
    let told = |wins_per_person| {
        let limits = DropLimits { wins_per_person, ..DropLimits::default() };
        Event::Heard(ServerMessage::Drop(Box::new(DropNews { limits, ..DropNews::default() })))
    };
    story.tell(told(0));
    assert!(!story.client.scene(story.now).can_start, "that is no other rule");
    story.tell(told(2));
    assert!(story.client.scene(story.now).can_start);
    assert_eq!(story.phase(), Phase::Submitting, "its best hash may win now");
}
