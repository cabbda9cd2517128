//! The race: its difficulties, its pace, what a hash costs, and the key of its
//! codes.

use super::{
    drop,
    reader::Reader,
    variable::{Optional, WithDefault},
};
use crate::race::RaceSettings;
use puzzle::{
    Cost, Difficulty, PuzzleHasher,
    invite_code::CodeSecret,
    proof::ProofInterval,
    rule::{Pace, RuleName},
};
use rand::Rng;
use std::num::NonZeroUsize;

pub(super) const DIFFICULTY: WithDefault =
    WithDefault::new("HASHPASS_DIFFICULTY", "3", "difficulty of the first round, in leading zero hex digits");

pub(super) const MIN_DIFFICULTY: WithDefault =
    WithDefault::new("HASHPASS_MIN_DIFFICULTY", "1", "the difficulty never falls below this (1 to 6)");

pub(super) const MAX_DIFFICULTY: WithDefault =
    WithDefault::new("HASHPASS_MAX_DIFFICULTY", "6", "the difficulty never grows above this (1 to 6)");

pub(super) const TARGET_TIME_MIN: WithDefault =
    WithDefault::new("HASHPASS_TARGET_TIME_MIN", "30", "a solve in fewer seconds of mining time is too fast");

pub(super) const TARGET_TIME_MAX: WithDefault =
    WithDefault::new("HASHPASS_TARGET_TIME_MAX", "120", "a solve in more seconds of mining time is too slow");

pub(super) const RETARGET: WithDefault =
    WithDefault::new("HASHPASS_RETARGET", "rising", "rule of the difficulty: rising or step");

pub(super) const ARGON2_TIME_COST: WithDefault =
    WithDefault::new("HASHPASS_ARGON2_TIME_COST", "3", "passes of Argon2id over its memory");

pub(super) const ARGON2_MEMORY_COST: WithDefault =
    WithDefault::new("HASHPASS_ARGON2_MEMORY_COST", "65536", "memory of one hash, in KiB");

pub(super) const ARGON2_PARALLELISM: WithDefault =
    WithDefault::new("HASHPASS_ARGON2_PARALLELISM", "1", "lanes of Argon2id");

pub(super) const VERIFY_WORKERS: Optional = Optional::new(
    "HASHPASS_VERIFY_WORKERS",
    "verifications side by side, beside one kept for those who have shown work; each holds the memory of one hash",
)
.computed("cores - 1, at least 1");

pub(super) const VERIFY_QUEUE: WithDefault =
    WithDefault::new("HASHPASS_VERIFY_QUEUE", "256", "submissions that may wait for verification");

pub(super) const PROOF_INTERVAL: WithDefault = WithDefault::new(
    "HASHPASS_PROOF_INTERVAL",
    "60",
    "seconds from one proof of work of a miner to its next: it counts so long without one, and thrice with one",
);

pub(super) const HMAC_SECRET: Optional = Optional::new(
    "HASHPASS_HMAC_SECRET",
    "key of the invite codes: 32 or more hex digits, or random for a fresh one at every start",
)
.computed("made at the first start and kept in HASHPASS_DATA_DIR")
.secret();

/// What an operator says of the key of the invite codes.
pub(super) enum Secret {
    /// This is it.
    Given(CodeSecret),
    /// A fresh one at every start.
    Random,
    /// Nothing.
    NotSet,
}

/// The settings of the race; without a secret, a random one.
pub(super) fn race(reader: &mut Reader<'_>, secret: Secret) -> RaceSettings {
    let pace = Pace {
        easiest: reader.difficulty(&MIN_DIFFICULTY),
        hardest: reader.difficulty(&MAX_DIFFICULTY),
        shortest: reader.seconds(&TARGET_TIME_MIN, 0.001, 1e6),
        longest: reader.seconds(&TARGET_TIME_MAX, 0.001, 1e6),
    };
    if pace.hardest < pace.easiest {
        reader.complain(&MIN_DIFFICULTY.variable, "must not be above HASHPASS_MAX_DIFFICULTY");
    }
    if pace.longest <= pace.shortest {
        reader.complain(&TARGET_TIME_MIN.variable, "must be below HASHPASS_TARGET_TIME_MAX");
    }
    let start = reader.difficulty(&DIFFICULTY);
    if start < pace.easiest || pace.hardest < start {
        reader.complain(&DIFFICULTY.variable, "must be between HASHPASS_MIN_DIFFICULTY and HASHPASS_MAX_DIFFICULTY");
    }
    let rule = reader.choice(&RETARGET, &[("rising", RuleName::Rising), ("step", RuleName::Step)]);
    let digits = [start, pace.easiest, pace.hardest].map(Difficulty::digits);
    if rule == RuleName::Step && digits.iter().any(|digits| digits.fract() != 0.0) {
        reader.complain(&RETARGET.variable, "must be rising unless all difficulties are whole numbers");
    }
    RaceSettings {
        start,
        pace,
        rule,
        cost: cost(reader),
        verify_workers: reader
            .integer_if_set(&VERIFY_WORKERS, 1, 1024)
            .map_or_else(spare_cores, |workers| workers as usize),
        verify_queue: reader.integer(&VERIFY_QUEUE, 1, 100_000) as usize,
        proof_interval: ProofInterval::new(reader.seconds(&PROOF_INTERVAL, 0.1, 3600.0)),
        secret: match secret {
            Secret::Given(secret) => secret,
            Secret::Random | Secret::NotSet => random_secret(),
        },
        code_prefix: drop::code_prefix(reader),
        code_life: drop::code_life(reader),
        drop: drop::rules(reader),
    }
}

