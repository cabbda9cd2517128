//! What one connection is told: the newest of everything, never a backlog.

use crate::race::Announcement;
use puzzle::{RoundNumber, drop::Drop};
use std::sync::Arc;
use tokio::sync::watch;

/// An announcement with its message for everybody.
#[derive(Clone, Debug)]
pub(super) struct Reset {
    pub(super) announcement: Announcement,
    /// The new round.
    pub(super) message: Arc<str>,
    /// The drop.
    pub(super) drop_message: Arc<str>,
}

/// What happens, as one connection hears it.
#[derive(Debug)]
pub struct Events {
    /// The newest round that the client knows of.
    pub(super) told: RoundNumber,
    /// The drop as the client knows it.
    pub(super) told_drop: Drop,
    /// What is to be told before anything else.
    pub(super) next: Option<Arc<str>>,
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
        let Self { told, told_drop, next, resets, figures, stopping } = self;
        loop {
            if let Some(message) = next.take() {
                return Event::Message(message);
            }
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => return Event::Stop,
                Ok(()) = resets.changed() => {
                    let reset = resets.borrow_and_update().clone();
                    // The snapshot may have been ahead of the broadcast.
                    let Announcement { round, drop, .. } = reset.announcement;
                    if *told <= round && is_told_differently(told_drop, &drop) {
                        *told_drop = drop;
                        *next = Some(reset.drop_message);
                    }
                    if *told < round && reset.announcement.is_open() {
                        *told = round;
                        return Event::Message(reset.message);
                    }
                }
                Ok(()) = figures.changed() => return Event::Message(figures.borrow_and_update().clone()),
            }
        }
    }
}

/// True if people are told of something else: what has been given out of a drop without a
/// limit concerns nobody.
fn is_told_differently(before: &Drop, after: &Drop) -> bool {
    let told = |drop: &Drop| (drop.state(), drop.supply(), drop.left(), *drop.rules());
    told(before) != told(after)
}
