//! Who takes part: the session, the visitor id and the trace.

use super::{Effect, RaceClient, back_off::BackOff};
use crate::{
    error::{ApiError, ErrorCode},
    scene::{Failure, Note, Pause, Phase, Prize, ServerWords, SessionProof},
    wire::{SessionView, Win},
};
use puzzle::{TraceData, VisitorId};
use std::time::Duration;

/// What the server must know of whoever takes part.
#[derive(Debug, Default)]
pub(super) struct Entry {
    access: Access,
    /// True while the cookie of an earlier visit may still be good.
    had_session: bool,
    /// A session stamp that was not spent yet, as far as this page knows.
    pub(super) stamp: Option<String>,
    /// The search for one.
    pub(super) proof: SessionProof,
    /// Stamps refused since the last session.
    pub(super) refused_stamps: u32,
    /// True once the visitor was let in.
    admitted_before: bool,
    /// Sessions made since the server last accepted one.
    unaccepted: u32,
    access_back_off: BackOff,
    pub(super) visitor: Option<VisitorId>,
    pub(super) visitor_is_random: bool,
    pub(super) trace: Option<TraceData>,
    /// True if the trace names an address that the server does not see any more.
    pub(super) trace_is_stale: bool,
    /// When to read the trace again, after a failure.
    trace_at: Option<Duration>,
    trace_back_off: BackOff,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Access {
    #[default]
    Asking,
    /// The human check has not passed yet, or the stamp is not found.
    Awaiting,
    Delayed {
        until: Duration,
    },
    Granted,
    /// The failure says why.
    Refused,
}

impl Entry {
    /// The phase, while the check has not passed.
    ///
    /// A session that is being renewed counts as passed: what is mined
    /// meanwhile stays good.
    pub(super) fn unready(&self) -> Option<Phase> {
        match self {
            Self { access: Access::Refused, .. } => Some(Phase::Checking),
            Self { access: Access::Delayed { .. }, admitted_before: false, .. } => {
                Some(Phase::Paused(Pause::ServerUnreachable))
            }
            _ if self.lacks_trace() => Some(Phase::Paused(Pause::TraceUnreadable)),
            Self { visitor: Some(_), trace: Some(_), admitted_before: true, .. } => None,
            _ => Some(Phase::Checking),
        }
    }

    /// True while there is no good trace and reading one has failed.
    pub(super) fn lacks_trace(&self) -> bool {
        (self.trace.is_none() || self.trace_is_stale) && self.trace_at.is_some()
    }

    /// True while there is a session to act with.
    pub(super) fn may_take_part(&self) -> bool {
        self.access == Access::Granted
    }

    /// True once there was a session to act with.
    pub(super) fn was_admitted(&self) -> bool {
        self.admitted_before
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        let access = match self.access {
            Access::Delayed { until } => Some(until),
            _ => None,
        };
        access.into_iter().chain(self.trace_at).min()
    }
}

impl RaceClient {
    /// Sessions that the server may disown before the page gives up.
    const SESSIONS_AT_MOST: u32 = 3;

    pub(super) fn begin(&mut self, had_session: bool, now: Duration) {
        self.entry.had_session = had_session;
        self.ask_for_access(now);
        self.effects.push(Effect::IdentifyVisitor);
        self.effects.push(Effect::FetchTrace);
    }

    fn ask_for_access(&mut self, now: Duration) {
        // In test mode every token passes.
        let token = if self.test_mode { Some("test".to_owned()) } else { self.check.token() };
        let token = token.filter(|_| self.gate.asks_for_humans);
        let stamp = self.entry.stamp.clone().filter(|_| self.gate.asks_for_stamps);
        let lacks_token = self.gate.asks_for_humans && token.is_none();
        let lacks_stamp = self.gate.asks_for_stamps && stamp.is_none();
        self.entry.access = Access::Asking;
        if self.entry.had_session {
            self.effects.push(Effect::FetchWins);
        } else if lacks_token || lacks_stamp {
            self.entry.access = Access::Awaiting;
            if lacks_stamp {
                self.ask_for_stamp();
            }
            if lacks_token {
                self.ask_for_token(now);
            }
        } else {
            self.effects.push(Effect::Enter { token, stamp });
        }
    }

    /// The human check has given a token, or a stamp was found.
    pub(super) fn token_came(&mut self, now: Duration) {
        if self.entry.access == Access::Awaiting {
            self.ask_for_access(now);
        }
    }

    /// The server does not know the session any more: makes a new one.
    ///
    /// The live connection belongs to the old one and goes with it.
    pub(super) fn renew_session(&mut self, now: Duration) {
        if !self.entry.may_take_part() {
            return;
        }
        self.entry.had_session = false;
        self.link.rest(now);
        self.effects.push(Effect::DropSocket);
        if Self::SESSIONS_AT_MOST <= self.entry.unaccepted {
            return self.turned_away(Failure::SessionNotKept);
        }
        self.write(Note::SessionRenewed);
        self.ask_for_access(now);
    }

    /// The server has accepted the session.
    pub(super) fn session_accepted(&mut self) {
        self.entry.unaccepted = 0;
    }

