//! How many requests a second the server answers, and how long each takes.
//!
//! Connections that send their next request as soon as they have their answer, so
//! that the server is never idle: its rate is what it can do, and the percentiles
//! are those of a server at its limit. What is asked for takes turns in short
//! slices, so that a machine's moods fall on all alike.
//!
//! Then what a first visit loads, which a real browser must say: see [`first_visit`].

pub mod first_visit;

use crate::{
    Result,
    client::{Connection, Visitor},
    report::{Column, Report, Table},
    samples::Samples,
    server::ServerProcess,
};
use futures::future::try_join_all;
use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

/// What is asked for: a name and a path.
const QUESTIONS: &[(&str, &str)] =
    &[("the page, rendered", "/"), ("the puzzle", "/api/puzzle"), ("health", "/api/health")];

/// How the load is made.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct HttpLoad {
    /// Connections that ask at once.
    #[arg(long, default_value_t = 16)]
    pub connections: usize,
    /// For how many seconds each question is asked, in all.
    #[arg(long, default_value_t = 10)]
    pub seconds: u32,
    /// In how many slices.
    #[arg(long, default_value_t = 5)]
    pub slices: u32,
}

/// Measures the server in `binary` with every setting as in production.
///
/// # Errors
/// [`BenchError`](crate::BenchError).
pub async fn measure(binary: &Path, load: HttpLoad) -> Result<Report> {
    let mut report = Report::new("http");
    let server = ServerProcess::start(binary, &[("HASHPASS_LIMIT_REQUESTS_PER_SECOND", "0")])?;
    let mut connection = Connection::open(server.address()).await?;
    let visitor = Visitor::new(server.address(), None)?.pass_check(&mut connection).await?;

    let slice = Duration::from_secs(load.seconds.into()) / load.slices;
    let mut answered = vec![(Samples::default(), Duration::ZERO, Duration::ZERO); QUESTIONS.len()];
    for _ in 0..load.slices {
        for ((_, path), (samples, elapsed, cpu)) in QUESTIONS.iter().zip(&mut answered) {
            let (began, cpu_before) = (Instant::now(), server.cpu_time()?);
            let asking = (0..load.connections).map(|_| ask(server.address(), &visitor, path, began + slice));
            try_join_all(asking).await?.into_iter().for_each(|part| samples.extend(part));
            *elapsed += began.elapsed();
            *cpu += server.cpu_time()? - cpu_before;
        }
    }

    let mut table = Table::new(
        &format!("Requests, from {} connections without a pause", load.connections),
        &[
            Column { name: "what", unit: "", decimals: 0 },
            Column { name: "answers", unit: "/s", decimals: 0 },
            Column { name: "p50", unit: "ms", decimals: 2 },
            Column { name: "p99", unit: "ms", decimals: 2 },
            Column { name: "server's processor time", unit: "µs each", decimals: 0 },
        ],
    );
    for ((name, _), (samples, elapsed, cpu)) in QUESTIONS.iter().zip(&answered) {
        let count = samples.count() as f64;
        table.row(vec![
            (*name).into(),
            (count / elapsed.as_secs_f64()).into(),
            samples.percentile_ms(50.0).into(),
            samples.percentile_ms(99.0).into(),
            (cpu.as_secs_f64() * 1e6 / count).into(),
        ]);
    }
    report.table(table);
    first_visit::measure(server.address(), &mut report)?;
    Ok(report)
}

/// Asks one question after the other until `end`.
async fn ask(address: SocketAddr, visitor: &Visitor, path: &str, end: Instant) -> Result<Samples> {
    let mut connection = Connection::open(address).await?;
    let mut samples = Samples::default();
    while Instant::now() < end {
        let asked = Instant::now();
        connection.send(visitor.get(path)).await?.ok()?;
        samples.add(asked.elapsed());
    }
    Ok(samples)
}
