//! Thousands of live connections: how long a win takes to reach all of them, what
//! they hold, and what they cost while nothing happens.
//!
//! Every client is a visitor with a session, an address and a TCP connection of its
//! own. The server runs with production's settings and limits, except that test mode
//! lets everybody in, and that a hash costs next to nothing and one in sixteen wins:
//! what is measured begins after the verification. A time counts from the moment that
//! the winning solution is sent, so it includes the verification of that small hash
//! and the record on disk; it ends when the client has read the reset out of its
//! socket. Server and clients share the machine.

mod crowd;

use crate::{
    BenchError, Result,
    client::{Connection, Visitor},
    report::{Cell, Column, Report, Table},
    samples::Samples,
    server::{self, CHEAP_HASHES, EASY_ROUNDS, ServerProcess},
};
use crowd::{Crowd, Manner};
use puzzle::PuzzleHasher;
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// How long a server is left alone before its idle processor time is measured.
const SETTLE: Duration = Duration::from_secs(5);

/// For how long idle processor time is measured: ten broadcasts of the figures, and
/// a ping for everybody.
const REST: Duration = Duration::from_secs(20);

/// How long a reset may take to reach everybody before the bench gives up.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Between two wins; not a divisor of the figures' two seconds, so that resets meet
/// them at every phase.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(170);

/// How long clients that never read may hold on until the bench stops waiting.
const STALLED_LIMIT: Duration = Duration::from_secs(180);

/// How the load is made.
#[derive(Clone, Debug, clap::Args)]
pub struct LiveLoad {
    /// How many wins every row of the table has.
    #[arg(long, default_value_t = 100)]
    pub rounds: u32,
    /// Who is connected: listening, mining and never reading clients, one row each.
    #[arg(long = "scene", value_parser = scene, default_values = ["1000,0,0", "5000,0,0", "5000,0,1000", "10000,0,0", "0,10000,0"])]
    pub scenes: Vec<Scene>,
}

/// Who is connected in one row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scene {
    /// Clients that only listen.
    pub listening: u32,
    /// Clients that also mine, and report their rate every two seconds.
    pub mining: u32,
    /// Clients that never read.
    pub deaf: u32,
}

fn scene(text: &str) -> std::result::Result<Scene, String> {
    let counts: Vec<u32> = text.split(',').map_while(|count| count.parse().ok()).collect();
    match counts[..] {
        [listening, mining, deaf] if 0 < listening + mining => Ok(Scene { listening, mining, deaf }),
        _ => Err("three numbers with commas between: listening, mining, never reading".to_owned()),
    }
}

const COLUMNS: &[Column] = &[
    Column { name: "connected", unit: "", decimals: 0 },
    Column { name: "coming in", unit: "s", decimals: 1 },
    Column { name: "win → winner p50", unit: "ms", decimals: 1 },
    Column { name: "win → any p50", unit: "ms", decimals: 0 },
    Column { name: "win → any p99", unit: "ms", decimals: 0 },
    Column { name: "win → last p50", unit: "ms", decimals: 0 },
    Column { name: "win → last p99", unit: "ms", decimals: 0 },
    Column { name: "server's CPU per reset", unit: "ms", decimals: 0 },
    Column { name: "clients' CPU per reset", unit: "ms", decimals: 0 },
    Column { name: "memory per socket", unit: "KiB", decimals: 1 },
    Column { name: "CPU at rest", unit: "% of a core", decimals: 1 },
];

/// Measures every scene, each with a server of its own.
///
/// # Errors
/// [`BenchError`] if something could not be measured.
pub async fn measure(binary: &Path, load: &LiveLoad) -> Result<Report> {
    let mut report = Report::new("live");
    let mut table = Table::new("Live connections", COLUMNS);
    for scene in &load.scenes {
        let (row, note) = play(binary, *scene, load.rounds).await?;
        table.row(row);
        if let Some(note) = note {
            report.note(note);
        }
    }
    report.table(table);
    report.note(format!(
        "{} wins a row, each counted from the sending of the solution. A client has heard of one when it has read the \
         reset. The clients share the server's cores. Memory is what the server's process grew by, after the wins; \
         production's limits, with one address a client.",
        load.rounds
    ));
    Ok(report)
}

