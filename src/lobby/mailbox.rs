//! One client's queue: what it has been told and not yet let go of.
//!
//! A reader says after which number it wants to go on, and reading takes nothing
//! away: several tabs may read the same queue. What is too much or too old falls
//! out at the front. A queue is short when all events together are heavy.

use super::envelope::{Line, Weight};
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

/// The most entries of a queue …
const LONGEST: usize = 1000;

/// … and when all events in memory weigh more than [`HEAVY`].
const LONGEST_WHEN_HEAVY: usize = 64;

/// From here on queues are short, in bytes.
const HEAVY: usize = 128 * 1024 * 1024;

/// Entries are forgotten after a week.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// The most entries and bytes handed out at once.
const MOST_AT_ONCE: usize = 200;
const MOST_BYTES_AT_ONCE: usize = 256 * 1024;

/// How many may wait on one queue.
const MOST_WAITING: usize = 8;

/// A client's queue.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    entries: Mutex<Entries>,
    /// Rings when there is something new, or nothing any more.
    pub(super) bell: Notify,
    waiting: AtomicUsize,
    /// How many commands the client has left before it is slowed down.
    pub(super) pace: Mutex<Option<Bucket>>,
}

#[derive(Debug, Default)]
struct Entries {
    lines: VecDeque<Arc<Line>>,
    closed: bool,
}

/// The client is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed;

/// A place among those who wait on a queue; given up when dropped.
#[derive(Debug)]
pub(super) struct Waiting<'a>(&'a AtomicUsize);

impl Mailbox {
    /// Puts a line in and wakes everybody who waits.
    pub(super) fn push(&self, line: Arc<Line>, weight: &Weight) {
        let mut entries = self.lock();
        if entries.closed {
            return;
        }
        let now = line.at;
        entries.lines.push_back(line);
        let longest = if HEAVY < weight.bytes() { LONGEST_WHEN_HEAVY } else { LONGEST };
        while longest < entries.lines.len()
            || entries.lines.front().is_some_and(|oldest| LIFETIME < now.saturating_sub(oldest.at))
        {
            entries.lines.pop_front();
        }
        drop(entries);
        self.bell.notify_waiters();
    }

    /// What came after the number `after`, oldest first, as much as fits into an
    /// answer.
    pub(super) fn after(&self, after: u64) -> Result<Vec<Arc<Line>>, Closed> {
        let entries = self.lock();
        if entries.closed {
            return Err(Closed);
        }
        let first = entries.lines.partition_point(|line| line.seq <= after);
        let mut bytes = 0;
        let fits = |line: &&Arc<Line>| {
            bytes += line.json().len();
            bytes <= MOST_BYTES_AT_ONCE
        };
        Ok(entries.lines.range(first..).take(MOST_AT_ONCE).take_while(fits).cloned().collect())
    }

    /// The number of the newest line; 0 if there is none.
    pub(super) fn newest(&self) -> u64 {
        self.lock().lines.back().map_or(0, |line| line.seq)
    }

    /// Everything, for the store.
    pub(super) fn all(&self) -> Vec<Arc<Line>> {
        self.lock().lines.iter().cloned().collect()
    }

    /// Ends the queue: whoever waits is told so.
    pub(super) fn close(&self) {
        let mut entries = self.lock();
        entries.closed = true;
        entries.lines.clear();
        drop(entries);
        self.bell.notify_waiters();
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

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seq: u64, at: Duration, weight: &Weight) -> Arc<Line> {
        Line::new(seq, at, format!("{{\"n\":{seq}}}"), weight)
    }

    fn numbers(mailbox: &Mailbox, after: u64) -> Vec<u64> {
        mailbox.after(after).unwrap().iter().map(|line| line.seq).collect()
    }

    #[test]
    fn readers_go_on_where_they_stopped_and_take_nothing_away() {
        let (mailbox, weight) = (Mailbox::default(), Weight::default());
        for seq in [3, 5, 9] {
            mailbox.push(line(seq, Duration::ZERO, &weight), &weight);
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
    fn too_much_and_too_old_falls_out_at_the_front() {
        let (mailbox, weight) = (Mailbox::default(), Weight::default());
        for seq in 1..=1500 {
            mailbox.push(line(seq, Duration::ZERO, &weight), &weight);
        }
        assert_eq!(mailbox.all().len(), LONGEST);
        assert_eq!(mailbox.after(0).unwrap().len(), MOST_AT_ONCE);
        assert_eq!(mailbox.after(0).unwrap()[0].seq, 501);
        mailbox.push(line(2000, LIFETIME + Duration::from_secs(1), &weight), &weight);
        assert_eq!(numbers(&mailbox, 0), [2000]);
    }

    #[test]
    fn queues_are_short_when_events_are_heavy() {
        let (mailbox, weight) = (Mailbox::default(), Weight::default());
        let _heavy = Line::new(0, Duration::ZERO, " ".repeat(HEAVY + 1), &weight);
        for seq in 1..=100 {
            mailbox.push(line(seq, Duration::ZERO, &weight), &weight);
        }
        assert_eq!(mailbox.all().len(), LONGEST_WHEN_HEAVY);
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
