//! What holds for the repository itself, without a running server: its documents keep
//! their word, and its parsers bear whatever strangers send.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end where it finds a surprise")]

/// The tests, by what they are about.
mod house {
    mod arrows;
    mod documents;
    mod parsers;
}
