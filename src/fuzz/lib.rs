//! Coverage-guided fuzzing: `./x fuzz SECONDS` runs every target in `targets/`,
//! beginning with its corpus in `corpus/` and the words of its dictionary.
//!
//! A target is a check and libFuzzer; the checks are also part of `cargo test`.

pub mod checks;
