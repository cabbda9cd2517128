//! The live connection as a state machine: when to open it, when to ask for a
//! sign of life, when to give it up, and how long to wait before the next attempt.

use super::{event::Effect, turn::Turn};
use crate::{scene::Connection, wire::ClientMessage};
use puzzle::back_off::BackOff;
use std::time::Duration;

/// How long a connection may take to open.
const LONGEST_OPENING: Duration = Duration::from_secs(10);

/// The server speaks every two seconds; so long a silence means that it is gone.
const LONGEST_SILENCE: Duration = Duration::from_secs(20);

/// How often to ask for a sign of life.
const PING_INTERVAL: Duration = Duration::from_secs(25);

/// An absence is shown after this time; most are shorter.
const LONGEST_HIDDEN_ABSENCE: Duration = Duration::from_secs(3);

/// How long mining goes on without a connection: the round may be over.
const LONGEST_ABSENCE: Duration = Duration::from_secs(20);

/// What is to be done about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkAction {
    /// Open a new one.
    Open,
    /// Drop the present one, which gives no sign of life.
    Drop,
    /// Ask for a sign of life.
    Ping,
}

/// The live connection.
#[derive(Debug, Default)]
pub(super) struct Link {
    state: State,
    back_off: BackOff,
    /// How long the server wants to be left alone, if it said so.
    wait_asked_for: Duration,
    /// Since when there has been no connection, once one was wanted.
    absent_since: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Closed,
    Opening {
        since: Duration,
    },
    Open {
        heard: Duration,
        ping_at: Duration,
    },
    Waiting {
        until: Duration,
    },
}

impl Link {
    /// The connection is wanted now, whatever it was before.
    pub(super) fn open(&mut self, now: Duration) {
        self.state = State::Opening { since: now };
        self.absent_since.get_or_insert(now);
    }

    /// It stands.
    pub(super) fn opened(&mut self, now: Duration) {
        self.state = State::Open { heard: now, ping_at: now + PING_INTERVAL };
    }

    /// The server said something.
    pub(super) fn heard(&mut self, now: Duration) {
        if let State::Open { heard, .. } = &mut self.state {
            *heard = now;
        }
    }

    /// The server told the whole state: only now is the connection worth something.
    pub(super) fn informed(&mut self) {
        if self.is_open() {
            self.back_off.succeeded();
            self.absent_since = None;
        }
    }

    /// The server is about to close, and wants the next attempt no sooner than this.
    pub(super) fn asked_to_wait(&mut self, time: Duration) {
        self.wait_asked_for = time;
    }

    /// It broke, or never came about: how long until the next attempt.
    pub(super) fn closed(&mut self, now: Duration, random: f64) -> Duration {
        // Many pages may have been told the same: each adds a part of its own.
        let asked_for = std::mem::take(&mut self.wait_asked_for).mul_f64(1.0 + 0.5 * random.clamp(0.0, 1.0));
        let wait = self.back_off.failed(asked_for, random);
        self.state = State::Waiting { until: now + wait };
        self.absent_since.get_or_insert(now);
        wait
    }

    /// Gives it up; there will be none until [`Link::open`].
    pub(super) fn close(&mut self, now: Duration) {
        self.state = State::Closed;
        self.absent_since.get_or_insert(now);
    }

    /// Waits no longer: the device has just come back to the network.
    pub(super) fn stop_waiting(&mut self, now: Duration) {
        if let State::Waiting { until } = &mut self.state {
            *until = now;
        }
    }

    /// What is due at `now`; to be asked until there is nothing left.
    pub(super) fn due(&mut self, now: Duration) -> Option<LinkAction> {
        match &mut self.state {
            State::Opening { since } if *since + LONGEST_OPENING <= now => Some(LinkAction::Drop),
            State::Open { heard, .. } if *heard + LONGEST_SILENCE <= now => Some(LinkAction::Drop),
            State::Open { ping_at, .. } if *ping_at <= now => {
                *ping_at = now + PING_INTERVAL;
                Some(LinkAction::Ping)
            }
            State::Waiting { until } if *until <= now => {
                self.open(now);
                Some(LinkAction::Open)
            }
            _ => None,
        }
    }

