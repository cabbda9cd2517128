//! Hashes per second of the puzzle function on one core of this machine, 64 MiB and
//! three passes: ours, one and two at once, against the crates `argon2-rust` and
//! `argon2` with memory that is kept, and against the C reference in a process of its
//! own, if `HASHPASS_C_REFERENCE` names a Python with `argon2-cffi`.
//!
//! The engines take turns, hash by hash, so that what else the machine does meets
//! them alike; compare the ratios. No server takes part.

mod reference;

use crate::{
    BenchError, Result,
    report::{Machine, write_json},
    samples::Samples,
};
use procfs::process::Process;
use puzzle::{Challenge, Cost, Nonce, PuzzleHasher};
use reference::Reference;
use serde_json::{Value, json};
use std::{
    fmt::{Display, Write as _},
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The crate that all ratios are against.
const RIVAL: &str = "crate argon2";

const SALT: (&str, &str, &str) = ("00112233445566778899aabbccddeeff", "visitor-1", "fl=0f0\nip=203.0.113.45\nts=0\n");

/// How much is measured.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct NativeLoad {
    /// Samples of each engine.
    #[arg(long, default_value_t = 30)]
    pub rounds: u32,
}

/// Measures all engines, prints a table, and writes `native.json` into `directory`;
/// returns where.
///
/// # Errors
/// [`BenchError::Hashing`] if an engine fails, or what the system says.
pub fn measure(load: NativeLoad, directory: &Path) -> Result<PathBuf> {
    let machine = Machine::now();
    let before = peak_memory()?;
    let one = ours::<1>("hashpass")?;
    let with_one = peak_memory()?;
    let two = ours::<2>("hashpass, two at once")?;
    let with_two = peak_memory()?;
    let memory = Memory { one: (with_one - before) / 1024, two: (with_two - with_one) / 1024 };

    let mut engines = vec![one, two, crate_argon2_rust()?, crate_argon2()?];
    engines.extend(c_reference()?);
    // The first hash of each touches its memory.
    for nonce in 0..=u64::from(load.rounds) {
        for engine in &mut engines {
            let spent = (engine.run)(2 * nonce)? / engine.at_once;
            if nonce != 0 {
                engine.samples.add(spent);
            }
        }
    }

    let rows = rows(&engines).ok_or_else(|| BenchError::Hashing("no round was asked for".to_owned()))?;
    std::io::stdout().write_all(table(&rows, memory).as_bytes())?;
    write_json(directory, "native", &report(&rows, memory, load, &machine))
}

/// One way to compute the hash.
struct Engine {
    name: &'static str,
    /// Hashes in one call.
    at_once: u32,
    /// Computes them from this nonce on; says how long it took.
    run: Box<dyn FnMut(u64) -> Result<Duration>>,
    /// For one hash.
    samples: Samples,
}

impl Engine {
    fn new(name: &'static str, at_once: u32, run: impl FnMut(u64) -> Result<Duration> + 'static) -> Self {
        Self { name, at_once, run: Box::new(run), samples: Samples::default() }
    }
}

fn timed<T, E: Display>(work: impl FnOnce() -> std::result::Result<T, E>) -> Result<Duration> {
    let start = Instant::now();
    std::hint::black_box(work().map_err(failed)?);
    Ok(start.elapsed())
}

fn failed(error: impl Display) -> BenchError {
    BenchError::Hashing(error.to_string())
}

fn ours<const N: usize>(name: &'static str) -> Result<Engine> {
    let (seed, visitor, trace) = SALT;
    let challenge = Challenge::new(
        &seed.parse().map_err(failed)?,
        &visitor.parse().map_err(failed)?,
        &trace.parse().map_err(failed)?,
    );
    let mut hasher = PuzzleHasher::new(Cost::DEFAULT).map_err(failed)?;
    hasher.reserve(N).map_err(failed)?;
    Ok(Engine::new(name, N as u32, move |first| {
        let mut nonces = [(&challenge, Nonce::new(first).map_err(failed)?); N];
        for (nonce, (_, place)) in (first..).zip(&mut nonces) {
            *place = Nonce::new(nonce).map_err(failed)?;
        }
        timed(|| hasher.hash_each(nonces))
    }))
}

fn salt() -> String {
    format!("{}{}{}", SALT.0, SALT.1, SALT.2)
}

fn crate_argon2_rust() -> Result<Engine> {
    use argon2_rust::{Algorithm, Argon2, Params, Version, params::Memory};
    let params = Params::builder()
        .memory(Memory::kib(Cost::DEFAULT.memory_cost.into()))
        .passes(Cost::DEFAULT.time_cost)
        .lanes(1)
        .build()
        .map_err(failed)?;
    let mut hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hasher();
    Ok(Engine::new("crate argon2-rust", 1, move |nonce| {
        let mut hash = [0; 32];
        timed(|| hasher.hash_into(nonce.to_string().as_bytes(), salt().as_bytes(), &mut hash))
    }))
}

