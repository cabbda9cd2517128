//! Load for a real HashPass server, and what it takes: measured from outside, over
//! loopback, with the released binary as a process of its own.
//!
//! The server knows nothing of this package, and this package knows nothing of the
//! server but its protocol and its binary. Whoever measures shares the machine with
//! what is measured, so the clients are as lean as they can be and paced where that
//! is possible; a report says what else the machine had to do.
//!
//! | module | is |
//! |---|---|
//! | [`server`] | the server's process: its start, its memory, its processor time |
//! | [`client`] | an HTTP/1.1 client for load, and visitors who have passed the check |
//! | [`stamp`] | what a server asks for before it opens a session |
//! | [`samples`] | measured durations and their percentiles |
//! | [`report`] | tables for people, JSON for programs |
//! | [`wire`] | a client that costs next to nothing, for crowds |
//! | [`attack`] | honest clients win while others do their worst |
//! | [`http`] | how many requests a second, and how long they take |
//! | [`native`] | hashes per second of the puzzle function, without a server |
//! | [`live`] | thousands of live connections |
//! | [`lobby`] | long polls, talk beside the race, worthless stamps |
//!
//! On Linux alone, as `/proc` is where the server is looked at: elsewhere this
//! package is empty.

#![cfg(target_os = "linux")]

pub mod attack;
pub mod client;
pub mod error;
pub mod http;
pub mod live;
pub mod lobby;
pub mod native;
pub mod report;
pub mod samples;
pub mod server;
pub mod stamp;
pub mod wire;

pub use error::{BenchError, Result};
