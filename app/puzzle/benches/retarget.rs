//! How the rules of the difficulty behave: the server's own [`Rule`] on a virtual
//! clock, against networks of known speed.
//!
//! Run with `./x bench retarget`; `cargo test` runs it too. It fails when the
//! `rising` rule breaks a promise. The random numbers are seeded, so that every run
//! prints the same table.
//!
//! A round is unsolved after mining time t with probability exp(−W(t) · target(t)),
//! W being the work done so far: every hash counts against the target of the
//! moment, whenever it was found. Solve times are drawn from that exactly; who wins
//! is played out hash by hash.

#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use puzzle::{
    Curve, Difficulty, Target,
    rule::{Outcome, Pace, Rule, RuleName},
};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use std::{fs, process::ExitCode, time::Duration};

/// The documented band and its geometric middle, in seconds.
const SHORTEST: f64 = 30.0;
const LONGEST: f64 = 120.0;
const MIDDLE: f64 = 60.0;

/// Hashes per second of the simulated network: some forty browsers.
const RATE: f64 = 300.0;

const ROUNDS: usize = 20_000;
const RESTARTS: usize = 2_000;

/// A rule under test.
#[derive(Clone, Copy, PartialEq)]
enum Candidate {
    /// A fixed target that is exactly right for [`RATE`], never adjusted.
    Fixed,
    Ruled(RuleName),
}

impl Candidate {
    const ALL: [Self; 3] = [Self::Fixed, Self::Ruled(RuleName::Step), Self::Ruled(RuleName::Rising)];

    fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed target",
            Self::Ruled(RuleName::Step) => "step",
            Self::Ruled(RuleName::Rising) => "rising",
        }
    }
}

/// The rounds of one candidate, played one after the other.
struct Race {
    candidate: Candidate,
    rule: Rule,
    random: StdRng,
    /// Seconds since the start.
    now: f64,
}

/// Hashes per second as a function of the seconds since the start.
type Network<'a> = &'a dyn Fn(f64) -> f64;

impl Race {
    fn new(candidate: Candidate, seed: u64) -> Self {
        let digits = |digits: f64| Difficulty::new(digits).unwrap_or_else(|_| unreachable!("constants are valid"));
        let pace = Pace {
            easiest: digits(1.0),
            hardest: digits(6.0),
            shortest: Duration::from_secs_f64(SHORTEST),
            longest: Duration::from_secs_f64(LONGEST),
        };
        let name = match candidate {
            Candidate::Fixed => RuleName::Step,
            Candidate::Ruled(name) => name,
        };
        Self { candidate, rule: Rule::new(name, digits(3.0), pace), random: StdRng::seed_from_u64(seed), now: 0.0 }
    }

    fn curve(&self) -> Curve {
        match self.candidate {
            Candidate::Fixed => Curve::Fixed(Target::from_fraction(1.0 / (RATE * MIDDLE))),
            Candidate::Ruled(_) => self.rule.curve(),
        }
    }

    /// Plays a round and says how it ended.
    fn round(&mut self, network: Network<'_>) -> Outcome {
        let curve = self.curve();
        let luck = -(1.0 - self.random.random::<f64>()).ln();
        let limit = match self.candidate {
            Candidate::Fixed => None,
            Candidate::Ruled(_) => self.rule.time_out().map(|limit| limit.as_secs_f64()),
        };
        let (mut time, mut work) = (0.0, 0.0);
        let outcome = loop {
            const STEP: f64 = 0.05;
            work += network(self.now + time) * STEP;
            time += STEP;
            if luck <= work * curve.target_at(Duration::from_secs_f64(time)).fraction() {
                break Outcome::Solved(Duration::from_secs_f64(time));
            }
            if limit.is_some_and(|limit| limit <= time) {
                break Outcome::TimedOut;
            }
        };
        self.now += time;
        self.rule.after_round(outcome);
        outcome
    }

    /// Plays until somebody wins: seconds since the last win or start.
    fn until_solved(&mut self, network: Network<'_>) -> f64 {
        let start = self.now;
        while self.round(network) == Outcome::TimedOut {}
        self.now - start
    }
}

/// What is known of many solve times.
struct Summary {
    mean: f64,
    median: f64,
    p5: f64,
    p95: f64,
    variation: f64,
    under_five: f64,
    timed_out: f64,
    /// Standard deviation of log2(assumed rate / true rate).
    estimate_bits: f64,
}

