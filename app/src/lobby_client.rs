//! The page's side of the lobby, without a browser: hears [`Event`]s, keeps the
//! conversations and answers with [`Effect`]s, as [`crate::race_client`] does for
//! the race. `browser` is the caller.
//!
//! Whoever only reads needs no session: the page looks now and then what there is to
//! read, as anybody may. Coming in costs nothing where the race has
//! let the visitor in already; else a session stamp, if the server asks for one.
//!
//! Events come over the live connection while it stands, and by long polls while
//! it does not. Both read one queue on the server, and the client knows up to which
//! place it has read: after every change it reads on from there before it believes
//! the connection, so that nothing is missed; and every event has a name, so that
//! nothing is shown twice. A message of the visitor's carries a mark of its own in
//! `meta`: one whose answer got lost is recognised when it comes back, and sent
//! again only if it does not.

mod client;
mod conversation;
mod entering;
mod event;
mod looking;
mod outgoing;
mod reading;
mod slash;
mod speaking;
mod tabs;
#[cfg(test)]
mod tests;

pub use client::LobbyClient;
pub use event::{Effect, Event, StampFor};
