//! The lobby's events on a live connection.
//!
//! A connection gets the lobby's events only once its session is in the lobby, so that
//! somebody who only mines costs the lobby nothing. It carries events only: commands
//! are sent over HTTP.

use crate::{
    identity::session::Session,
    lobby::{Event, Lobby, Seat},
};
use std::{collections::VecDeque, sync::Arc};

/// The lobby as one connection hears it.
#[derive(Debug, Default)]
pub struct Chat {
    /// `None` where there is no lobby, and for a session that did not come by cookie.
    seat: Option<Seat>,
    /// Events that were taken from the seat and not yet sent.
    pending: VecDeque<String>,
}

impl Chat {
    /// The lobby for a session that came by its cookie.
    pub fn new(lobby: Option<Lobby>, session: Option<Session>) -> Self {
        let seat = lobby.zip(session).map(|(lobby, session)| lobby.seat(&session));
        Self { seat, pending: VecDeque::new() }
    }

    /// The next message for the client; never done where there is no lobby. May be
    /// dropped and called again without losing any.
    pub async fn next(&mut self) -> String {
        let Some(seat) = &mut self.seat else { return std::future::pending().await };
        loop {
            if let Some(message) = self.pending.pop_front() {
                return message;
            }
            self.pending.extend(seat.next().await.iter().map(message));
        }
    }
}

fn message(event: &Arc<Event>) -> String {
    format!("{{\"type\":\"LOBBY\",\"id\":{},\"event\":{}}}", event.seq, event.json())
}
