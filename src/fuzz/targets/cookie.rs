//! See [`fuzz::checks::cookie`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::checks::cookie(bytes));
