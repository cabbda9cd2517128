//! Who somebody is, for the race and the lobby alike: sessions, their clients, their
//! nicks and the visitor that a session is bound to.
//!
//! Nothing in here knows how a client shows who it is (the edge reads cookies) nor
//! what it must do to be let in (the gate).

pub mod nick;
pub mod session;
pub mod sessions;
