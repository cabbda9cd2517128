//! One file per endpoint. Each is an adapter: it takes a request apart, calls the
//! room that knows, and puts the answer together.

pub(crate) mod codes;
pub(crate) mod docs;
pub(crate) mod drop;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod lobby;
pub(crate) mod puzzle;
pub(crate) mod session;
pub(crate) mod socket;
pub(crate) mod trace;
pub(crate) mod turnstile;
pub(crate) mod verify;
pub(crate) mod way_back;
pub(crate) mod wins;
