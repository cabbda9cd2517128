//! Who may take part: sessions, client addresses, which site's page calls, and
//! how much one client may ask for.
//!
//! The gate knows nothing of rounds and prizes; the race knows nothing of cookies
//! and headers.

pub mod address;
pub mod admission;
pub mod error;
pub mod limits;
pub mod network;
pub mod origin;
pub mod price;
mod rule;
mod settings;
pub mod stamps;
pub(crate) mod table;
pub mod turnstile;

pub use rule::GateRule;
pub use settings::{GateSettings, LimitSettings, TurnstileSettings};
