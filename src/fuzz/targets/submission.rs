//! See [`fuzz::checks::submission`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::checks::submission(bytes));
