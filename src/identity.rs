//! Who somebody is, for the race and the lobby alike.

pub mod nick;
pub mod session;
