//! Events on their way to those whom they are for.
//!
//! What was decided is told only once it is stored, in the order in which it was
//! decided: so every queue grows by ascending numbers, and nobody has heard what a
//! crash makes undone. A message that cannot be stored is told to nobody.

use super::{
    event::{Event, EventBytes},
    mailbox::Mailbox,
    store::{MOST_RECENT, Slot, Written},
};
use crate::lock::lock;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The newest events of the lobby's own channel that the history keeps, for the page.
pub(super) type Recent = Arc<Mutex<VecDeque<Arc<Event>>>>;

/// Events whose receivers are known.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    to: Vec<(Arc<Mailbox>, Arc<Event>)>,
    recent: Option<Arc<Event>>,
    /// True if nothing is told unless it is stored.
    only_if_stored: bool,
}

/// Counts what was handed to the store and is not told yet.
#[derive(Clone, Debug, Default)]
pub(super) struct OnTheWay(Arc<AtomicUsize>);

struct Underway(OnTheWay);

impl Deliveries {
    pub(super) fn push(&mut self, mailbox: Arc<Mailbox>, event: Arc<Event>) {
        self.to.push((mailbox, event));
    }

    /// Has an event of the lobby's own channel kept for the page.
    pub(super) fn remember(&mut self, event: Arc<Event>) {
        self.recent = Some(event);
    }

    pub(super) const fn only_if_stored(&mut self) {
        self.only_if_stored = true;
    }

    fn is_empty(&self) -> bool {
        self.to.is_empty() && self.recent.is_none()
    }

    fn deliver(self, all: &EventBytes, recent: &Recent) {
        for (mailbox, event) in self.to {
            mailbox.push(event, all);
        }
        if let Some(event) = self.recent {
            remember(recent, event);
        }
    }

    /// Tells everybody once what was decided with it is stored. To be called under the
    /// lock of the state.
    pub(super) fn hand_over(
        self,
        slot: Slot<'_>,
        writes: Vec<super::store::Write>,
        on_the_way: &OnTheWay,
        all: &EventBytes,
        recent: &Recent,
    ) -> Written {
        if writes.is_empty() && self.is_empty() {
            return Written::nothing();
        }
        // Answers that need no store need not wait for it, unless something is before
        // them.
        if writes.is_empty() && on_the_way.is_nothing() {
            self.deliver(all, recent);
            return Written::nothing();
        }
        let (underway, all, recent) = (on_the_way.one_more(), all.clone(), recent.clone());
        slot.write(writes, move |stored| {
            if stored || !self.only_if_stored {
                self.deliver(&all, &recent);
            }
            drop(underway);
        })
    }
}

/// Keeps an event for the page.
pub(super) fn remember(recent: &Recent, event: Arc<Event>) {
    let mut recent = lock(recent);
    if MOST_RECENT <= recent.len() {
        recent.pop_front();
    }
    recent.push_back(event);
}

impl OnTheWay {
    fn is_nothing(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }

    fn one_more(&self) -> Underway {
        self.0.fetch_add(1, Ordering::SeqCst);
        Underway(self.clone())
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}
