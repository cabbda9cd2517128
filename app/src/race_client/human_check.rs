//! The human check in the page: when its widget is needed, what becomes of its
//! tokens, and what to do when it does not pass.
//!
//! The widget is shown only when a session has to be made; after that it stays,
//! and renews its token whenever one expires, so that a session which the server
//! has forgotten can be made anew without a word to the visitor. The session
//! itself depends on no token: one that expires stops nothing.
//!
//! Nothing waits for ever: a widget that gives no sign of life is reported, and
//! still welcome when it comes after all.

use super::{
    event::{CheckEvent, Effect},
    turn::Turn,
};
use crate::{
    error::ApiError,
    scene::{CheckFailure, HumanCheck, Note},
};
use std::time::Duration;

/// How long the script and the widget may take to come.
const LONGEST_LOADING: Duration = Duration::from_secs(15);

/// How long the widget may work without a word.
const LONGEST_SILENCE: Duration = Duration::from_secs(45);

/// The human check.
#[derive(Debug, Default)]
pub(super) struct Check {
    state: State,
    /// A token that was not spent yet, as far as this page knows.
    token: Option<String>,
    /// True once a token that was spent already has been replaced by itself.
    replaced: bool,
}

#[derive(Debug, Default)]
enum State {
    /// There is no widget.
    #[default]
    Absent,
    /// The script is on its way.
    Loading {
        until: Duration,
    },
    /// The widget works; it should have said something by then.
    Running {
        until: Duration,
    },
    Interactive,
    Passed,
    Failed(CheckFailure),
}

/// How the visitor stands with the server, which decides what of the check matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// There was no session yet: the page has nothing else to tell than the check.
    Newcomer,
    /// The session was lost, and the check is needed to make a new one.
    Renewing,
    /// There is a session, and the check does not matter now.
    Admitted,
}

impl Check {
    /// When [`Check::when_due`] has something to do.
    pub(super) const fn deadline(&self) -> Option<Duration> {
        match self.state {
            State::Loading { until } | State::Running { until } => Some(until),
            _ => None,
        }
    }

    /// Which token to make a session with, if there is one. It stays until the
    /// server has said what it thinks of it.
    pub(super) fn token(&self) -> Option<String> {
        self.token.clone()
    }

    /// The token has become a session.
    pub(super) fn spent(&mut self) {
        self.token = None;
        self.replaced = false;
    }

    /// What the page shows.
    pub(super) fn view(&self, standing: Standing) -> HumanCheck {
        let is_admitted = standing == Standing::Admitted;
        match &self.state {
            State::Absent => HumanCheck::Hidden,
            State::Loading { .. } | State::Running { .. } if is_admitted => HumanCheck::Renewing,
            State::Interactive | State::Failed(_) if is_admitted => HumanCheck::NotRenewed,
            State::Loading { .. } => HumanCheck::Loading,
            State::Running { .. } => HumanCheck::Running,
            State::Interactive => HumanCheck::Interactive,
            State::Passed => HumanCheck::Passed,
            State::Failed(failure) => HumanCheck::Failed(failure.clone()),
        }
    }

    /// A token is wanted and there is none.
    pub(super) fn ask(&mut self, turn: &mut Turn) {
        match self.state {
            State::Absent | State::Failed(_) => self.show(turn),
            // What it passed with is spent.
            State::Passed => self.reset(turn),
            State::Loading { .. } | State::Running { .. } | State::Interactive => {}
        }
    }

    /// Puts the widget on the page, in the place of a present one.
    pub(super) fn show(&mut self, turn: &mut Turn) {
        self.token = None;
        self.state = State::Loading { until: turn.now + LONGEST_LOADING };
        turn.ask(Effect::ShowCheck);
    }

    /// The page looks different now, and the widget can only be told when it is made.
    pub(super) fn redraw(&mut self, turn: &mut Turn) {
        if !matches!(self.state, State::Absent) {
            self.show(turn);
        }
    }

    /// The widget did something; true if there is a token now.
    pub(super) fn heard(&mut self, event: CheckEvent, standing: Standing, turn: &mut Turn) -> bool {
        let running = State::Running { until: turn.now + LONGEST_SILENCE };
        match event {
            CheckEvent::Shown => self.state = running,
            CheckEvent::NotLoaded => self.fail(CheckFailure::NotLoaded, standing, turn),
            CheckEvent::Passed(token) => {
                self.token = Some(token);
                self.state = State::Passed;
                return true;
            }
            CheckEvent::Expired => {
                self.token = None;
                self.state = running;
                if standing == Standing::Admitted {
                    turn.write(Note::CheckExpired);
                }
            }
            CheckEvent::Interactive => {
                self.state = State::Interactive;
                if standing == Standing::Renewing {
                    turn.write(Note::CheckWaits);
                }
            }
            CheckEvent::Continues => {
                // It also says so right before or after it has passed.
                if matches!(self.state, State::Interactive) {
                    self.state = running;
                }
            }
            CheckEvent::Failed(code) => self.fail(CheckFailure::Error(code), standing, turn),
            CheckEvent::Unsupported => self.fail(CheckFailure::Unsupported, standing, turn),
        }
        false
    }

    /// The server does not accept the token. One that was spent already may have
    /// been spent by a call of this page whose answer got lost: it is replaced, once.
    pub(super) fn token_refused(&mut self, error: ApiError, standing: Standing, turn: &mut Turn) {
        let was_spent = error.error_codes.iter().any(|code| code == "timeout-or-duplicate");
        if was_spent && !self.replaced {
            self.replaced = true;
            turn.write(Note::CheckRepeated);
            self.reset(turn);
        } else {
            self.replaced = false;
            self.token = None;
            self.fail(CheckFailure::Refused(error.error_codes.into_vec()), standing, turn);
        }
    }

    /// Does what is due.
    pub(super) fn when_due(&mut self, standing: Standing, turn: &mut Turn) {
        if self.deadline().is_some_and(|until| until <= turn.now) {
            self.fail(CheckFailure::Slow, standing, turn);
        }
    }

    fn reset(&mut self, turn: &mut Turn) {
        self.token = None;
        self.state = State::Running { until: turn.now + LONGEST_SILENCE };
        turn.ask(Effect::ResetCheck);
    }

    fn fail(&mut self, failure: CheckFailure, standing: Standing, turn: &mut Turn) {
        self.state = State::Failed(failure);
        if standing == Standing::Renewing {
            turn.write(Note::CheckFailed);
        }
    }
}
