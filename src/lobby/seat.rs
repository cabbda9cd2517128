//! Being told everything as it happens: what a live connection needs of the lobby.

use super::{Lobby, envelope::Line, mailbox::Mailbox};
use crate::identity::session::{ClientKey, Session};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A client that is told everything, from the moment on at which it is in the lobby.
#[derive(Debug)]
pub struct Seat(Place);

#[derive(Debug)]
enum Place {
    Outside(Expected),
    Inside(Reading),
}

/// How far the queue of a client was read.
#[derive(Debug)]
pub(super) struct Reading {
    mailbox: Arc<Mailbox>,
    after: u64,
}

/// A client that is not in the lobby yet; forgotten when dropped.
#[derive(Debug)]
struct Expected {
    lobby: Lobby,
    client: ClientKey,
    arrival: oneshot::Receiver<Reading>,
}

impl Reading {
    /// Reads what comes from now on.
    pub(super) fn from_now_on(mailbox: Arc<Mailbox>) -> Self {
        Self { after: mailbox.newest(), mailbox }
    }

    async fn next(&mut self) -> Vec<Arc<Line>> {
        loop {
            let bell = self.mailbox.bell.notified();
            let mut bell = std::pin::pin!(bell);
            bell.as_mut().enable();
            match self.mailbox.after(self.after) {
                Ok(lines) if lines.is_empty() => bell.await,
                Ok(lines) => {
                    self.after = lines.last().map_or(self.after, |line| line.seq);
                    return lines;
                }
                Err(_) => std::future::pending().await,
            }
        }
    }
}

impl Seat {
    /// The next messages; never done before the client comes in, nor once it has
    /// ended. May be dropped and called again without losing any.
    pub async fn next(&mut self) -> Vec<Arc<Line>> {
        if let Place::Outside(Expected { arrival, .. }) = &mut self.0 {
            match arrival.await {
                Ok(reading) => self.0 = Place::Inside(reading),
                Err(_) => return std::future::pending().await,
            }
        }
        match &mut self.0 {
            Place::Inside(reading) => reading.next().await,
            Place::Outside(_) => std::future::pending().await,
        }
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.arrival.close();
        let mut state = self.lobby.lock();
        if let Some(waiting) = state.expected.get_mut(&self.client) {
            waiting.retain(|arrival| !arrival.is_closed());
            if waiting.is_empty() {
                state.expected.remove(&self.client);
            }
        }
    }
}

impl Lobby {
    /// A seat for a client. One that is not in the lobby costs it nothing until it
    /// comes in, by whatever way: from then on it is told everything.
    pub fn seat(&self, session: &Session) -> Seat {
        let mut state = self.lock();
        let mailbox = state.users.get(&session.id).and_then(|user| user.clients.get(&session.client));
        Seat(match mailbox {
            Some(mailbox) => Place::Inside(Reading::from_now_on(mailbox.clone())),
            None => {
                let (arrived, arrival) = oneshot::channel();
                state.expected.entry(session.client).or_default().push(arrived);
                Place::Outside(Expected { lobby: self.clone(), client: session.client, arrival })
            }
        })
    }
}
