//! Who may take part: sessions, client addresses, which site's page calls, and
//! how much one client may ask for.
//!
//! The gate knows nothing of rounds and prizes; the race knows nothing of cookies
//! and headers.

pub mod address;
pub mod limits;
pub mod origin;
pub mod session;
pub mod turnstile;