/// The key of the invite codes, as far as the operator says.
pub(super) fn code_secret(reader: &mut Reader<'_>) -> Secret {
    let secret = reader.parse_if_set(&HMAC_SECRET, "32 or more hex digits, an even number, or random", |text| {
        if text == "random" {
            return Some(Secret::Random);
        }
        let bytes = bytes_from_hex(text).filter(|bytes| 16 <= bytes.len())?;
        Some(Secret::Given(CodeSecret::from_bytes(bytes)))
    });
    secret.unwrap_or(Secret::NotSet)
}

fn cost(reader: &mut Reader<'_>) -> Cost {
    let parallelism = reader.integer(&ARGON2_PARALLELISM, 1, 16);
    let cost = Cost {
        parallelism,
        time_cost: reader.integer(&ARGON2_TIME_COST, 1, 100),
        memory_cost: reader.integer(&ARGON2_MEMORY_COST, 8 * parallelism, 4_194_304),
    };
    debug_assert!(PuzzleHasher::new(cost).is_ok());
    cost
}

/// All cores but one, which is left for everything else; at least one.
fn spare_cores() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    cores.saturating_sub(1).max(1)
}

fn random_secret() -> CodeSecret {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    CodeSecret::from_bytes(bytes)
}

fn bytes_from_hex(text: &str) -> Option<Vec<u8>> {
    let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_hex {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use crate::config::{
        SecretSource,
        tests::{problems, read},
    };

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let test_mode = ("TURNSTILE_TEST_MODE", "true");
        for (values, part) in [
            (vec![("HASHPASS_MIN_DIFFICULTY", "4")], "HASHPASS_DIFFICULTY must be between"),
            (vec![("HASHPASS_MIN_DIFFICULTY", "5"), ("HASHPASS_MAX_DIFFICULTY", "4")], "must not be above"),
            (vec![("HASHPASS_TARGET_TIME_MIN", "120")], "must be below HASHPASS_TARGET_TIME_MAX"),
            (vec![("HASHPASS_RETARGET", "step"), ("HASHPASS_DIFFICULTY", "2.5")], "whole numbers"),
        ] {
            let text = problems(&[vec![test_mode], values].concat());
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn secrets_are_never_repeated() {
        let text = problems(&[("TURNSTILE_TEST_MODE", "true"), ("HASHPASS_HMAC_SECRET", "abc123")]);
        assert!(text.contains("HASHPASS_HMAC_SECRET") && !text.contains("abc123"), "{text}");
        let problems = read(&[("TURNSTILE_TEST_MODE", "true"), ("HASHPASS_HMAC_SECRET", "abc123")]).unwrap_err();
        assert!(!format!("{problems:?}").contains("abc123"), "{problems:?}");
        let good = read(&[("TURNSTILE_TEST_MODE", "true"), ("HASHPASS_HMAC_SECRET", &"0a".repeat(16))]).unwrap();
        assert_eq!(good.secret_source, SecretSource::Given);
        assert!(!format!("{good:?}").contains("10, 10"));
    }

    #[test]
    fn a_secret_that_is_random_or_not_kept_is_a_fresh_one_at_every_start() {
        for (variable, value, source) in [
            ("HASHPASS_HMAC_SECRET", "random", SecretSource::Fresh),
            ("HASHPASS_STORE", "memory", SecretSource::Fresh),
            ("HASHPASS_STORE", "sqlite", SecretSource::Kept),
        ] {
            let config = read(&[("TURNSTILE_TEST_MODE", "true"), (variable, value)]).unwrap();
            assert_eq!(config.secret_source, source, "{variable}={value}");
        }
    }

    #[test]
    fn a_secret_is_hex_digits_and_nothing_else() {
        for (secret, is_right) in [
            ("0a".repeat(16), true),
            ("0A".repeat(16), true),
            ("0a".repeat(15), false),
            ("0a".repeat(16) + "0", false),
            ("+a".repeat(16), false),
            ("0ä".repeat(16), false),
        ] {
            let read = read(&[("TURNSTILE_TEST_MODE", "true"), ("HASHPASS_HMAC_SECRET", &secret)]);
            assert_eq!(read.is_ok(), is_right, "{secret}");
        }
    }
}
