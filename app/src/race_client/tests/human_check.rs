//! The human check: its widget, its tokens and the sessions made with them.

use super::story::*;

/// A page of a server that asks Cloudflare.
fn in_production() -> Story {
    let turnstile = TurnstileConfig { site_key: "key".into(), test_mode: false };
    let turnstile_script = "https://check.example/api.js".into();
    let figures = Figures { online: 1, ..Figures::default() };
    Story::on(&PageState { figures, turnstile, turnstile_script, ..page(round(1, 2.0)) })
}

/// The same, and its visitor may start.
fn admitted_in_production() -> Story {
    let mut story = in_production();
    story.tell(Event::Begin { had_session: false });
    story.tell(Event::Check(CheckEvent::Shown));
    story.tell(Event::Check(CheckEvent::Passed("first".into())));
    story.tell(Event::Entered(Ok(session())));
    story.tell(Event::Identified { visitor: "visitor-1".parse().unwrap(), at_random: false });
    story.tell(trace("ip=192.0.2.1\n"));
    story.tell(Event::SocketOpened);
    story.tell(snapshot(round(1, 2.0)));
    story.effects.clear();
    story
}

fn mining_in_production() -> Story {
    let mut story = admitted_in_production();
    story.tell(Event::Command(Command::Start));
    story.tell(found(1, hash(0xff, 0)));
    assert_eq!(story.phase(), Phase::Mining);
    story.effects.clear();
    story
}

impl Story {
    fn check(&self) -> HumanCheck {
        self.client.scene(self.now).human_check
    }

    fn tokens(&mut self) -> Vec<String> {
        let tokens = self
            .effects
            .iter()
            .filter_map(|effect| if let Effect::Enter { token, .. } = effect { token.clone() } else { None })
            .collect();
        self.effects.retain(|effect| !enters(effect));
        tokens
    }

    fn is_disowned(&mut self) {
        let code = ErrorCode::MissingToken;
        self.tell(Event::Heard(ServerMessage::Rejected { code, detail: "who?".into(), retry_after: None }));
    }
}

fn shows(effect: &Effect) -> bool {
    matches!(effect, Effect::ShowCheck)
}

fn resets(effect: &Effect) -> bool {
    matches!(effect, Effect::ResetCheck)
}

fn refused_token(codes: &[&str]) -> Event {
    let error_codes = codes.iter().map(|code| (*code).to_owned()).collect();
    Event::Entered(Err(ApiError { error_codes, ..error(ErrorCode::TurnstileFailed) }))
}

#[test]
fn the_check_is_shown_and_what_it_gives_makes_a_session() {
    let mut story = in_production();
    story.tell(Event::Begin { had_session: false });
    assert_eq!((story.count(shows), story.check(), story.tokens().len()), (1, HumanCheck::Loading, 0));
    story.tell(Event::Check(CheckEvent::Shown));
    assert_eq!((story.check(), story.phase()), (HumanCheck::Running, Phase::Checking));
    story.tell(Event::Check(CheckEvent::Interactive));
    assert_eq!((story.check(), story.phase()), (HumanCheck::Interactive, Phase::Paused(Pause::HumanCheck)));
    story.wait(600.0);
    assert_eq!(story.check(), HumanCheck::Interactive, "a person may take their time");
    story.tell(Event::Check(CheckEvent::Continues));
    assert_eq!(story.check(), HumanCheck::Running);
    story.tell(Event::Check(CheckEvent::Passed("token".into())));
    assert_eq!((story.tokens(), story.check()), (vec!["token".to_owned()], HumanCheck::Passed));
    assert!(!story.client.scene(story.now).can_start);
    story.tell(Event::Entered(Ok(session())));
    story.tell(Event::Identified { visitor: "visitor-1".parse().unwrap(), at_random: false });
    story.tell(trace("ip=192.0.2.1\n"));
    assert!(story.client.scene(story.now).can_start);
}

#[test]
fn whoever_has_a_session_is_not_checked() {
    let mut story = in_production();
    story.tell(Event::Begin { had_session: true });
    story.tell(Event::WinsFetched(Ok(Vec::new())));
    story.tell(Event::Command(Command::RedrawCheck));
    assert_eq!((story.count(shows), story.check()), (0, HumanCheck::Hidden));
    story.is_disowned();
    assert_eq!(story.count(shows), 1, "only now it is needed");
}

