//! What one connection is told: the newest of everything, never a backlog.

use crate::race::Announcement;
use puzzle::RoundNumber;
use std::sync::Arc;
use tokio::sync::watch;

/// An announcement with its message for everybody.
#[derive(Clone, Debug)]
pub(super) struct Reset {
    pub(super) announcement: Announcement,
    pub(super) message: Arc<str>,
}

/// What happens, as one connection hears it.
#[derive(Debug)]
pub struct Events {
    /// The newest round that the client knows of.
    pub(super) told: RoundNumber,
    pub(super) resets: watch::Receiver<Reset>,
    pub(super) figures: watch::Receiver<Arc<str>>,
    pub(super) stopping: watch::Receiver<bool>,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message for the client, serialised once for everybody.
    Message(Arc<str>),
    /// The server stops.
    Stop,
}

impl Events {
    /// What happens next: a reset before the figures. May be dropped and called again
    /// without losing any.
    pub async fn next(&mut self) -> Event {
        let Self { told, resets, figures, stopping } = self;
        loop {
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => return Event::Stop,
                Ok(()) = resets.changed() => {
                    let reset = resets.borrow_and_update().clone();
                    // The snapshot may have been ahead of the broadcast.
                    if *told < reset.announcement.round {
                        *told = reset.announcement.round;
                        return Event::Message(reset.message);
                    }
                }
                Ok(()) = figures.changed() => return Event::Message(figures.borrow_and_update().clone()),
            }
        }
    }
}
