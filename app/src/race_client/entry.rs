//! The session: what it takes to get one, and what becomes of it.

use super::{
    event::{CheckEvent, Effect},
    human_check::{Check, Standing},
    session_stamp::SessionStamp,
    turn::Turn,
};
use crate::{
    error::{ApiError, ErrorCode},
    scene::{Failure, HumanCheck, MintEvent, Note, Pause, Phase, ServerWords, SessionProof},
    wire::{PageState, SessionView},
};
use puzzle::back_off::BackOff;
use std::time::Duration;

/// Sessions that the server may disown in a row before the page gives up.
const DISOWNED_AT_MOST: u32 = 3;

/// The visitor's session.
#[derive(Debug)]
pub(super) struct Entry {
    /// True if nobody is asked whether they are human, and every token passes.
    test_mode: bool,
    /// True if a session needs a token of the human check.
    asks_for_humans: bool,
    check: Check,
    stamp: SessionStamp,
    access: Access,
    /// True while the cookie of an earlier visit may still be good.
    had_session: bool,
    /// True once the visitor was let in.
    was_admitted: bool,
    /// Sessions made since the server last accepted one.
    unaccepted: u32,
    back_off: BackOff,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Access {
    /// The server was asked, or will be as soon as the page begins.
    Asking,
    /// The human check has not passed yet, or the stamp is not found.
    Awaiting,
    /// The server could not be asked; it is tried again.
    Delayed { until: Duration },
    /// There is a session to act with.
    Granted,
    /// The failure says why.
    Refused,
}

/// What an answer about the session means for the rest of the page.
#[derive(Debug)]
pub(super) enum Verdict {
    /// There is a session to act with.
    Admitted,
    /// There will be none.
    TurnedAway(Failure),
}

impl Entry {
    /// Nothing was asked yet.
    pub(super) fn new(page: &PageState) -> Self {
        Self {
            test_mode: page.turnstile.test_mode,
            asks_for_humans: page.gate.asks_for_humans,
            check: Check::default(),
            stamp: SessionStamp::new(&page.gate),
            access: Access::Asking,
            had_session: false,
            was_admitted: false,
            unaccepted: 0,
            back_off: BackOff::default(),
        }
    }

    /// True while there is a session to act with.
    pub(super) fn may_take_part(&self) -> bool {
        self.access == Access::Granted
    }

    /// True once there was a session to act with. One that is being renewed makes no
    /// difference: what is mined meanwhile stays good.
    pub(super) const fn was_admitted(&self) -> bool {
        self.was_admitted
    }

    /// True if nobody is asked whether they are human.
    pub(super) const fn is_in_test_mode(&self) -> bool {
        self.test_mode
    }

    /// True if the gate has a human check.
    pub(super) const fn asks_for_humans(&self) -> bool {
        self.asks_for_humans
    }

    /// The phase, if the server keeps the visitor from taking part.
    pub(super) const fn obstacle(&self) -> Option<Phase> {
        match self.access {
            Access::Refused => Some(Phase::Checking),
            Access::Delayed { .. } if !self.was_admitted => Some(Phase::Paused(Pause::ServerUnreachable)),
            _ => None,
        }
    }

    /// The human check as the page shows it.
    pub(super) fn human_check(&self) -> HumanCheck {
        self.check.view(self.standing())
    }

    /// The search for a stamp as the page shows it.
    pub(super) const fn proof(&self) -> SessionProof {
        self.stamp.proof()
    }

