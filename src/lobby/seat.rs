//! Being told everything as it happens: what a live connection needs of the lobby.
//!
//! Live connections are the race's, and wait for nothing of the lobby: what needs its
//! state is done on the lobby's own threads, in the order in which it was asked for. So
//! whatever is said after a connection was there is heard on it.

use super::{event::Event, handle::Lobby, mailbox::Reader};
use crate::identity::session::{ClientKey, Session};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A client that is told everything, from the moment on at which it is in the lobby.
#[derive(Debug)]
pub struct Seat(Place);

#[derive(Debug)]
enum Place {
    Outside(Expected),
    Inside(Reader),
    /// The lobby that was waited for is gone.
    Nowhere,
}

/// A client that is not known to be in the lobby yet; forgotten when dropped.
#[derive(Debug)]
struct Expected {
    lobby: Lobby,
    client: ClientKey,
    arrival: oneshot::Receiver<Reader>,
}

impl Seat {
    /// The next events; never done before the client comes in, nor once it has
    /// ended. May be dropped and called again without losing any.
    pub async fn next(&mut self) -> Vec<Arc<Event>> {
        if let Place::Outside(Expected { arrival, .. }) = &mut self.0 {
            let reader = arrival.await;
            self.0 = reader.map_or(Place::Nowhere, Place::Inside);
        }
        match &mut self.0 {
            Place::Inside(reader) => reader.next().await,
            Place::Outside(_) | Place::Nowhere => std::future::pending().await,
        }
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.arrival.close();
        // Whoever has come in is expected no more, and there is nothing to forget.
        if !self.arrival.is_terminated() {
            let (lobby, client) = (self.lobby.clone(), self.client);
            self.lobby.spawn(async move { lobby.forget_expected(&client) });
        }
    }
}

impl Lobby {
    /// A seat for a client. One that is not in the lobby costs it nothing until it
    /// comes in, by whatever way: from then on it is told everything. Never waits.
    pub fn seat(&self, session: &Session) -> Seat {
        let (arrived, arrival) = oneshot::channel();
        let client = session.client;
        let (lobby, session) = (self.clone(), session.clone());
        self.spawn(async move { lobby.tell_or_expect(&session, arrived) });
        Seat(Place::Outside(Expected { lobby: self.clone(), client, arrival }))
    }

    fn tell_or_expect(&self, session: &Session, arrived: oneshot::Sender<Reader>) {
        let mut state = self.lock();
        let mailbox = state.users.get(&session.id).and_then(|user| user.clients.get(&session.client));
        match mailbox {
            Some(mailbox) => drop(arrived.send(Reader::of_what_comes(mailbox.clone()))),
            // The connection has gone meanwhile.
            None if arrived.is_closed() => {}
            None => state.expected.entry(session.client).or_default().push(arrived),
        }
    }

    fn forget_expected(&self, client: &ClientKey) {
        let mut state = self.lock();
        if let Some(waiting) = state.expected.get_mut(client) {
            waiting.retain(|arrived| !arrived.is_closed());
            if waiting.is_empty() {
                state.expected.remove(client);
            }
        }
    }
}
