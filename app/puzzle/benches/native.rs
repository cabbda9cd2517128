//! Hashes per second of the puzzle function on this machine, on one core: our
//! hasher with its reused arena, against the crate `argon2` with reused memory.
//!
//! Run with `./x bench native`. Samples of both alternate with the machine's noise;
//! compare medians, as a ratio, within one run.

use divan::Bencher;
use puzzle::{Challenge, Cost, Nonce, PuzzleHasher};

fn main() {
    divan::main();
}

const SALT: (&str, &str, &str) = ("00112233445566778899aabbccddeeff", "visitor-1", "fl=0f0\nip=203.0.113.45\nts=0\n");

#[divan::bench(sample_count = 30, sample_size = 1)]
fn hashpass(bencher: Bencher<'_, '_>) {
    let (seed, visitor, trace) = SALT;
    let challenge = match (seed.parse(), visitor.parse(), trace.parse()) {
        (Ok(seed), Ok(visitor), Ok(trace)) => Challenge::new(&seed, &visitor, &trace),
        _ => unreachable!("the known answer's values are valid"),
    };
    let Ok(mut hasher) = PuzzleHasher::new(Cost::DEFAULT) else { unreachable!("the default cost is valid") };
    let mut nonce = 0;
    bencher.bench_local(|| {
        nonce += 1;
        Nonce::new(nonce).map(|nonce| hasher.hash(&challenge, nonce))
    });
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn crate_argon2(bencher: Bencher<'_, '_>) {
    let Cost { memory_cost, time_cost, parallelism } = Cost::DEFAULT;
    let Ok(params) = argon2::Params::new(memory_cost, time_cost, parallelism, Some(32)) else {
        unreachable!("the default cost is valid")
    };
    let mut memory = vec![argon2::Block::default(); params.block_count()];
    let hasher = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let salt = format!("{}{}{}", SALT.0, SALT.1, SALT.2);
    let mut nonce = 0;
    bencher.bench_local(|| {
        nonce += 1;
        let mut output = [0; 32];
        let outcome = hasher.hash_password_into_with_memory(
            nonce.to_string().as_bytes(),
            salt.as_bytes(),
            &mut output,
            &mut memory,
        );
        (outcome, output)
    });
}