fn crate_argon2() -> Result<Engine> {
    use argon2::{Algorithm, Argon2, Block, Params, Version};
    let Cost { memory_cost, time_cost, parallelism } = Cost::DEFAULT;
    let params = Params::new(memory_cost, time_cost, parallelism, Some(32)).map_err(failed)?;
    let mut memory = vec![Block::default(); params.block_count()];
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Ok(Engine::new(RIVAL, 1, move |nonce| {
        let (password, salt, mut hash) = (nonce.to_string(), salt(), [0; 32]);
        timed(|| hasher.hash_password_into_with_memory(password.as_bytes(), salt.as_bytes(), &mut hash, &mut memory))
    }))
}

/// None if no Python is named.
fn c_reference() -> Result<Option<Engine>> {
    let Some(python) = std::env::var_os("HASHPASS_C_REFERENCE") else { return Ok(None) };
    let mut reference = Reference::start(&python, &salt())?;
    Ok(Some(Engine::new("C reference", 1, move |nonce| reference.time(nonce))))
}

/// The most memory this process has held, in KiB.
fn peak_memory() -> Result<u64> {
    Ok(Process::myself()?.status()?.vmhwm.unwrap_or_default())
}

/// What our hasher holds more for one hash at once, and for two, in MiB.
#[derive(Clone, Copy)]
struct Memory {
    one: u64,
    two: u64,
}

/// What was measured of one engine, in milliseconds.
struct Row {
    engine: &'static str,
    median: f64,
    p10: f64,
    p90: f64,
    /// How many times as fast as [`RIVAL`].
    ratio: f64,
}

/// None without a sample.
fn rows(engines: &[Engine]) -> Option<Vec<Row>> {
    let rival = engines.iter().find(|engine| engine.name == RIVAL)?.samples.percentile_ms(50.0)?;
    let row = |engine: &Engine| {
        let at = |percent| engine.samples.percentile_ms(percent);
        let median = at(50.0)?;
        Some(Row { engine: engine.name, median, p10: at(10.0)?, p90: at(90.0)?, ratio: rival / median })
    };
    engines.iter().map(row).collect()
}

fn table(rows: &[Row], memory: Memory) -> String {
    let mut text =
        "| one core, 64 MiB, t = 3, p = 1 | ms per hash, median | p10 to p90 | hashes/s | against crate argon2 |\n\
                    |---|---|---|---|---|\n"
            .to_owned();
    for Row { engine, median, p10, p90, ratio } in rows {
        let rate = 1e3 / median;
        let _ = writeln!(text, "| {engine} | {median:.1} | {p10:.1} to {p90:.1} | {rate:.1} | {ratio:.2}× |");
    }
    let Memory { one, two } = memory;
    let _ = writeln!(text, "\nMemory: {one} MiB for one hash at once, {two} MiB for two.");
    text
}

fn report(rows: &[Row], memory: Memory, load: NativeLoad, machine: &Machine) -> Value {
    let results = rows.iter().map(|Row { engine, median, p10, p90, ratio }| {
        json!({
            "engine": engine,
            "median_ms": median,
            "p10_ms": p10,
            "p90_ms": p90,
            "ratio_to_crate_argon2": ratio,
        })
    });
    json!({
        "machine": {
            "processor": machine.processor,
            "cores": machine.cores,
            "load": machine.load.map(|[last_minute, ..]| format!("{last_minute:.2}")),
            "unix_time": machine.time.as_second(),
        },
        "memory_mib": { "one_at_once": memory.one, "two_at_once": memory.two },
        "rounds": load.rounds,
        "results": results.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An engine that has taken 10, 20 … 100 times `milliseconds`.
    fn engine(name: &'static str, milliseconds: u64) -> Engine {
        let mut engine = Engine::new(name, 1, |_| Ok(Duration::ZERO));
        engine.samples = (1..=10).map(|factor| Duration::from_millis(10 * factor * milliseconds)).collect();
        engine
    }

    #[test]
    fn ratios_are_against_the_rival_and_need_samples() {
        let rows = rows(&[engine("hashpass", 1), engine(RIVAL, 2)]).unwrap();
        let Row { median, p10, p90, ratio, .. } = rows[0];
        assert_eq!((median, p10, p90, ratio), (50.0, 10.0, 90.0, 2.0));
        assert_eq!(rows[1].ratio, 1.0);
        assert!(super::rows(&[engine("hashpass", 1)]).is_none(), "nobody to compare with");
        assert!(super::rows(&[Engine::new(RIVAL, 1, |_| Ok(Duration::ZERO))]).is_none(), "no sample");
    }
}
