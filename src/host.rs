//! The server.
//!
//! | module | is |
//! |---|---|
//! | [`config`] | every setting, read once |
//! | [`connections`] | TCP connections, accepted, bounded and closed |
//! | [`server`] | the parts put together, from start to stop |
//! | [`router`] | every route on one page |
//! | [`request`] | one request: who asks and what they may do |
//! | [`race`] | the single state that decides who wins |
//! | `language` | the language that a request asks for |
//! | [`gate`] | who may take part |
//! | [`live`] | everybody who is connected |
//! | [`lobby`] | where people talk while they wait |
//! | [`prize`] | what happens after a win |
//! | [`clock`] | time, injected |

mod assets;
pub mod clock;
pub mod config;
pub mod connections;
pub mod gate;
pub mod http_error;
mod language;
pub mod live;
pub mod lobby;
pub mod prize;
pub mod race;
pub mod request;
pub mod router;
mod routes;
pub mod server;
