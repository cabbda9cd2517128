//! The live connection for those to whom WebSockets are blocked: the same messages, asked
//! for again and again.
//!
//! A stream is a presence like a connection's, which lives from one poll to the next. Each
//! answer ends at a place in the stream; the next poll names it, and with that says that
//! everything up to there has arrived. An answer that was lost on the way is given again.
//! A poll that names no place, or one that is gone, begins with how things stand.

use super::{Chat, Event, Events, Live, Presence, message};
use crate::{
    gate::limits::{Bucket, Notice, Place},
    identity::session::{Session, SessionId},
    lock::lock,
};
use futures::FutureExt;
use std::{
    collections::{HashMap, VecDeque},
    fmt,
    net::IpAddr,
    str::FromStr,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// The streams of one session; one more ends the oldest.
const MOST_STREAMS: usize = 8;

/// The messages in one answer.
const MOST_MESSAGES: usize = 64;

/// Calls per second on one stream in the long run, and at once: those of a WebSocket.
const CALLS_PER_SECOND: f64 = 20.0;
const BURST: f64 = 40.0;

/// A place in a stream, as clients repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPlace {
    stream: u64,
    /// How many messages were told up to here.
    told: u64,
}

/// A text that is no place in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the last_id of an earlier answer")]
pub struct NotAPlace;

impl fmt::Display for StreamPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.stream, self.told)
    }
}

impl FromStr for StreamPlace {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let (stream, told) = text.split_once('-').ok_or(NotAPlace)?;
        let stream = u64::from_str_radix(stream, 16).map_err(|_| NotAPlace)?;
        Ok(Self { stream, told: told.parse().map_err(|_| NotAPlace)? })
    }
}

/// Everybody who polls. A cheap handle.
#[derive(Clone, Debug)]
pub struct Pollers {
    live: Live,
    /// How long a stream lives without a poll.
    life: Duration,
    streams: Arc<Mutex<HashMap<SessionId, VecDeque<Arc<Stream>>>>>,
}

/// One client that polls.
pub struct Stream {
    id: u64,
    presence: Presence,
    /// Held by the one call that reads.
    reading: tokio::sync::Mutex<Reading>,
    /// A newer poll has come: an older one that still waits is answered at once.
    superseded: Notify,
    allowance: Mutex<Bucket>,
    polled_at: Mutex<Instant>,
    place: Place,
}

struct Reading {
    events: Events,
    chat: Chat,
    told: u64,
    /// The end of what was told, until the client says that it has it.
    unconfirmed: Vec<Arc<str>>,
}

/// An answer to a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// In order, each as it would come on a live connection.
    pub messages: Vec<Arc<str>>,
    /// What the next poll repeats.
    pub last: StreamPlace,
}

/// Why a poll, or a message of a client that polls, is not answered as usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PollError {
    /// The server stops.
    #[error("the server restarts")]
    Stopping,
    /// Too many calls.
    #[error("too many calls: at most 20 a second")]
    TooMany {
        /// When there may be another.
        retry_after: Duration,
    },
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Pollers {
    /// Nobody polls yet. A stream lives for `life` without a poll.
    pub fn new(live: Live, life: Duration) -> Self {
        Self { live, life, streams: Arc::default() }
    }

    /// The stream of a session that this place is in.
    pub fn find(&self, session: &SessionId, place: StreamPlace) -> Option<Arc<Stream>> {
        lock(&self.streams).get(session)?.iter().find(|stream| stream.id == place.stream).cloned()
    }

    /// A new stream for a session that polls from `address`. It holds `place` until nobody
    /// has polled for a while.
    pub fn begin(&self, session: Session, address: IpAddr, chat: Chat, place: Place) -> Arc<Stream> {
        let key = session.id.clone();
        let presence = self.live.join(session, address);
        let (snapshot, events) = presence.listen();
        let unconfirmed = vec![message(&snapshot).into()];
        let allowance = Mutex::new(Bucket::full(BURST, presence.now()));
        let stream = Arc::new(Stream {
            id: rand::random(),
            presence,
            reading: tokio::sync::Mutex::new(Reading { events, chat, told: 1, unconfirmed }),
            superseded: Notify::new(),
            allowance,
            polled_at: Mutex::new(Instant::now()),
            place,
        });
        let superfluous = {
            let mut streams = lock(&self.streams);
            let own = streams.entry(key.clone()).or_default();
            own.push_back(stream.clone());
            if MOST_STREAMS < own.len() { own.pop_front() } else { None }
        };
        // Outside the lock: with it somebody leaves.
        drop(superfluous);
        tokio::spawn(self.clone().end_in_time(key, Arc::downgrade(&stream), stream.place.notice()));
        stream
    }

    /// Ends a stream once nobody has polled for its life, its place is needed for somebody
    /// else, or the server stops.
    async fn end_in_time(self, session: SessionId, stream: Weak<Stream>, notice: Notice) {
        let mut stopping = self.live.shared.stopping.subscribe();
        let id = loop {
            let Some(stream) = stream.upgrade() else { return };
            let ends_at = *lock(&stream.polled_at) + self.life;
            // While a poll waits, somebody is there.
            if ends_at <= Instant::now() && stream.reading.try_lock().is_ok() {
                break stream.id;
            }
            let id = stream.id;
            drop(stream);
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => break id,
                () = notice.must_leave() => break id,
                () = tokio::time::sleep_until(ends_at.max(Instant::now() + Duration::from_secs(1))) => {}
            }
        };
        let mut streams = lock(&self.streams);
        let Some(own) = streams.get_mut(&session) else { return };
        let at = own.iter().position(|stream| stream.id == id);
        let ended = at.and_then(|at| own.remove(at));
        if own.is_empty() {
            streams.remove(&session);
        }
        drop(streams);
        // A poll that still waits holds the stream: it is answered.
        if let Some(stream) = &ended {
            stream.superseded.notify_waiters();
        }
        drop(ended);
    }
}

