//! One client's queue: the events that it was told and that are still kept for it.
//!
//! A reader says after which number it wants to go on, and reading takes nothing
//! away: several tabs may read the same queue. What is too much or too old is
//! dropped from the front. Queues are kept short while all events together take up
//! much memory.

use super::event::{Event, EventBytes};
use crate::{gate::limits::Bucket, lock::lock};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// The most events of a queue …
const LONGEST_QUEUE: usize = 1000;

/// … and while all events in memory take up more than [`MUCH_MEMORY`].
const LONGEST_SHORT_QUEUE: usize = 64;

/// The most bytes of a queue: a thousand lines of what people usually say. So it takes
/// many who fill theirs before the queues of all are short.
const MOST_BYTES: usize = 1024 * 1024;

/// From here on queues are short, in bytes.
const MUCH_MEMORY: usize = 128 * 1024 * 1024;

/// Events are forgotten after a week.
pub(super) const EVENT_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// The most events and bytes handed out at once.
const MOST_EVENTS_AT_ONCE: usize = 200;
const MOST_BYTES_AT_ONCE: usize = 256 * 1024;

/// How many long polls may wait on one queue.
const MOST_WAITING: usize = 8;

/// A client's queue.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    entries: Mutex<Entries>,
    /// Notified when there is something new, and when the queue is closed.
    changed: Notify,
    /// How many long polls wait on it.
    waiting: AtomicUsize,
    /// How many commands the client has left before it is slowed down.
    pub(super) pace: Mutex<Option<Bucket>>,
    /// The number of the event before which the client was not there.
    pub(super) since: u64,
}

#[derive(Debug, Default)]
struct Entries {
    events: VecDeque<Arc<Event>>,
    /// How many bytes they have together.
    bytes: usize,
    closed: bool,
}

/// The queue is closed: its client has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed;

/// Somebody who is told everything that comes, and how far that was.
#[derive(Debug)]
pub(super) struct Reader {
    mailbox: Arc<Mailbox>,
    after: u64,
}

/// A place among those who wait on a queue; given up when dropped.
#[derive(Debug)]
pub(super) struct Waiting<'a>(&'a AtomicUsize);

impl Mailbox {
    /// The queue of a client that has just come.
    pub(super) fn since(since: u64) -> Self {
        Self { since, ..Self::default() }
    }

    /// Takes more from the client's pace for a command that was worth more than one: the
    /// next has to wait longer.
    pub(super) fn charge(&self, cost: f64) {
        if let Some(pace) = &mut *lock(&self.pace) {
            pace.charge(cost);
        }
    }

    /// Puts an event in and wakes everybody who waits.
    pub(super) fn push(&self, event: Arc<Event>, all: &EventBytes) {
        let mut entries = self.lock();
        if entries.closed {
            return;
        }
        let now = event.at;
        entries.bytes += event.json().len();
        entries.events.push_back(event);
        let longest = if MUCH_MEMORY < all.get() { LONGEST_SHORT_QUEUE } else { LONGEST_QUEUE };
        while longest < entries.events.len()
            || MOST_BYTES < entries.bytes
            || entries.events.front().is_some_and(|oldest| EVENT_LIFETIME < now.saturating_sub(oldest.at))
        {
            let Some(oldest) = entries.events.pop_front() else { break };
            entries.bytes -= oldest.json().len();
        }
        drop(entries);
        self.changed.notify_waiters();
    }

    /// What came after the number `after`, oldest first, as much as fits into an
    /// answer.
    pub(super) fn after(&self, after: u64) -> Result<Vec<Arc<Event>>, Closed> {
        let entries = self.lock();
        if entries.closed {
            return Err(Closed);
        }
        let first = entries.events.partition_point(|event| event.seq <= after);
        let mut bytes = 0;
        let fits = |event: &&Arc<Event>| {
            bytes += event.json().len();
            bytes <= MOST_BYTES_AT_ONCE
        };
        Ok(entries.events.range(first..).take(MOST_EVENTS_AT_ONCE).take_while(fits).cloned().collect())
    }

    /// The same, waiting until there is something.
    pub(super) async fn next_after(&self, after: u64) -> Result<Vec<Arc<Event>>, Closed> {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            // From here on no change is missed, so that one between the look and the
            // waiting wakes us.
            changed.as_mut().enable();
            match self.after(after) {
                Ok(events) if events.is_empty() => changed.await,
                found => return found,
            }
        }
    }

    /// The number of the newest event; 0 if there is none.
    pub(super) fn newest(&self) -> u64 {
        self.lock().events.back().map_or(0, |event| event.seq)
    }

    /// Everything, for the store.
    pub(super) fn all(&self) -> Vec<Arc<Event>> {
        self.lock().events.iter().cloned().collect()
    }

    /// Closes the queue: everybody who waits on it is woken.
    pub(super) fn close(&self) {
        let mut entries = self.lock();
        entries.closed = true;
        entries.events.clear();
        entries.bytes = 0;
        drop(entries);
        self.changed.notify_waiters();
    }

    /// A place among those who wait, if there is one.
    pub(super) fn wait(&self) -> Option<Waiting<'_>> {
        let place = Waiting(&self.waiting);
        (self.waiting.fetch_add(1, Ordering::SeqCst) < MOST_WAITING).then_some(place)
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        lock(&self.entries)
    }
}

