//! All of HTTP: the routes, and what holds for all of them.
//!
//! No other room knows of requests, headers and status codes. Each endpoint is an
//! adapter that calls the room which knows; each room's refusals become status and
//! code in one place.

pub mod advice;
mod assets;
mod body;
pub mod context;
pub mod cookie;
pub mod error;
pub mod headers;
mod language;
mod page;
mod port;
pub mod router;
pub(crate) mod routes;
mod security;
pub mod settings;
pub mod socket;
mod way_back;