#[test]
fn in_test_mode_there_is_no_check() {
    let mut story = Story::ready(round(1, 2.0));
    assert_eq!(story.tokens(), ["test"]);
    story.tell(Event::Command(Command::RetryCheck));
    story.tell(Event::Command(Command::RedrawCheck));
    assert_eq!((story.count(shows), story.count(resets), story.check()), (0, 0, HumanCheck::Hidden));
}

#[test]
fn a_check_that_does_not_come_is_told_and_can_be_tried_again() {
    for (event, failure) in [
        (CheckEvent::NotLoaded, CheckFailure::NotLoaded),
        (CheckEvent::Failed("300030".into()), CheckFailure::Error("300030".into())),
        (CheckEvent::Unsupported, CheckFailure::Unsupported),
    ] {
        let mut story = in_production();
        story.tell(Event::Begin { had_session: false });
        story.effects.clear();
        story.tell(Event::Check(event));
        assert_eq!((story.check(), story.phase()), (HumanCheck::Failed(failure), Phase::Paused(Pause::HumanCheck)));
        story.tell(Event::Command(Command::RetryCheck));
        assert_eq!((story.count(shows), story.check()), (1, HumanCheck::Loading));
        story.tell(Event::Command(Command::RetryCheck));
        assert_eq!(story.count(shows), 0, "it is being tried");
    }
}

#[test]
fn a_check_without_a_sign_of_life_is_told_and_welcome_when_it_comes_after_all() {
    let mut story = in_production();
    story.tell(Event::Begin { had_session: false });
    story.wait(14.9);
    assert_eq!(story.check(), HumanCheck::Loading);
    story.wait(0.2);
    assert_eq!(story.check(), HumanCheck::Failed(CheckFailure::Slow));
    story.tell(Event::Check(CheckEvent::Shown));
    assert_eq!(story.check(), HumanCheck::Running);
    story.wait(45.1);
    assert_eq!(story.check(), HumanCheck::Failed(CheckFailure::Slow));
    story.tell(Event::Check(CheckEvent::Passed("late".into())));
    assert_eq!(story.tokens(), ["late"]);
}

#[test]
fn a_token_that_expires_while_mining_stops_nothing() {
    let mut story = mining_in_production();
    story.tell(Event::Check(CheckEvent::Expired));
    assert_eq!((story.check(), story.phase()), (HumanCheck::Renewing, Phase::Mining));
    assert!(story.notes().contains(&&Note::CheckExpired));
    for _ in 0..20 {
        story.wait(3.0);
        story.tell(Event::Heard(ServerMessage::Pong { online: 3 }));
    }
    assert_eq!((story.check(), story.phase()), (HumanCheck::NotRenewed, Phase::Mining));
    story.tell(Event::Check(CheckEvent::Passed("second".into())));
    assert_eq!((story.check(), story.tokens().len(), story.count(stops)), (HumanCheck::Passed, 0, 0));
}

#[test]
fn a_session_that_is_lost_is_made_anew_with_the_token_at_hand() {
    let mut story = mining_in_production();
    story.tell(Event::Check(CheckEvent::Expired));
    story.tell(Event::Check(CheckEvent::Passed("second".into())));
    story.is_disowned();
    assert_eq!((story.tokens(), story.count(resets)), (vec!["second".to_owned()], 0));
    story.tell(Event::Entered(Ok(session())));
    assert_eq!((story.count(opens_socket), story.count(stops), story.phase()), (1, 0, Phase::Mining));
}

#[test]
fn a_session_that_is_lost_gets_a_fresh_token_if_there_is_none() {
    let mut story = mining_in_production();
    story.is_disowned();
    assert_eq!((story.tokens().len(), story.count(resets)), (0, 1), "the first token is spent");
    story.tell(Event::Check(CheckEvent::Passed("second".into())));
    assert_eq!(story.tokens(), ["second"]);
    story.tell(Event::Entered(Ok(session())));
    story.tell(Event::SocketOpened);
    story.tell(snapshot(round(1, 2.0)));
    assert_eq!((story.count(stops), story.phase()), (0, Phase::Mining));
}

