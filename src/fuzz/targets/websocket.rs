//! See [`fuzz::checks::websocket`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::checks::websocket(bytes));