impl Stream {
    /// Whoever polls, among the connected.
    pub const fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Counts a call.
    ///
    /// # Errors
    /// [`PollError::TooMany`].
    pub fn count(&self) -> Result<(), PollError> {
        *lock(&self.polled_at) = Instant::now();
        self.place.end_use();
        if self.presence.has_shown_work() {
            self.place.show_work();
        }
        let taken = lock(&self.allowance).take(CALLS_PER_SECOND, BURST, self.presence.now());
        taken.map_err(|retry_after| PollError::TooMany { retry_after })
    }

    /// What has happened since `after`, as soon as anything has; after `wait` at the
    /// latest. From the beginning where `after` is `None`.
    ///
    /// # Errors
    /// [`PollError::Stopping`].
    pub async fn poll(&self, after: Option<StreamPlace>, wait: Duration) -> Result<Told, PollError> {
        let until = Instant::now() + wait;
        self.superseded.notify_waiters();
        let superseded = self.superseded.notified();
        let mut reading = self.reading.lock().await;
        reading.confirm(after, &self.presence);
        if reading.unconfirmed.is_empty() {
            tokio::select! {
                next = reading.next() => {
                    let message = next?;
                    reading.tell(message);
                }
                () = superseded => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
        while reading.unconfirmed.len() < MOST_MESSAGES
            && let Some(next) = reading.next().now_or_never()
        {
            let message = next?;
            reading.tell(message);
        }
        *lock(&self.polled_at) = Instant::now();
        let last = StreamPlace { stream: self.id, told: reading.told };
        Ok(Told { messages: reading.unconfirmed.clone(), last })
    }
}

impl Reading {
    /// The client has everything up to `after`. If that cannot be, it is told anew how
    /// things stand.
    fn confirm(&mut self, after: Option<StreamPlace>, presence: &Presence) {
        let first = self.told - self.unconfirmed.len() as u64;
        match after {
            Some(StreamPlace { told, .. }) if told == self.told => self.unconfirmed.clear(),
            Some(StreamPlace { told, .. }) if told == first => {}
            None if first == 0 => {}
            _ => {
                let (snapshot, events) = presence.listen();
                self.events = events;
                self.unconfirmed.clear();
                self.tell(message(&snapshot).into());
            }
        }
    }

    fn tell(&mut self, message: Arc<str>) {
        self.unconfirmed.push(message);
        self.told += 1;
    }

    /// What happens next. May be dropped and called again without losing any.
    async fn next(&mut self) -> Result<Arc<str>, PollError> {
        tokio::select! {
            biased;
            event = self.events.next() => match event {
                Event::Message(message) => Ok(message),
                Event::Stop => Err(PollError::Stopping),
            },
            message = self.chat.next() => Ok(message.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let place = StreamPlace { stream: u64::MAX, told: 17 };
        assert_eq!(place.to_string().parse(), Ok(place));
        for wrong in ["", "-", "1", "g-1", "1-", "1--1", "1-x", "10000000000000000-1"] {
            assert_eq!(wrong.parse::<StreamPlace>(), Err(NotAPlace), "{wrong}");
        }
    }
}
