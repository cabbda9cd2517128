//! HashPass as its visitors see it: the page, the server functions behind it and
//! the words that browser and server exchange.
//!
//! The crate is built twice: with the feature `ssr` into the server, which
//! renders the page, and with `hydrate` into the browser, which takes it over.
//! It knows the server only through one trait, `host::Host`; nothing in here
//! may depend on how that is implemented.

// The page's views are one type, and a deep one.
#![recursion_limit = "256"]

#[cfg(feature = "ssr")]
pub mod api;
pub mod board;
#[cfg(feature = "hydrate")]
pub mod browser;
pub mod error;
#[cfg(feature = "ssr")]
pub mod host;
#[cfg(any(feature = "hydrate", test))]
pub mod inbox;
pub mod language;
#[cfg(any(feature = "hydrate", test))]
pub mod live_route;
#[cfg(any(feature = "hydrate", test))]
pub mod lobby_client;
pub mod mining;
pub mod page;
#[cfg(any(feature = "hydrate", test))]
pub mod race_client;
pub mod read;
pub mod scene;
#[cfg(feature = "ssr")]
pub mod shell;
pub mod wire;

pub use error::{ApiError, ErrorCode};
pub use language::Language;
