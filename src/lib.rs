//! HashPass, the server: a library, so that tests, benchmarks and fuzz targets
//! reach every part of it, and a thin binary around it.
//!
//! | room | is |
//! |---|---|
//! | [`config`] | every setting, read once |
//! | [`server`] | the rooms put together, from start to stop |
//! | [`connections`] | TCP connections, accepted, bounded and closed |
//! | [`edge`] | all of HTTP: every route, and what holds for all of them |
//! | [`admin`] | what an operator does while the server runs |
//! | [`live`] | everybody who is connected |
//! | [`lobby`] | where people talk while they wait |
//! | [`prize`] | what happens after a win |
//! | [`race`] | the single state that decides who wins |
//! | [`gate`] | who may take part |
//! | [`identity`] | who somebody is, for the race and the lobby alike |
//! | [`ledger`] | what must never be forgotten, in order |
//! | [`logging`] | what the process says of itself |
//! | [`https_client`] | the one way in which the server calls others |
//! | [`clock`] | time, injected |
//!
//! The page and the words it exchanges with the server live in the crate `app`, the
//! rules of the race in the crate `puzzle`.

pub mod admin;
#[cfg(test)]
mod captured_log;
pub mod clock;
pub mod config;
pub mod connections;
pub mod edge;
pub mod gate;
pub mod https_client;
pub mod identity;
pub mod ledger;
pub mod live;
pub mod lobby;
mod lock;
pub mod logging;
pub mod prize;
pub mod race;
pub mod server;
