//! The built program against a real server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end where it finds a surprise")]

mod support;

/// The tests, by what they are about.
mod chat {
    mod connections;
    mod proxy;
    mod sessions;
    mod talking;
}
