//! The server as outside clients and its operator meet it: the real router on a real
//! port, or a process of its own. The clients are written from the protocol alone,
//! except for the hash function.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end where it finds a surprise")]

mod support;

/// The tests, by what they are about.
mod server {
    mod api;
    mod arrival;
    mod attack;
    mod codes;
    #[cfg(unix)]
    mod commands;
    mod connections;
    #[cfg(unix)]
    mod control;
    mod counting;
    mod crash;
    mod drop;
    mod limits;
    mod live;
    mod manual;
    mod mute;
    mod operation;
    mod page;
    mod polling;
    mod prizes;
    mod proxies;
    mod sessions;
    mod settings;
    mod storage;
    mod submissions;
    mod way_back;
}
