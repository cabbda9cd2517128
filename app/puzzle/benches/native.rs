//! Hashes per second of the puzzle function on one core of this machine, 64 MiB and
//! three passes: ours, one and two at once, against the crates `argon2-rust` and
//! `argon2` with memory that is kept, and against the C reference in a process of its
//! own, if `HASHPASS_C_REFERENCE` names a Python with `argon2-cffi`.
//!
//! Run with `./x bench native`. The engines take turns, hash by hash, so that what
//! else the machine does meets them alike; compare the ratios. Writes
//! `target/bench/native.json`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark may end where it finds a surprise")]

use puzzle::{Challenge, Cost, Nonce, PuzzleHasher};
use serde_json::json;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

const ROUNDS: u64 = 30;

const SALT: (&str, &str, &str) = ("00112233445566778899aabbccddeeff", "visitor-1", "fl=0f0\nip=203.0.113.45\nts=0\n");

/// One way to compute the hash.
struct Engine {
    name: &'static str,
    /// Hashes in one call.
    at_once: u32,
    /// Computes them from this nonce on; says how long it took.
    run: Box<dyn FnMut(u64) -> Duration>,
    /// For one hash.
    samples: Vec<Duration>,
}

impl Engine {
    fn new(name: &'static str, at_once: u32, run: impl FnMut(u64) -> Duration + 'static) -> Self {
        Self { name, at_once, run: Box::new(run), samples: Vec::new() }
    }

    /// The sample that so many hundredths are not above, in milliseconds.
    fn percentile(&self, percent: usize) -> f64 {
        let mut samples = self.samples.clone();
        samples.sort_unstable();
        samples[(samples.len() - 1) * percent / 100].as_secs_f64() * 1e3
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed()
}

fn ours<const N: usize>(name: &'static str) -> Engine {
    let (seed, visitor, trace) = SALT;
    let challenge = Challenge::new(&seed.parse().unwrap(), &visitor.parse().unwrap(), &trace.parse().unwrap());
    let mut hasher = PuzzleHasher::new(Cost::DEFAULT).unwrap();
    hasher.reserve(N).unwrap();
    Engine::new(name, N as u32, move |nonce| {
        let mut nonces = nonce..;
        let nonces = std::array::from_fn::<_, N, _>(|_| (&challenge, Nonce::new(nonces.next().unwrap()).unwrap()));
        timed(|| hasher.hash_each(nonces).unwrap())
    })
}

fn salt() -> String {
    format!("{}{}{}", SALT.0, SALT.1, SALT.2)
}

fn crate_argon2_rust() -> Engine {
    use argon2_rust::{Algorithm, Argon2, Params, Version, params::Memory};
    let params = Params::builder()
        .memory(Memory::kib(Cost::DEFAULT.memory_cost.into()))
        .passes(Cost::DEFAULT.time_cost)
        .lanes(1)
        .build()
        .unwrap();
    let mut hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hasher();
    Engine::new("crate argon2-rust", 1, move |nonce| {
        let mut hash = [0; 32];
        timed(|| hasher.hash_into(nonce.to_string().as_bytes(), salt().as_bytes(), &mut hash).unwrap())
    })
}

fn crate_argon2() -> Engine {
    use argon2::{Algorithm, Argon2, Block, Params, Version};
    let Cost { memory_cost, time_cost, parallelism } = Cost::DEFAULT;
    let params = Params::new(memory_cost, time_cost, parallelism, Some(32)).unwrap();
    let mut memory = vec![Block::default(); params.block_count()];
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Engine::new("crate argon2", 1, move |nonce| {
        let (password, salt, mut hash) = (nonce.to_string(), salt(), [0; 32]);
        timed(|| {
            hasher
                .hash_password_into_with_memory(password.as_bytes(), salt.as_bytes(), &mut hash, &mut memory)
                .unwrap();
        })
    })
}

/// The reference implementation times itself, so that Python and the pipe cost it nothing.
fn c_reference() -> Option<Engine> {
    const PROGRAM: &str = "
import sys, time
from argon2.low_level import Type, hash_secret_raw
salt = bytes.fromhex(sys.argv[1])
for line in sys.stdin:
    start = time.perf_counter_ns()
    hash_secret_raw(line.strip().encode(), salt, 3, 65536, 1, 32, Type.ID)
    print(time.perf_counter_ns() - start, flush=True)
";
    let python = std::env::var_os("HASHPASS_C_REFERENCE")?;
    let salt: String = salt().bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut command = Command::new(python);
    let mut process =
        command.args(["-c", PROGRAM, &salt]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (questions, answers) = (process.stdin.take(), BufReader::new(process.stdout.take().unwrap()));
    let mut reference = Reference { process, questions, answers };
    Some(Engine::new("C reference", 1, move |nonce| reference.time(nonce)))
}

struct Reference {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Reference {
    fn time(&mut self, nonce: u64) -> Duration {
        writeln!(self.questions.as_mut().unwrap(), "{nonce}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        Duration::from_nanos(answer.trim().parse().unwrap())
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // It ends with its input.
        self.questions = None;
        let _ = self.process.wait();
    }
}

/// The most memory this process has held, in KiB.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn main() {
    let before = peak_memory();
    let one = ours::<1>("hashpass");
    let with_one = peak_memory();
    let two = ours::<2>("hashpass, two at once");
    let with_two = peak_memory();
    let mut engines: Vec<_> =
        [one, two, crate_argon2_rust(), crate_argon2()].into_iter().chain(c_reference()).collect();
    // The first hash of each touches its memory.
    for nonce in 0..=ROUNDS {
        for engine in &mut engines {
            let spent = (engine.run)(2 * nonce) / engine.at_once;
            if nonce != 0 {
                engine.samples.push(spent);
            }
        }
    }
    let rival = engines.iter().find(|engine| engine.name == "crate argon2").unwrap().percentile(50);
    println!("| one core, 64 MiB, t = 3, p = 1 | ms per hash, median | p10 to p90 | hashes/s | against crate argon2 |");
    println!("|---|---|---|---|---|");
    for engine in &engines {
        let median = engine.percentile(50);
        println!(
            "| {} | {median:.1} | {:.1} to {:.1} | {:.1} | {:.2}× |",
            engine.name,
            engine.percentile(10),
            engine.percentile(90),
            1e3 / median,
            rival / median,
        );
    }
    let (one, two) = ((with_one - before) / 1024, (with_two - with_one) / 1024);
    println!("\nMemory: {one} MiB for one hash at once, {two} MiB for two.");
    let results: Vec<_> = engines
        .iter()
        .map(|engine| {
            json!({
                "engine": engine.name,
                "median_ms": engine.percentile(50),
                "p10_ms": engine.percentile(10),
                "p90_ms": engine.percentile(90),
                "ratio_to_crate_argon2": rival / engine.percentile(50),
            })
        })
        .collect();
    let report = json!({
        "machine": machine(),
        "memory_mib": { "one_at_once": one, "two_at_once": two },
        "rounds": ROUNDS,
        "results": results,
    });
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/bench");
    fs::create_dir_all(directory).unwrap();
    fs::write(format!("{directory}/native.json"), format!("{report:#}\n")).unwrap();
}

fn machine() -> serde_json::Value {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processors.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!({
        "processor": processor.trim_start_matches([' ', '\t', ':']),
        "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        "load": load.split_whitespace().next(),
        "unix_time": std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs()),
    })
}
