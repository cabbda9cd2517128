//! See [`fuzz::checks::address`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::checks::address(bytes));
