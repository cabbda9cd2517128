//! Who may take part: sessions, client addresses, and which site's page calls.
//!
//! The gate knows nothing of rounds and prizes; the race knows nothing of cookies
//! and headers.

pub mod address;
pub mod origin;
pub mod session;
pub mod turnstile;
