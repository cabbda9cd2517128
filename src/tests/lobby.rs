//! The lobby as its people meet it: over HTTP and WebSocket, through the real router
//! and a real port.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end where it finds a surprise")]

mod support;

/// The tests, by what they are about.
mod lobby {
    mod channels;
    mod files;
    mod server;
    mod sessions;
    mod stamps;
}