    pub(super) fn entered(&mut self, result: Result<SessionView, ApiError>, now: Duration) {
        match result {
            Ok(session) if session.verified => {
                self.check.spent();
                self.stamp_spent();
                self.effects.push(Effect::RememberSession);
                self.effects.push(Effect::FetchWins);
                self.admitted(now);
            }
            Ok(_) => self.turned_away(Failure::NotVerified),
            Err(error) if is_temporary(error.code) => self.access_delayed(error, now),
            Err(error) if error.code == ErrorCode::StampRequired && self.may_mint_again() => {
                self.entry.access = Access::Awaiting;
                self.stamp_refused(error);
            }
            Err(error) if error.code == ErrorCode::TurnstileFailed && !self.test_mode => {
                self.entry.access = Access::Awaiting;
                self.token_refused(error, now);
            }
            Err(error) => self.turned_away(Failure::EntryRefused(error.into())),
        }
    }

    pub(super) fn wins_fetched(&mut self, result: Result<Vec<Win>, ApiError>, now: Duration) {
        let asking = self.entry.access == Access::Asking && self.entry.had_session;
        match result {
            Ok(wins) => {
                if asking {
                    self.admitted(now);
                }
                self.recall(wins, now);
            }
            Err(error) if asking && is_temporary(error.code) => self.access_delayed(error, now),
            Err(_) if asking => {
                self.entry.had_session = false;
                self.ask_for_access(now);
            }
            // The codes are not lost: the next connection asks again.
            Err(_) => {}
        }
    }

    fn admitted(&mut self, now: Duration) {
        if self.entry.proof == SessionProof::Waiting {
            self.entry.proof = SessionProof::Hidden;
        }
        self.entry.access = Access::Granted;
        self.entry.admitted_before = true;
        self.entry.access_back_off.succeeded();
        self.entry.unaccepted += 1;
        self.proving.begin_session();
        self.write(Note::Admitted);
        self.link.open(now);
        self.effects.push(Effect::OpenSocket);
        self.effects.push(Effect::PrepareMiner(self.round.cost));
    }

    fn turned_away(&mut self, failure: Failure) {
        self.entry.access = Access::Refused;
        self.fail(failure);
    }

    fn access_delayed(&mut self, error: ApiError, now: Duration) {
        let wait = wait_for(&error, self.entry.access_back_off.failed((self.device.random)()));
        self.entry.access = Access::Delayed { until: now + wait };
        self.write(Note::EntryDelayed { words: servers_words(error), retry_in: wait.as_secs_f64() });
    }

    pub(super) fn enter_when_due(&mut self, now: Duration) {
        if matches!(self.entry.access, Access::Delayed { until } if until <= now) {
            self.ask_for_access(now);
        }
        if self.entry.trace_at.is_some_and(|at| at <= now) {
            self.entry.trace_at = None;
            self.effects.push(Effect::FetchTrace);
        }
    }

    pub(super) fn identified(&mut self, visitor: VisitorId, at_random: bool) {
        self.entry.visitor = Some(visitor.clone());
        self.entry.visitor_is_random = at_random;
        self.write(if at_random { Note::IdentifiedAtRandom(visitor) } else { Note::Identified(visitor) });
    }

    /// A trace replaces the present one only if it names another address: each
    /// one is new to the letter, and a new one makes what was found with the old
    /// one worthless.
    pub(super) fn trace_fetched(&mut self, trace: Option<TraceData>, now: Duration) {
        let readable = trace.and_then(|trace| Some((trace.ip()?, trace)));
        let Some((address, trace)) = readable else {
            let wait = self.entry.trace_back_off.failed(self.random());
            self.entry.trace_at = Some(now + wait);
            return self.write(Note::TraceUnreadable { retry_in: wait.as_secs_f64() });
        };
        self.entry.trace_back_off.succeeded();
        self.entry.trace_at = None;
        let known = self.entry.trace.as_ref().and_then(TraceData::ip);
        if known == Some(address) && !self.entry.trace_is_stale {
            return;
        }
        if known.is_some() {
            self.write(Note::AddressChanged);
            self.start_over();
        }
        self.entry.trace = Some(trace);
        self.entry.trace_is_stale = false;
    }

    /// The server sees another address than the trace names: reads it anew.
    pub(super) fn distrust_trace(&mut self) {
        self.entry.trace_is_stale = true;
        self.start_over();
        self.effects.push(Effect::FetchTrace);
    }

    fn recall(&mut self, wins: Vec<Win>, now: Duration) {
        for win in wins {
            if self.prizes.iter().any(|prize| prize.invite_code == win.invite_code) {
                continue;
            }
            let place = self.prizes.iter().take_while(|prize| win.round < prize.round).count();
            self.prizes.insert(place, Prize { round: win.round, invite_code: win.invite_code });
            // The answer to a submission may have got lost on its way.
            if self.solving.unanswered == Some(win.round) {
                self.celebrate(win.round, now);
            }
        }
    }
}

/// True if the same request may succeed a little later.
pub(crate) const fn is_temporary(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::Unreachable
            | ErrorCode::TurnstileUnavailable
            | ErrorCode::VerificationBusy
            | ErrorCode::ServerFull
            | ErrorCode::ShuttingDown
            | ErrorCode::Internal
            | ErrorCode::RequestTimeout
            | ErrorCode::TooManyRequests
            | ErrorCode::TooManySubmissions
    )
}

/// How long to wait after `error`: as long as the server asks for, but not less
/// than `at_least`.
pub(crate) fn wait_for(error: &ApiError, at_least: Duration) -> Duration {
    error.retry_after.map_or(at_least, |seconds| at_least.max(Duration::from_secs(seconds)))
}

/// What the server said; `None` if it said nothing, and the words are the browser's.
pub(super) fn servers_words(error: ApiError) -> Option<ServerWords> {
    (error.code != ErrorCode::Unreachable).then(|| error.into())
}
