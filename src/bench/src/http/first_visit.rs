//! What somebody who comes for the first time loads, and waits for.
//!
//! `first-visit.mjs` drives a Chromium with an empty cache and says what
//! it asked for; the sizes are those of the bodies that this server sends.

use crate::{
    BenchError, Result,
    report::{Column, Report, Table},
    samples::Samples,
};
use serde::Deserialize;
use std::{net::SocketAddr, path::Path, process::Command, time::Duration};

/// What the script says.
#[derive(Debug, Deserialize)]
struct Seen {
    /// How many times slower than this machine the browser's processor was.
    slower: f64,
    files: Vec<File>,
    visits: Vec<Visit>,
}

#[derive(Debug, Deserialize)]
struct File {
    path: String,
    /// In bytes.
    raw: f64,
    /// In bytes; the same as `raw` where nothing is compressed.
    brotli: f64,
}

/// Milliseconds from the beginning of a visit.
#[derive(Debug, Deserialize)]
struct Visit {
    /// Until Start could be pressed, and was.
    ready: f64,
    /// Until the page showed the rate of its first hashes.
    first_hash: f64,
}

/// Adds two tables: what is loaded, and how long that takes.
///
/// # Errors
/// [`BenchError::Browser`] with what the script complained of.
pub fn measure(server: SocketAddr, report: &mut Report) -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("first-visit.mjs");
    let mut node = Command::new("node");
    node.arg(script).arg(format!("http://{server}"));
    let output = node.output().map_err(|error| BenchError::Browser(error.to_string()))?;
    if !output.status.success() {
        return Err(BenchError::Browser(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let seen: Seen = serde_json::from_slice(&output.stdout)?;
    report.table(sizes(&seen.files));
    report.table(times(&seen));
    Ok(())
}

fn sizes(files: &[File]) -> Table {
    let mut table = Table::new(
        "What a first visit loads",
        &[
            Column { name: "what", unit: "", decimals: 0 },
            Column { name: "raw", unit: "KiB", decimals: 1 },
            Column { name: "brotli", unit: "KiB", decimals: 1 },
        ],
    );
    let mut add = |name: &str, belongs: &dyn Fn(&str) -> bool| {
        let sum =
            |size: fn(&File) -> f64| files.iter().filter(|file| belongs(&file.path)).map(size).sum::<f64>() / 1024.0;
        table.row(vec![name.into(), sum(|file| file.raw).into(), sum(|file| file.brotli).into()]);
    };
    for file in files {
        add(&file.path, &|path| path == file.path);
    }
    add("of the worker", &|path| path.starts_with("/worker/"));
    add("in all", &|_| true);
    table
}

fn times(seen: &Seen) -> Table {
    let mut table = Table::new(
        &format!("{} first visits on a processor {} times as slow", seen.visits.len(), seen.slower),
        &[
            Column { name: "until", unit: "", decimals: 0 },
            Column { name: "median", unit: "ms", decimals: 0 },
            Column { name: "slowest", unit: "ms", decimals: 0 },
        ],
    );
    let mut add = |name: &str, time: fn(&Visit) -> f64| {
        let samples: Samples = seen.visits.iter().map(|visit| Duration::from_secs_f64(time(visit) / 1e3)).collect();
        table.row(vec![name.into(), samples.percentile_ms(50.0).into(), samples.percentile_ms(100.0).into()]);
    };
    add("mining can start", |visit| visit.ready);
    add("the first hash is there", |visit| visit.first_hash);
    table
}
