//! The one queue of the page: all that happens comes through it, one message after
//! the other, and what is stale by then is dropped here and nowhere else.
//!
//! A message can wait in the queue while that which sent it comes to an end: the
//! connection is replaced, the workers get another job. What it says is true of
//! nothing any more. So a message carries the [`Generation`] of its [`Source`], and
//! it is handed on only while that is still the present one.

use futures::{
    StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
};
use miner::Generation;
use std::{cell::Cell, rc::Rc};

/// Something that is replaced now and then. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Source(Rc<Cell<Generation>>);

impl Source {
    /// It is replaced: nothing that it has said before counts any more.
    pub fn begin_anew(&self) {
        self.advance_to(self.0.get().next());
    }

    /// The same, for a source whose generations somebody else counts.
    pub fn advance_to(&self, generation: Generation) {
        self.0.set(generation);
    }
}

/// The end of the queue at which messages come in. Clones send into the same queue.
#[derive(Debug)]
pub struct Sender<T> {
    queue: UnboundedSender<Letter<T>>,
    origin: Option<Origin>,
}

/// The end at which they come out.
#[derive(Debug)]
pub struct Inbox<T>(UnboundedReceiver<Letter<T>>);

#[derive(Debug)]
struct Letter<T> {
    message: T,
    origin: Option<Origin>,
}

#[derive(Clone, Debug)]
struct Origin {
    source: Source,
    generation: Generation,
}

/// A queue without a message.
pub fn inbox<T>() -> (Sender<T>, Inbox<T>) {
    let (sender, receiver) = unbounded();
    (Sender { queue: sender, origin: None }, Inbox(receiver))
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), origin: self.origin.clone() }
    }
}

impl<T> Sender<T> {
    /// A sender whose messages count until `source` begins anew.
    #[must_use]
    pub fn of(&self, source: &Source) -> Self {
        let origin = Origin { source: source.clone(), generation: source.0.get() };
        Self { queue: self.queue.clone(), origin: Some(origin) }
    }

    /// Puts a message into the queue.
    pub fn send(&self, message: T) {
        // The queue lives as long as the page; there is nobody to tell if it does not.
        drop(self.queue.unbounded_send(Letter { message, origin: self.origin.clone() }));
    }
}

impl<T> Inbox<T> {
    /// The next message that still counts; `None` once nobody can send any more.
    pub async fn next(&mut self) -> Option<T> {
        loop {
            let Letter { message, origin } = self.0.next().await?;
            if origin.is_none_or(|Origin { source, generation }| source.0.get() == generation) {
                return Some(message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;

    #[test]
    fn what_an_old_connection_or_job_still_says_is_not_heard() {
        let (sender, mut inbox) = inbox();
        let (connection, job) = (Source::default(), Source::default());
        let first = sender.of(&connection);
        first.send("said before the connection was replaced");
        sender.of(&job).send("of the first job");
        connection.begin_anew();
        first.send("said after it");
        sender.of(&connection).send("of the second connection");
        sender.send("of the page");
        assert_eq!(block_on(inbox.next()), Some("of the first job"));
        assert_eq!(block_on(inbox.next()), Some("of the second connection"));
        assert_eq!(block_on(inbox.next()), Some("of the page"));
        sender.of(&job).send("of the second job");
        job.advance_to(Generation::default().next());
        drop((sender, first));
        assert_eq!(block_on(inbox.next()), None);
    }
}
