//! What stamps cost on this machine, on one core: our minter against the obvious
//! loop, `Sha256::digest(format!("{prefix}{counter}"))`.
//!
//! Run with `./x bench stamps`. It prints tries a second and what follows for the
//! average time of a stamp, then divan's samples of both, which alternate with the
//! machine's noise; compare medians, as a ratio, within one run.

#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use divan::{Bencher, black_box, counter::ItemsCount};
use puzzle::stamp::{Bits, Minter, Prefix, StampHash, Timestamp, channel, session};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};

/// Tries in one sample.
const TRIES: u32 = 1 << 16;

/// Difficulties that people choose.
const BITS: [u8; 5] = [16, 18, 20, 22, 24];

fn main() {
    println!("{:<34} {:>12}  seconds a stamp, on average, at", "", "");
    print!("{:<34} {:>12} ", "", "tries/s");
    for bits in BITS {
        print!(" {:>9}", format!("{bits} bits"));
    }
    println!();
    for (name, prefix) in [("session stamp", session_prefix()), ("channel stamp", channel_prefix())] {
        let mut minter = Minter::new(&prefix, 1);
        row(&format!("{name}, minter"), || advance(&mut minter));
        let mut counter = 0;
        row(&format!("{name}, plain loop"), || plain(&prefix, &mut counter));
    }
    println!();
    divan::main();
}

/// Prints one line of the table, after a second of work.
fn row(name: &str, mut work: impl FnMut()) {
    let start = Instant::now();
    let mut tries = 0.0;
    while start.elapsed() < Duration::from_secs(1) {
        work();
        tries += f64::from(TRIES);
    }
    let rate = tries / start.elapsed().as_secs_f64();
    print!("{name:<34} {rate:>12.0} ");
    for bits in BITS {
        print!(" {:>9.3}", f64::from(bits).exp2() / rate);
    }
    println!();
}

/// So many bits that nothing is found and every try is made.
fn hopeless() -> Bits {
    Bits::MAX
}

fn session_prefix() -> Prefix {
    session::prefix(hopeless(), "hashpass", Timestamp(1_795_264_496))
}

fn channel_prefix() -> Prefix {
    channel::prefix(hopeless(), "#lobby", &["hello".to_owned()], Timestamp(1_795_264_496))
}

fn advance(minter: &mut Minter) {
    black_box(minter.advance(TRIES));
}

/// The search as one would write it without a second thought.
fn plain(prefix: &Prefix, counter: &mut u64) {
    for _ in 0..TRIES {
        *counter += 1;
        black_box(Sha256::digest(format!("{}{counter}", prefix.as_str())));
    }
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn session_minter(bencher: Bencher<'_, '_>) {
    let mut minter = Minter::new(&session_prefix(), 2);
    bencher.counter(ItemsCount::new(TRIES)).bench_local(|| advance(&mut minter));
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn session_plain_loop(bencher: Bencher<'_, '_>) {
    let (prefix, mut counter) = (session_prefix(), 0);
    bencher.counter(ItemsCount::new(TRIES)).bench_local(|| plain(&prefix, &mut counter));
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn channel_minter(bencher: Bencher<'_, '_>) {
    let mut minter = Minter::new(&channel_prefix(), 2);
    bencher.counter(ItemsCount::new(TRIES)).bench_local(|| advance(&mut minter));
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn channel_plain_loop(bencher: Bencher<'_, '_>) {
    let (prefix, mut counter) = (channel_prefix(), 0);
    bencher.counter(ItemsCount::new(TRIES)).bench_local(|| plain(&prefix, &mut counter));
}

/// What the server pays to judge a good stamp.
#[divan::bench]
fn check_session_stamp(bencher: Bencher<'_, '_>) {
    let now = Timestamp(1_795_264_496);
    let Ok(required) = Bits::new(16) else { unreachable!("16 is a number of bits") };
    let stamp = "1:16:261121:hashpass::25665";
    bencher.bench_local(|| session::check(black_box(Some(stamp)), required, "hashpass", now));
}

/// What the server pays to find the key of a stamp.
#[divan::bench]
fn stamp_hash() -> StampHash {
    StampHash::of(black_box("1:16:261121:hashpass::25665"))
}
