//! What a connection waits for, and whether it has waited too long.
//!
//! [`Watched`] notes what passes through the socket, the service notes when it is
//! at work, and [`Activity::overdue`] looks at these notes from time to time.
//! While a request is being served nothing is held against the peer but bytes
//! that it does not take.

use super::settings::ConnectionSettings;
use crate::gate::limits::Place;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep},
};

/// Why a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// The head of a request did not arrive in time.
    Head,
    /// No request came.
    Idle,
    /// The peer does not read.
    Stalled,
}

/// What is known of a connection.
#[derive(Debug)]
pub(super) struct Activity {
    settings: ConnectionSettings,
    notes: Mutex<Notes>,
}

#[derive(Clone, Copy, Debug)]
struct Notes {
    /// The last byte that was taken in or handed over.
    moved_at: Instant,
    /// Since when the head of a request is under way.
    head_since: Option<Instant>,
    /// Since when the socket takes nothing of what is to be sent.
    stalled_since: Option<Instant>,
    /// True while a request is being served.
    serving: bool,
    /// True while a part of a request's body has not been read.
    body_left: bool,
}

impl Notes {
    /// A new connection, which owes us the head of a request.
    const fn opened(now: Instant) -> Self {
        Self { moved_at: now, head_since: Some(now), stalled_since: None, serving: false, body_left: false }
    }

    fn read(&mut self, now: Instant) {
        self.moved_at = now;
        if !self.serving {
            self.head_since.get_or_insert(now);
        }
    }

    fn wrote(&mut self, now: Instant) {
        self.moved_at = now;
        self.stalled_since = None;
        // The peer may already send its next request while it takes an answer.
        self.head_since = self.head_since.map(|_| now);
    }

    fn blocked(&mut self, now: Instant) {
        self.stalled_since.get_or_insert(now);
    }

    /// When the connection has waited too long, as far as can be told now, and
    /// for what.
    fn deadline(&self, settings: &ConnectionSettings) -> Option<(Instant, Overdue)> {
        let stalled = self.stalled_since.map(|since| (since + settings.stall, Overdue::Stalled));
        let waiting = match self.head_since {
            _ if self.serving => None,
            Some(since) => Some((since + settings.head, Overdue::Head)),
            None => Some((self.moved_at + settings.idle, Overdue::Idle)),
        };
        stalled.into_iter().chain(waiting).min_by_key(|(deadline, _)| *deadline)
    }
}

impl Activity {
    pub(super) fn new(settings: ConnectionSettings) -> Self {
        Self { settings, notes: Mutex::new(Notes::opened(Instant::now())) }
    }

    /// A request is being served, until what is returned is dropped.
    pub(super) fn serving(self: &Arc<Self>) -> Serving {
        let mut notes = self.lock();
        notes.serving = true;
        notes.head_since = None;
        drop(notes);
        Serving(self.clone())
    }

    /// A request's body begins, or has been read to its end.
    pub(super) fn note_body(&self, is_left: bool) {
        self.lock().body_left = is_left;
    }

