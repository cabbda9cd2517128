//! A native miner for the benchmark in the browser: the server's own hash function,
//! one batch on request, so that its samples can alternate with the browser's.
//!
//! One request a line on standard input, one answer a line on standard output, both
//! JSON. Run with `./x bench browser`.

#![allow(clippy::print_stdout, reason = "standard output is how this program answers")]

use miner::Batch;
use puzzle::{Challenge, Cost, Hash, Nonce, PuzzleHasher, Seed, TraceData, VisitorId};
use serde::{Deserialize, Serialize};
use std::{
    error::Error,
    io::{Write, stdin, stdout},
};

/// Mine so many nonces from this one on.
#[derive(Deserialize)]
struct Request {
    seed: Seed,
    visitor: VisitorId,
    trace: TraceData,
    first: Nonce,
    count: u32,
}

/// The lowest hash and its nonce.
#[derive(Serialize)]
struct Answer {
    hash: Hash,
    nonce: Nonce,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut hasher = PuzzleHasher::new(Cost::DEFAULT)?;
    hasher.reserve(1)?;
    for line in stdin().lines() {
        let Request { seed, visitor, trace, first, count } = serde_json::from_str(&line?)?;
        let challenge = Challenge::new(&seed, &visitor, &trace);
        let mut best: Option<(Hash, Nonce)> = None;
        for nonce in (Batch { first, stride: 1, count }).nonces() {
            let hash = hasher.hash(&challenge, nonce)?;
            best = best.filter(|(lowest, _)| *lowest < hash).or(Some((hash, nonce)));
        }
        let (hash, nonce) = best.ok_or("an empty batch")?;
        println!("{}", serde_json::to_string(&Answer { hash, nonce })?);
        stdout().flush()?;
    }
    Ok(())
}
