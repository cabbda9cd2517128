//! See [`fuzz::checks::stamp`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::checks::stamp(bytes));
