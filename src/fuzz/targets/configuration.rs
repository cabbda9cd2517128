//! See [`fuzz::checks::configuration`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::checks::configuration(bytes));
