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

use super::{Effect, RaceClient};
use crate::{
    error::ApiError,
    scene::{CheckFailure, HumanCheck, Note},
};
use std::time::Duration;

/// What the widget does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckEvent {
    /// It is on the page.
    Shown,
    /// Its script could not be loaded.
    NotLoaded,
    /// A human is here: a token for a session.
    Passed(String),
    /// The token has expired; the widget makes another one by itself.
    Expired,
    /// It waits for the visitor.
    Interactive,
    /// The visitor has answered, or was too slow; the widget goes on by itself.
    Continues,
    /// It gave up, with a code of Cloudflare's. It may try again by itself.
    Failed(String),
    /// It does not know this browser.
    Unsupported,
}

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

impl Check {
    /// How long the script and the widget may take to come.
    const LOADING: Duration = Duration::from_secs(15);
    /// How long the widget may work without a word.
    const SILENCE: Duration = Duration::from_secs(45);

    pub(super) fn deadline(&self) -> Option<Duration> {
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

    /// What the page shows; `granted` if there is a session.
    pub(super) fn view(&self, granted: bool) -> HumanCheck {
        match &self.state {
            State::Absent => HumanCheck::Hidden,
            State::Loading { .. } | State::Running { .. } if granted => HumanCheck::Renewing,
            State::Interactive | State::Failed(_) if granted => HumanCheck::NotRenewed,
            State::Loading { .. } => HumanCheck::Loading,
            State::Running { .. } => HumanCheck::Running,
            State::Interactive => HumanCheck::Interactive,
            State::Passed => HumanCheck::Passed,
            State::Failed(failure) => HumanCheck::Failed(failure.clone()),
        }
    }
}

impl RaceClient {
    /// A token is wanted and there is none.
    pub(super) fn ask_for_token(&mut self, now: Duration) {
        match self.check.state {
            State::Absent | State::Failed(_) => self.show_check(now),
            // What it passed with is spent.
            State::Passed => self.reset_check(now),
            State::Loading { .. } | State::Running { .. } | State::Interactive => {}
        }
    }

    /// Puts the widget on the page, in the place of a present one.
    pub(super) fn show_check(&mut self, now: Duration) {
        self.check.token = None;
        self.check.state = State::Loading { until: now + Check::LOADING };
        self.effects.push(Effect::ShowCheck);
    }

    fn reset_check(&mut self, now: Duration) {
        self.check.token = None;
        self.check.state = State::Running { until: now + Check::SILENCE };
        self.effects.push(Effect::ResetCheck);
    }

    /// The page looks different now, and the widget can only be told when it is made.
    pub(super) fn redraw_check(&mut self, now: Duration) {
        if !matches!(self.check.state, State::Absent) {
            self.show_check(now);
        }
    }

    pub(super) fn check_did(&mut self, event: CheckEvent, now: Duration) {
        let running = State::Running { until: now + Check::SILENCE };
        match event {
            CheckEvent::Shown => self.check.state = running,
            CheckEvent::NotLoaded => self.check_failed(CheckFailure::NotLoaded),
            CheckEvent::Passed(token) => {
                self.check.token = Some(token);
                self.check.state = State::Passed;
                self.token_came(now);
            }
            CheckEvent::Expired => {
                self.check.token = None;
                self.check.state = running;
                if self.entry.may_take_part() {
                    self.write(Note::CheckExpired);
                }
            }
            CheckEvent::Interactive => {
                self.check.state = State::Interactive;
                self.write_if_it_matters(Note::CheckWaits);
            }
            CheckEvent::Continues => {
                // It also says so right before or after it has passed.
                if matches!(self.check.state, State::Interactive) {
                    self.check.state = running;
                }
            }
            CheckEvent::Failed(code) => self.check_failed(CheckFailure::Error(code)),
            CheckEvent::Unsupported => self.check_failed(CheckFailure::Unsupported),
        }
    }

    fn check_failed(&mut self, failure: CheckFailure) {
        self.check.state = State::Failed(failure);
        self.write_if_it_matters(Note::CheckFailed);
    }

    /// Before the first session the page has nothing else to tell, and after it
    /// the check matters only when the session is lost.
    fn write_if_it_matters(&mut self, note: Note) {
        if self.entry.was_admitted() && !self.entry.may_take_part() {
            self.write(note);
        }
    }

    /// The server does not accept the token. One that was spent already may have
    /// been spent by a call of this page whose answer got lost: it is replaced, once.
    pub(super) fn token_refused(&mut self, error: ApiError, now: Duration) {
        let was_spent = error.error_codes.iter().any(|code| code == "timeout-or-duplicate");
        if was_spent && !self.check.replaced {
            self.check.replaced = true;
            self.write(Note::CheckRepeated);
            self.reset_check(now);
        } else {
            self.check.replaced = false;
            self.check.token = None;
            self.check_failed(CheckFailure::Refused(error.error_codes.into_vec()));
        }
    }

    pub(super) fn check_when_due(&mut self, now: Duration) {
        if self.check.deadline().is_some_and(|until| until <= now) {
            self.check_failed(CheckFailure::Slow);
        }
    }
}