fn summarise(candidate: Candidate, network: Network<'_>, rounds: usize) -> Summary {
    let mut race = Race::new(candidate, 1);
    for _ in 0..50 {
        race.round(network);
    }
    let (mut times, mut errors, mut timed_out) = (Vec::new(), Vec::new(), 0usize);
    for _ in 0..rounds {
        match race.round(network) {
            Outcome::Solved(time) => times.push(time.as_secs_f64()),
            Outcome::TimedOut | Outcome::SolvedUncounted { .. } => timed_out += 1,
        }
        errors.push((race.rule.assumed_rate() / network(race.now)).log2());
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let (mean, deviation) = moments(&times);
    Summary {
        mean,
        median: at(0.5),
        p5: at(0.05),
        p95: at(0.95),
        variation: deviation / mean,
        under_five: times.iter().filter(|time| **time < 5.0).count() as f64 / times.len() as f64,
        timed_out: timed_out as f64 / rounds as f64,
        estimate_bits: moments(&errors).1,
    }
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

/// Mean seconds to the first win after the network's rate has changed by `factor`.
fn first_after_change(candidate: Candidate, factor: f64) -> f64 {
    let times: Vec<f64> = (0..RESTARTS)
        .map(|seed| {
            let mut race = Race::new(candidate, seed as u64);
            for _ in 0..30 {
                race.round(&|_| RATE);
            }
            race.until_solved(&|_| RATE * factor)
        })
        .collect();
    moments(&times).0
}

/// The part of all wins that go to a miner with a third of all speed, hash by hash: both
/// miners keep their best and submit it when it becomes valid.
fn wins_of_a_third(candidate: Candidate) -> f64 {
    const MINERS: [f64; 2] = [10.0, 20.0];
    const PLAYED: usize = 20_000;
    let network = MINERS.iter().sum::<f64>();
    let mut race = Race::new(candidate, 7);
    for _ in 0..50 {
        race.round(&|_| network);
    }
    let mut wins = 0;
    for _ in 0..PLAYED {
        let curve = match candidate {
            Candidate::Fixed => Curve::Fixed(Target::from_fraction(1.0 / (network * MIDDLE))),
            Candidate::Ruled(_) => race.curve(),
        };
        let (slow, fast) = (solo(&curve, MINERS[0], &mut race.random), solo(&curve, MINERS[1], &mut race.random));
        wins += usize::from(slow < fast);
        // Nobody waits for a time-out here: it would fall to both alike.
        race.rule.after_round(Outcome::Solved(Duration::from_secs_f64(slow.min(fast))));
    }
    wins as f64 / PLAYED as f64
}

/// When a miner alone would have a valid hash, in seconds.
fn solo(curve: &Curve, rate: f64, random: &mut impl Rng) -> f64 {
    let mut best = 1.0f64;
    let mut valid_from = f64::INFINITY;
    for number in 1.. {
        let found_at = f64::from(number) / rate;
        if valid_from <= found_at {
            return valid_from;
        }
        let fraction = random.random::<f64>();
        if fraction < best {
            best = fraction;
            let hash = puzzle::Hash::from_bytes(bytes(fraction));
            valid_from = curve.valid_from(&hash).map_or(f64::INFINITY, |from| from.as_secs_f64().max(found_at));
        }
    }
    unreachable!("somebody wins in the end")
}

/// The hash that is the given fraction of 2^256.
fn bytes(fraction: f64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&((fraction * 2f64.powi(64)) as u64).to_be_bytes());
    bytes
}

fn main() -> ExitCode {
    let full = std::env::args().any(|argument| argument == "--bench");
    let rounds = if full { ROUNDS } else { 5_000 };
    let constant: Network<'_> = &|_| RATE;
    // Four times the speed for five minutes, then a quarter of that for five.
    let coming_and_going: Network<'_> = &|now| if ((now / 300.0) as u64).is_multiple_of(2) { RATE } else { 4.0 * RATE };

    let mut rows = Vec::new();
    let mut broken = Vec::new();
    for candidate in Candidate::ALL {
        let calm = summarise(candidate, constant, rounds);
        let busy = summarise(candidate, coming_and_going, rounds);
        let (up, down) = if full {
            (first_after_change(candidate, 8.0), first_after_change(candidate, 0.125))
        } else {
            (f64::NAN, f64::NAN)
        };
        let third = wins_of_a_third(candidate);
        if candidate == Candidate::Ruled(RuleName::Rising) {
            for (promise, kept) in [
                ("mean within 5 % of T", (calm.mean / MIDDLE - 1.0).abs() <= 0.05),
                ("coefficient of variation at most 0.42", calm.variation <= 0.42),
                ("95th percentile at most 1.75 T", calm.p95 <= 1.75 * MIDDLE),
                ("under 5 s in at most 0.1 % of rounds", calm.under_five <= 0.001),
                ("wins within one point of the share of work", (third - 1.0 / 3.0).abs() <= 0.01),
            ] {
                if !kept {
                    broken.push(promise);
                }
            }
        }
        rows.push((candidate.name(), calm, busy, up, down, third));
    }

    println!("Solve times in seconds; T = {MIDDLE} s, {RATE} hashes per second, {rounds} rounds\n");
    println!(
        "| rule | mean | median | p5 | p95 | CV | under 5 s | timed out | rate error (bits) | CV ×4/÷4 | first after ×8 | first after ÷8 | wins of a third |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for (name, calm, busy, up, down, third) in &rows {
        println!(
            "| {name} | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} | {:.2} % | {:.1} % | {:.2} | {:.2} | {up:.0} | {down:.0} | {:.1} % |",
            calm.mean,
            calm.median,
            calm.p5,
            calm.p95,
            calm.variation,
            calm.under_five * 100.0,
            calm.timed_out * 100.0,
            calm.estimate_bits,
            busy.variation,
            third * 100.0
        );
    }
    if full {
        write_json(
            &rows
                .iter()
                .map(|(name, calm, busy, up, down, third)| {
                    serde_json::json!({
                        "rule": name, "mean_s": calm.mean, "median_s": calm.median, "p5_s": calm.p5, "p95_s": calm.p95,
                        "variation": calm.variation, "under_five": calm.under_five, "timed_out": calm.timed_out,
                        "rate_error_bits": calm.estimate_bits, "variation_with_changing_rate": busy.variation,
                        "first_after_times_8_s": up, "first_after_an_eighth_s": down, "wins_of_a_third": third
                    })
                })
                .collect::<Vec<_>>(),
        );
    }
    if broken.is_empty() {
        println!("\nThe rising rule keeps its promises.");
        return ExitCode::SUCCESS;
    }
    println!("\nThe rising rule breaks its promises: {}", broken.join("; "));
    ExitCode::FAILURE
}

fn write_json(rows: &[serde_json::Value]) {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/bench");
    let written = fs::create_dir_all(directory)
        .and_then(|()| fs::write(format!("{directory}/retarget.json"), serde_json::json!(rows).to_string()));
    if let Err(error) = written {
        println!("the numbers could not be written: {error}");
    }
}