    /// When [`Entry::when_due`] has something to do.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let access = match self.access {
            Access::Delayed { until } => Some(until),
            _ => None,
        };
        access.into_iter().chain(self.check.deadline()).min()
    }

    /// The page is there. `had_session`: the cookie of an earlier visit may be good.
    pub(super) fn begin(&mut self, had_session: bool, turn: &mut Turn) {
        self.had_session = had_session;
        self.ask(turn);
    }

    /// The human check did something.
    pub(super) fn check_did(&mut self, event: CheckEvent, turn: &mut Turn) {
        if self.check.heard(event, self.standing(), turn) {
            self.go_on(turn);
        }
    }

    /// The search for a stamp did something.
    pub(super) fn stamp_did(&mut self, event: MintEvent, turn: &mut Turn) {
        if self.stamp.heard(event) {
            self.go_on(turn);
        }
    }

    /// The visitor wants the human check tried again.
    pub(super) fn retry_check(&mut self, turn: &mut Turn) {
        if self.human_check().needs_the_visitor() {
            self.check.show(turn);
        }
    }

    /// The page looks different now, and so must the human check.
    pub(super) fn redraw_check(&mut self, turn: &mut Turn) {
        self.check.redraw(turn);
    }

    /// The visitor stops the search for a stamp.
    pub(super) fn cancel_stamp(&mut self, turn: &mut Turn) {
        self.stamp.cancel(turn);
    }

    /// The visitor wants the stamp searched for after all.
    pub(super) fn retry_stamp(&mut self, turn: &mut Turn) {
        self.stamp.retry(turn);
    }

    /// The answer to [`Effect::Enter`].
    pub(super) fn entered(&mut self, result: Result<SessionView, ApiError>, turn: &mut Turn) -> Option<Verdict> {
        match result {
            Ok(session) if session.verified => {
                self.check.spent();
                self.stamp.spent();
                turn.ask(Effect::RememberSession);
                turn.ask(Effect::FetchWins);
                return Some(self.admit(turn));
            }
            Ok(_) => return Some(self.turn_away(Failure::NotVerified)),
            Err(error) if error.code.is_temporary() => self.delay(error, turn),
            Err(error) if error.code == ErrorCode::StampRequired && self.stamp.may_be_searched_again() => {
                self.access = Access::Awaiting;
                self.stamp.refused(error, turn);
            }
            Err(error) if error.code == ErrorCode::TurnstileFailed && !self.test_mode => {
                self.access = Access::Awaiting;
                self.check.token_refused(error, self.standing(), turn);
            }
            Err(error) => return Some(self.turn_away(Failure::EntryRefused(error.into()))),
        }
        None
    }

    /// The session's wins were asked for, which also tells whether the session of an
    /// earlier visit is good. `refusal` is the server's, if it gave none.
    pub(super) fn wins_answered(&mut self, refusal: Option<ApiError>, turn: &mut Turn) -> Option<Verdict> {
        if self.access != Access::Asking || !self.had_session {
            // The codes are not lost: the next connection asks again.
            return None;
        }
        match refusal {
            None => return Some(self.admit(turn)),
            Some(error) if error.code.is_temporary() => self.delay(error, turn),
            Some(_) => {
                self.had_session = false;
                self.ask(turn);
            }
        }
        None
    }

    /// The server does not know the session any more: makes a new one.
    pub(super) fn renew(&mut self, turn: &mut Turn) -> Option<Verdict> {
        self.had_session = false;
        if DISOWNED_AT_MOST <= self.unaccepted {
            return Some(self.turn_away(Failure::SessionNotKept));
        }
        turn.write(Note::SessionRenewed);
        self.ask(turn);
        None
    }

    /// The server has accepted the session.
    pub(super) const fn accepted(&mut self) {
        self.unaccepted = 0;
    }

    /// Does what is due.
    pub(super) fn when_due(&mut self, turn: &mut Turn) {
        self.check.when_due(self.standing(), turn);
        if matches!(self.access, Access::Delayed { until } if until <= turn.now) {
            self.ask(turn);
        }
    }

    /// Takes up the earlier session, or makes one as soon as there is all that it needs.
    fn ask(&mut self, turn: &mut Turn) {
        self.access = Access::Asking;
        if self.had_session {
            return turn.ask(Effect::FetchWins);
        }
        let token = if self.test_mode { Some("test".to_owned()) } else { self.check.token() };
        let token = token.filter(|_| self.asks_for_humans);
        let stamp = self.stamp.unspent();
        let lacks_token = self.asks_for_humans && token.is_none();
        let lacks_stamp = self.stamp.is_asked_for() && stamp.is_none();
        if !lacks_token && !lacks_stamp {
            return turn.ask(Effect::Enter { token, stamp, renew: self.was_admitted });
        }
        self.access = Access::Awaiting;
        if lacks_stamp {
            self.stamp.search(turn);
        }
        if lacks_token {
            self.check.ask(turn);
        }
    }

    /// The human check has given a token, or a stamp was found.
    fn go_on(&mut self, turn: &mut Turn) {
        if self.access == Access::Awaiting {
            self.ask(turn);
        }
    }

    fn admit(&mut self, turn: &mut Turn) -> Verdict {
        self.stamp.admitted();
        self.access = Access::Granted;
        self.was_admitted = true;
        self.back_off.succeeded();
        self.unaccepted += 1;
        turn.write(Note::Admitted);
        Verdict::Admitted
    }

    fn turn_away(&mut self, failure: Failure) -> Verdict {
        self.access = Access::Refused;
        Verdict::TurnedAway(failure)
    }

    fn delay(&mut self, error: ApiError, turn: &mut Turn) {
        let wait = self.back_off.failed(error.asked_wait(), turn.random());
        self.access = Access::Delayed { until: turn.now + wait };
        turn.write(Note::EntryDelayed { words: ServerWords::of_the_server(error), retry_in: wait.as_secs_f64() });
    }

    fn standing(&self) -> Standing {
        match (self.may_take_part(), self.was_admitted) {
            (true, _) => Standing::Admitted,
            (false, true) => Standing::Renewing,
            (false, false) => Standing::Newcomer,
        }
    }
}