    /// When something will be due, or mining has to pause.
    pub(super) fn deadline(&self, now: Duration) -> Option<Duration> {
        let state = match self.state {
            State::Closed => None,
            State::Opening { since } => Some(since + LONGEST_OPENING),
            State::Open { heard, ping_at } => Some(ping_at.min(heard + LONGEST_SILENCE)),
            State::Waiting { until } => Some(until),
        };
        let pause = self.absent_since.map(|since| since + LONGEST_ABSENCE).filter(|end| now < *end);
        state.into_iter().chain(pause).min()
    }

    /// True while messages can be sent.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// True while messages can be sent and the server has told the whole state.
    pub(super) const fn is_informed(&self) -> bool {
        self.is_open() && self.absent_since.is_none()
    }

    /// True once the page has been without news for too long to go on mining.
    pub(super) fn is_lost(&self, now: Duration) -> bool {
        self.absent_since.is_some_and(|since| since + LONGEST_ABSENCE <= now)
    }

    /// True once what the page shows of the race may be out of date.
    pub(super) fn is_stale(&self, now: Duration) -> bool {
        self.absent_since.is_some_and(|since| since + LONGEST_HIDDEN_ABSENCE <= now)
    }

    /// Says something to the server, if it can hear it.
    pub(super) fn send(&self, message: ClientMessage, turn: &mut Turn) {
        if self.is_open() {
            turn.ask(Effect::Send(message));
        }
    }

    /// What the page shows.
    pub(super) fn view(&self, now: Duration) -> Connection {
        match self.state {
            State::Closed => Connection::Closed,
            State::Opening { .. } => Connection::Connecting,
            State::Open { .. } => Connection::Open,
            State::Waiting { until } => {
                Connection::Waiting { seconds: until.saturating_sub(now).as_millis().div_ceil(1000) as u64 }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn tries_again_for_ever_with_longer_waits() {
        let mut link = Link::default();
        link.open(seconds(0));
        let mut now = seconds(0);
        for wait in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(link.closed(now, 1.0), seconds(wait));
            assert_eq!(link.view(now), Connection::Waiting { seconds: wait });
            assert_eq!(link.due(now), None);
            now += seconds(wait);
            assert_eq!(link.due(now), Some(LinkAction::Open));
            assert_eq!(link.due(now), None);
        }
        assert!(link.is_lost(now));
        link.opened(now);
        assert!(link.is_lost(now), "open, but the state of the round is not known yet");
        link.informed();
        assert!(!link.is_lost(now));
        assert_eq!(link.closed(now, 1.0), seconds(1));
    }

    #[test]
    fn asks_for_a_sign_of_life_and_gives_up_without_one() {
        let mut link = Link::default();
        link.open(seconds(0));
        link.opened(seconds(1));
        link.heard(seconds(25));
        assert_eq!(link.due(seconds(26)), Some(LinkAction::Ping));
        assert_eq!(link.due(seconds(26)), None);
        assert_eq!(link.due(seconds(44)), None);
        assert_eq!(link.due(seconds(45)), Some(LinkAction::Drop));
    }

    #[test]
    fn an_attempt_to_open_has_a_deadline() {
        let mut link = Link::default();
        assert_eq!(link.deadline(seconds(0)), None);
        link.open(seconds(0));
        assert_eq!(link.deadline(seconds(0)), Some(seconds(10)));
        assert_eq!(link.due(seconds(10)), Some(LinkAction::Drop));
    }

    #[test]
    fn a_device_back_on_the_network_does_not_wait() {
        let mut link = Link::default();
        link.open(seconds(0));
        link.closed(seconds(1), 1.0);
        link.stop_waiting(seconds(1));
        assert_eq!(link.due(seconds(1)), Some(LinkAction::Open));
    }
}