impl Reader {
    /// A reader of what comes from now on.
    pub(super) fn of_what_comes(mailbox: Arc<Mailbox>) -> Self {
        Self { after: mailbox.newest(), mailbox }
    }

    /// A reader of what comes after an event that need not be there yet.
    pub(super) const fn of_what_comes_after(mailbox: Arc<Mailbox>, after: u64) -> Self {
        Self { mailbox, after }
    }

    /// The next events; never done once the queue is closed. May be dropped and called
    /// again without losing any.
    pub(super) async fn next(&mut self) -> Vec<Arc<Event>> {
        let Ok(events) = self.mailbox.next_after(self.after).await else {
            return std::future::pending().await;
        };
        self.after = events.last().map_or(self.after, |event| event.seq);
        events
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64, at: Duration, all: &EventBytes) -> Arc<Event> {
        Event::new(seq, at, format!("{{\"n\":{seq}}}"), all)
    }

    fn numbers(mailbox: &Mailbox, after: u64) -> Vec<u64> {
        mailbox.after(after).unwrap().iter().map(|event| event.seq).collect()
    }

    #[test]
    fn readers_go_on_where_they_stopped_and_take_nothing_away() {
        let (mailbox, all) = (Mailbox::default(), EventBytes::default());
        for seq in [3, 5, 9] {
            mailbox.push(event(seq, Duration::ZERO, &all), &all);
        }
        assert_eq!(numbers(&mailbox, 0), [3, 5, 9]);
        assert_eq!(numbers(&mailbox, 3), [5, 9]);
        assert_eq!(numbers(&mailbox, 4), [5, 9]);
        assert_eq!(numbers(&mailbox, 9), [0; 0]);
        assert_eq!(mailbox.newest(), 9);
        mailbox.close();
        assert_eq!(mailbox.after(0).unwrap_err(), Closed);
    }

    #[test]
    fn too_much_and_too_old_is_dropped_from_the_front() {
        let (mailbox, all) = (Mailbox::default(), EventBytes::default());
        for seq in 1..=1500 {
            mailbox.push(event(seq, Duration::ZERO, &all), &all);
        }
        assert_eq!(mailbox.all().len(), LONGEST_QUEUE);
        assert_eq!(mailbox.after(0).unwrap().len(), MOST_EVENTS_AT_ONCE);
        assert_eq!(mailbox.after(0).unwrap()[0].seq, 501);
        mailbox.push(event(2000, EVENT_LIFETIME + Duration::from_secs(1), &all), &all);
        assert_eq!(numbers(&mailbox, 0), [2000]);
    }

    #[test]
    fn a_queue_has_a_mebibyte_at_most() {
        let (mailbox, all) = (Mailbox::default(), EventBytes::default());
        for seq in 1..=900 {
            mailbox.push(Event::new(seq, Duration::ZERO, " ".repeat(7000), &all), &all);
        }
        assert_eq!(mailbox.all().len(), MOST_BYTES / 7000);
        assert_eq!((mailbox.newest(), all.get()), (900, MOST_BYTES / 7000 * 7000), "the newest stay");
        for seq in 901..=1800 {
            mailbox.push(event(seq, Duration::ZERO, &all), &all);
        }
        assert_eq!(mailbox.all().len(), LONGEST_QUEUE);
    }

    #[test]
    fn queues_are_short_while_events_take_up_much_memory() {
        let (mailbox, all) = (Mailbox::default(), EventBytes::default());
        let _large = Event::new(0, Duration::ZERO, " ".repeat(MUCH_MEMORY + 1), &all);
        for seq in 1..=100 {
            mailbox.push(event(seq, Duration::ZERO, &all), &all);
        }
        assert_eq!(mailbox.all().len(), LONGEST_SHORT_QUEUE);
    }

    #[test]
    fn only_so_many_wait_on_one_queue() {
        let mailbox = Mailbox::default();
        let mut waiting: Vec<_> = (0..MOST_WAITING).map(|_| mailbox.wait().unwrap()).collect();
        assert!(mailbox.wait().is_none());
        waiting.pop();
        assert!(mailbox.wait().is_some());
    }
}
