//! Being told everything as it happens: what a live connection needs of the lobby.

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

/// A client that is not in the lobby yet; forgotten when dropped.
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
        let mut state = self.lobby.lock();
        if let Some(waiting) = state.expected.get_mut(&self.client) {
            waiting.retain(|arrived| !arrived.is_closed());
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
            Some(mailbox) => Place::Inside(Reader::of_what_comes(mailbox.clone())),
            None => {
                let (arrived, arrival) = oneshot::channel();
                state.expected.entry(session.client).or_default().push(arrived);
                Place::Outside(Expected { lobby: self.clone(), client: session.client, arrival })
            }
        })
    }
}