async fn play(binary: &Path, scene: Scene, rounds: u32) -> Result<(Vec<Cell>, Option<String>)> {
    let server = ServerProcess::start(binary, &[EASY_ROUNDS, CHEAP_HASHES].concat())?;
    let host = server.address();
    let mut connection = Connection::open(host).await?;
    let winner = Visitor::new(host, None)?.pass_check(&mut connection).await?;
    let before = server.memory()?.resident;
    let files = server.open_files()?;

    let began = Instant::now();
    let crowd = Crowd::new(host);
    let present = scene.listening + scene.mining;
    crowd.join(0..scene.listening, Manner::Listens).await?;
    crowd.join(scene.listening..present, Manner::Mines).await?;
    crowd.join(present..present + scene.deaf, Manner::NeverReads).await?;
    let coming_in = began.elapsed();

    let mut winning = Winning { connection, winner, hasher: None, next_nonce: 0 };
    // The first round warms everything up.
    winning.win(&crowd, present).await?;
    let (cpu, own_cpu) = (server.cpu_time()?, server::own_cpu_time()?);
    let mut told = Samples::default();
    let (mut any, mut last) = (Samples::default(), Samples::default());
    let mut quiet = Duration::ZERO;
    for _ in 0..rounds {
        tokio::time::sleep(SAMPLE_INTERVAL).await;
        quiet += SAMPLE_INTERVAL;
        let Round { winner, all } = winning.win(&crowd, present).await?;
        told.add(winner);
        last.extend(all.iter().max().copied());
        any.extend(all);
    }
    let (cpu, own_cpu) = (server.cpu_time()? - cpu, server::own_cpu_time()? - own_cpu);

    let note = match scene.deaf {
        0 => None,
        deaf => Some(silence(&server, files + present as usize, deaf).await?),
    };
    tokio::time::sleep(SETTLE).await;
    let memory = server.memory()?.resident.saturating_sub(before);
    let resting = server.cpu_time()?;
    let began = Instant::now();
    tokio::time::sleep(REST).await;
    let at_rest = (server.cpu_time()? - resting).as_secs_f64() / began.elapsed().as_secs_f64();
    crowd.check(present)?;
    // What the server does between the wins is no cost of theirs.
    let per_reset = (cpu.as_secs_f64() - at_rest * quiet.as_secs_f64()).max(0.0) / f64::from(rounds);

    let row = vec![
        scene.to_string().as_str().into(),
        coming_in.as_secs_f64().into(),
        told.percentile_ms(50.0).into(),
        any.percentile_ms(50.0).into(),
        any.percentile_ms(99.0).into(),
        last.percentile_ms(50.0).into(),
        last.percentile_ms(99.0).into(),
        (per_reset * 1e3).into(),
        (own_cpu.as_secs_f64() * 1e3 / f64::from(rounds)).into(),
        (memory as f64 / 1024.0 / f64::from(present)).into(),
        (at_rest * 100.0).into(),
    ];
    Ok((row, note))
}

/// Waits until the server has let go of those who never read, so that it has
/// `files` open.
async fn silence(server: &ServerProcess, files: usize, deaf: u32) -> Result<String> {
    let began = Instant::now();
    let held = server.memory()?.resident;
    while files < server.open_files()? {
        if STALLED_LIMIT < began.elapsed() {
            return Err(BenchError::Answer(format!("those who never read are still connected: {held} bytes")));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(format!("The {deaf} that never read were let go of {:.0} s after the last win.", began.elapsed().as_secs_f64()))
}

impl std::fmt::Display for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { listening, mining, deaf } = self;
        let words = [(listening, ""), (mining, "mining"), (deaf, "that never read")];
        let parts: Vec<String> = words
            .into_iter()
            .filter(|(count, _)| **count != 0)
            .map(|(count, words)| format!("{count} {words}").trim_end().to_owned())
            .collect();
        f.write_str(&parts.join(" + "))
    }
}

/// One win, from the sending of the solution.
struct Round {
    /// Until the winner was told.
    winner: Duration,
    /// Until each client had read the reset.
    all: Vec<Duration>,
}

/// Somebody who wins every round.
struct Winning {
    connection: Connection,
    winner: Visitor,
    hasher: Option<PuzzleHasher>,
    next_nonce: u64,
}

impl Winning {
    /// Wins the running round and waits until `present` clients know.
    async fn win(&mut self, crowd: &Crowd, present: u32) -> Result<Round> {
        let Self { connection, winner, hasher, next_nonce } = self;
        let round = winner.round(connection).await?;
        let trace = winner.trace(connection).await?;
        let hasher = match hasher {
            Some(hasher) => hasher,
            None => {
                hasher.insert(PuzzleHasher::new(round.cost).map_err(|error| BenchError::Answer(error.to_string()))?)
            }
        };
        let (nonce, hash) = round.mine_from(hasher, &winner.id, &trace, *next_nonce)?;
        *next_nonce = 0;
        let request = winner.post("/api/verify", winner.submission(&round.seed, &trace, nonce, &hash));
        crowd.expect_round(round.round + 1, present);
        let began = Instant::now();
        // The winner must not be what the crowd waits for: both are heard as they come.
        let told = async {
            connection.send(request).await?.ok()?;
            Ok::<_, BenchError>(began.elapsed())
        };
        let all = async { tokio::time::timeout(ANSWER_LIMIT, crowd.everybody_heard()).await };
        let (told, all) = tokio::join!(told, all);
        let all = all.map_err(|_| crowd.check(present).err().unwrap_or_else(|| too_late(crowd)))?;
        Ok(Round { winner: told?, all: all.into_iter().map(|at| at - began).collect() })
    }
}

fn too_late(crowd: &Crowd) -> BenchError {
    BenchError::Answer(format!("after {ANSWER_LIMIT:?} only {} clients know of the new round", crowd.heard()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_says_who_is_connected() {
        assert_eq!(scene("1000,0,0").unwrap().to_string(), "1000");
        assert_eq!(scene("5000,0,1000").unwrap().to_string(), "5000 + 1000 that never read");
        assert_eq!(scene("0,10000,0").unwrap().to_string(), "10000 mining");
        for wrong in ["", "1,2", "0,0,5", "1,2,3,4", "1,x,3"] {
            assert!(scene(wrong).is_err(), "{wrong}");
        }
    }
}
