//! Who mines, and from where: the visitor id and the trace.

use super::{event::Effect, turn::Turn};
use crate::scene::Note;
use puzzle::{TraceData, VisitorId, back_off::BackOff};
use std::time::Duration;

/// What a hash is mined with, beside the round's seed.
#[derive(Debug, Default)]
pub(super) struct Identity {
    visitor: Option<VisitorId>,
    visitor_is_random: bool,
    trace: Option<TraceData>,
    /// True if the trace names an address that the server does not see any more.
    trace_is_stale: bool,
    /// When to read the trace again, after a failure.
    trace_at: Option<Duration>,
    back_off: BackOff,
}

impl Identity {
    /// Visitor id and trace, once both are known.
    pub(super) fn known(&self) -> Option<(VisitorId, TraceData)> {
        self.visitor.clone().zip(self.trace.clone())
    }

    /// The visitor id, once it is known.
    pub(super) const fn visitor(&self) -> Option<&VisitorId> {
        self.visitor.as_ref()
    }

    /// True if the visitor id is a random one.
    pub(super) const fn visitor_is_random(&self) -> bool {
        self.visitor_is_random
    }

    /// True while the server would refuse what was mined with the trace.
    pub(super) const fn trace_is_stale(&self) -> bool {
        self.trace_is_stale
    }

    /// True while there is no good trace and reading one has failed.
    pub(super) const fn lacks_trace(&self) -> bool {
        (self.trace.is_none() || self.trace_is_stale) && self.trace_at.is_some()
    }

    /// When [`Identity::when_due`] has something to do.
    pub(super) const fn deadline(&self) -> Option<Duration> {
        self.trace_at
    }

    /// The page is there: finds out both.
    pub(super) fn begin(&mut self, turn: &mut Turn) {
        turn.ask(Effect::IdentifyVisitor);
        turn.ask(Effect::FetchTrace);
    }

    /// The answer to [`Effect::IdentifyVisitor`].
    pub(super) fn identified(&mut self, visitor: VisitorId, at_random: bool, turn: &mut Turn) {
        self.visitor = Some(visitor.clone());
        self.visitor_is_random = at_random;
        turn.write(if at_random { Note::IdentifiedAtRandom(visitor) } else { Note::Identified(visitor) });
    }

    /// The answer to [`Effect::FetchTrace`]; true if it replaces an earlier trace, so
    /// that what was found with that one is worthless.
    ///
    /// It does so only if it names another address: no two traces are equal to the
    /// letter, and work must not be lost for that.
    pub(super) fn trace_fetched(&mut self, trace: Option<TraceData>, turn: &mut Turn) -> bool {
        let readable = trace.and_then(|trace| Some((trace.ip()?, trace)));
        let Some((address, trace)) = readable else {
            let wait = self.back_off.failed(Duration::ZERO, turn.random());
            self.trace_at = Some(turn.now + wait);
            turn.write(Note::TraceUnreadable { retry_in: wait.as_secs_f64() });
            return false;
        };
        self.back_off.succeeded();
        self.trace_at = None;
        let known = self.trace.as_ref().and_then(TraceData::ip);
        if known == Some(address) && !self.trace_is_stale {
            return false;
        }
        if known.is_some() {
            turn.write(Note::AddressChanged);
        }
        self.trace = Some(trace);
        self.trace_is_stale = false;
        known.is_some()
    }

    /// The server sees another address than the trace names: reads it anew.
    pub(super) fn distrust_trace(&mut self, turn: &mut Turn) {
        self.trace_is_stale = true;
        turn.ask(Effect::FetchTrace);
    }

    /// Does what is due.
    pub(super) fn when_due(&mut self, turn: &mut Turn) {
        if self.trace_at.is_some_and(|at| at <= turn.now) {
            self.trace_at = None;
            turn.ask(Effect::FetchTrace);
        }
    }
}