    /// Done once the connection has waited too long, or at most a few seconds
    /// later: a deadline that is new and near is noticed at the next look.
    pub(super) async fn overdue(&self) -> Overdue {
        let interval =
            self.settings.head.min(self.settings.idle).min(self.settings.stall).max(Duration::from_millis(10));
        loop {
            let now = Instant::now();
            let deadline = self.lock().deadline(&self.settings);
            let wake_up = match deadline {
                Some((deadline, why)) if deadline <= now => return why,
                Some((deadline, _)) => deadline.min(now + interval),
                None => now + interval,
            };
            tokio::time::sleep_until(wake_up).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While it exists a request is being served.
#[derive(Debug)]
pub(super) struct Serving(Arc<Activity>);

impl Drop for Serving {
    fn drop(&mut self) {
        let mut notes = self.0.lock();
        notes.serving = false;
        notes.moved_at = Instant::now();
    }
}

/// A socket whose traffic is noted, with its place among the open connections:
/// whoever holds the socket, be it as a WebSocket, holds the place.
#[derive(Debug)]
pub(super) struct Watched {
    stream: TcpStream,
    activity: Arc<Activity>,
    /// What is left of the peer's body is read along while it takes our last answer.
    body_rest: Option<BodyRest>,
    _place: Arc<Place>,
}

/// The end of a connection on which a request was answered before all of its body had
/// come. A socket that is closed with unread bytes is reset, and the peer (or the proxy
/// before it) may lose the answer. So the rest is read, to a bound.
#[derive(Debug)]
struct BodyRest {
    until: Pin<Box<Sleep>>,
    /// How many bytes are read at most.
    left: usize,
}

impl BodyRest {
    /// The longest rest of a body that is read, in bytes, and for how long.
    const LONGEST_REST: usize = 2 * 1024 * 1024;
    const LONGEST_TIME: Duration = Duration::from_secs(2);

    fn begin() -> Self {
        Self { until: Box::pin(tokio::time::sleep(Self::LONGEST_TIME)), left: Self::LONGEST_REST }
    }

    /// Done when the peer has closed too, or a bound is reached.
    fn poll(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
        let mut rest = [0; 8192];
        while 0 < self.left && self.until.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut rest);
            match ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => self.left = self.left.saturating_sub(buffer.filled().len()),
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl Watched {
    pub(super) fn new(stream: TcpStream, activity: Arc<Activity>, place: Arc<Place>) -> Self {
        Self { stream, activity, body_rest: None, _place: place }
    }

    fn note<T>(&self, outcome: &Poll<io::Result<T>>) {
        let now = Instant::now();
        let mut notes = self.activity.lock();
        if outcome.is_ready() { notes.wrote(now) } else { notes.blocked(now) }
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if before < buffer.filled().len() {
            self.activity.lock().read(Instant::now());
        }
        outcome
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.note(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, activity, body_rest, .. } = &mut *self;
        if body_rest.is_none() {
            ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
            if !activity.lock().body_left {
                return Poll::Ready(Ok(()));
            }
        }
        body_rest.get_or_insert_with(BodyRest::begin).poll(stream, cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ConnectionSettings = ConnectionSettings {
        in_all: 0,
        per_peer: 0,
        head: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        stall: Duration::from_secs(30),
        grace: Duration::from_secs(10),
    };

    /// Notes of a connection opened at 0 s, and the deadline in seconds.
    struct Story {
        start: Instant,
        notes: Notes,
    }

    impl Story {
        fn new() -> Self {
            let start = Instant::now();
            Self { start, notes: Notes::opened(start) }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        fn deadline(&self) -> Option<(u64, Overdue)> {
            self.notes.deadline(&LIMITS).map(|(at, why)| ((at - self.start).as_secs(), why))
        }
    }

    #[test]
    fn a_head_has_ten_seconds_however_often_a_byte_of_it_comes() {
        let mut story = Story::new();
        assert_eq!(story.deadline(), Some((10, Overdue::Head)));
        for second in 1..9 {
            story.notes.read(story.at(second));
            assert_eq!(story.deadline(), Some((10, Overdue::Head)));
        }
    }

    #[test]
    fn a_connection_may_rest_between_requests_but_not_within_the_next_head() {
        let mut story = Story::new();
        story.notes = Notes { serving: true, head_since: None, ..story.notes };
        assert_eq!(story.deadline(), None);
        story.notes.read(story.at(5));
        assert_eq!(story.deadline(), None, "a body has a limit of its own");
        story.notes.wrote(story.at(6));
        story.notes.serving = false;
        assert_eq!(story.deadline(), Some((81, Overdue::Idle)));
        story.notes.read(story.at(70));
        story.notes.read(story.at(79));
        assert_eq!(story.deadline(), Some((80, Overdue::Head)));
    }

    #[test]
    fn who_reads_nothing_is_cut_and_who_reads_slowly_is_not() {
        let mut story = Story::new();
        story.notes = Notes { serving: true, head_since: None, ..story.notes };
        story.notes.blocked(story.at(1));
        story.notes.blocked(story.at(20));
        assert_eq!(story.deadline(), Some((31, Overdue::Stalled)));
        story.notes.wrote(story.at(25));
        assert_eq!(story.deadline(), None);
        story.notes.blocked(story.at(25));
        assert_eq!(story.deadline(), Some((55, Overdue::Stalled)));
    }

    #[tokio::test]
    async fn what_is_overdue_is_noticed() {
        let blink = Duration::from_millis(10);
        let limits = ConnectionSettings { head: blink, idle: blink, stall: blink, ..LIMITS };
        assert_eq!(Activity::new(limits).overdue().await, Overdue::Head);

        let activity = Arc::new(Activity::new(limits));
        drop(activity.serving());
        assert_eq!(activity.overdue().await, Overdue::Idle);

        let activity = Arc::new(Activity::new(limits));
        let _serving = activity.serving();
        let overdue = tokio::spawn({
            let activity = activity.clone();
            async move { activity.overdue().await }
        });
        tokio::time::sleep(5 * blink).await;
        assert!(!overdue.is_finished(), "a request that is being served is not overdue");
        activity.lock().blocked(Instant::now());
        assert_eq!(overdue.await.unwrap(), Overdue::Stalled);
    }
}
