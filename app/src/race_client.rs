//! The page's side of the race, without a browser: hears [`Event`]s, keeps the
//! state and answers with [`Effect`]s.
//!
//! Nothing in here waits, measures time or touches the network. The caller says
//! what time it is (since the page was opened, on a monotonic clock), carries out
//! the effects, and comes back with [`Event::Moment`] at [`RaceClient::deadline`].
//! So every story of a race, with all its lost connections, changed addresses and
//! late answers, is a plain test. `browser` is the caller.
//!
//! Each part keeps its own state and decides for itself; what it decides that
//! concerns others it returns, and the client passes it on:
//!
//! | part | holds |
//! |---|---|
//! | `entry` | the session, with the human check and the stamp that it takes |
//! | `identity` | the visitor id and the trace |
//! | `link` | the live connection |
//! | `round` | the round, its clock and the network's figures |
//! | `workers` | what the workers do and what the visitor wants of them |
//! | `solving` | the best hash and its way to the server |
//! | `proving` | the shares |
//! | `prizes` | the codes won |
//!
//! `client` puts them together, `hearing` passes on what the server says, and `view` says what the page shows of them.
//!
//! Two rules keep it from ever being stuck. What the page is doing, its
//! [`Phase`](crate::scene::Phase), is computed from the state and never stored. And whether the
//! workers should run, and on what, is computed after every event and compared
//! with what they do: no path can forget to start them again.

mod client;
mod clock;
mod entry;
mod event;
mod hearing;
mod human_check;
mod identity;
mod link;
mod odds;
mod prizes;
mod proving;
mod round;
mod session_stamp;
mod solving;
#[cfg(test)]
mod tests;
mod turn;
mod view;
mod workers;

pub use client::{Device, RaceClient};
pub use event::{CheckEvent, Effect, Event};