#[test]
fn mining_waits_for_a_visitor_whom_the_check_asks_and_resumes_by_itself() {
    let mut story = mining_in_production();
    story.is_disowned();
    story.tell(Event::Check(CheckEvent::Interactive));
    assert_eq!((story.check(), story.phase()), (HumanCheck::Interactive, Phase::Mining));
    assert!(story.notes().contains(&&Note::CheckWaits));
    story.wait(21.0);
    assert_eq!((story.phase(), story.count(stops)), (Phase::Paused(Pause::HumanCheck), 1));
    story.tell(Event::Check(CheckEvent::Passed("second".into())));
    story.tell(Event::Entered(Ok(session())));
    story.tell(Event::SocketOpened);
    story.tell(snapshot(round(1, 2.0)));
    assert_eq!(story.count(starts), 1);
}

#[test]
fn a_token_spent_already_is_replaced_once_and_then_told() {
    let mut story = in_production();
    story.tell(Event::Begin { had_session: false });
    story.tell(Event::Check(CheckEvent::Shown));
    story.tell(Event::Check(CheckEvent::Passed("first".into())));
    story.tell(refused_token(&["timeout-or-duplicate"]));
    assert_eq!((story.count(resets), story.check()), (1, HumanCheck::Running));
    story.tell(Event::Check(CheckEvent::Passed("second".into())));
    assert_eq!(story.tokens(), ["first", "second"]);
    story.tell(refused_token(&["timeout-or-duplicate"]));
    let codes = vec!["timeout-or-duplicate".to_owned()];
    assert_eq!((story.count(resets), story.check()), (0, HumanCheck::Failed(CheckFailure::Refused(codes))));
    assert_eq!(story.phase(), Phase::Paused(Pause::HumanCheck));
    story.tell(Event::Command(Command::RetryCheck));
    story.tell(Event::Check(CheckEvent::Passed("third".into())));
    story.tell(Event::Entered(Ok(session())));
    assert_eq!((story.tokens(), story.check()), (vec!["third".to_owned()], HumanCheck::Passed));
}

#[test]
fn a_token_that_the_server_refuses_is_told_with_its_codes() {
    let mut story = in_production();
    story.tell(Event::Begin { had_session: false });
    story.tell(Event::Check(CheckEvent::Passed("first".into())));
    story.tell(refused_token(&["hostname-mismatch"]));
    let codes = vec!["hostname-mismatch".to_owned()];
    assert_eq!((story.count(resets), story.check()), (0, HumanCheck::Failed(CheckFailure::Refused(codes))));
}

#[test]
fn a_token_whose_fate_is_unknown_is_tried_again() {
    let mut story = in_production();
    story.tell(Event::Begin { had_session: false });
    story.tell(Event::Check(CheckEvent::Passed("first".into())));
    let unavailable = ApiError { retry_after: Some(10), ..error(ErrorCode::TurnstileUnavailable) };
    story.tell(Event::Entered(Err(unavailable)));
    assert_eq!(story.phase(), Phase::Paused(Pause::ServerUnreachable));
    story.wait(10.1);
    assert_eq!(story.tokens(), ["first", "first"]);
    // One that expires meanwhile is not sent any more.
    story.tell(Event::Entered(Err(error(ErrorCode::Unreachable))));
    story.tell(Event::Check(CheckEvent::Expired));
    story.wait(30.0);
    assert_eq!(story.tokens().len(), 0);
    story.tell(Event::Check(CheckEvent::Passed("second".into())));
    assert_eq!(story.tokens(), ["second"]);
}

#[test]
fn the_check_follows_the_looks_of_the_page() {
    let mut story = admitted_in_production();
    story.tell(Event::Command(Command::RedrawCheck));
    assert_eq!((story.count(shows), story.phase()), (1, Phase::Idle));
    story.tell(Event::Check(CheckEvent::Passed("second".into())));
    assert_eq!((story.tokens().len(), story.check()), (0, HumanCheck::Passed));
}
