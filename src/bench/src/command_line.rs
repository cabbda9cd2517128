//! Which bench, of which binary.

use clap::{Parser, Subcommand};
use hashpass_bench::{Result, attack, http, live, lobby, native, report, server};
use std::{path::PathBuf, process::ExitCode};

/// Measures a HashPass server from outside.
#[derive(Debug, Parser)]
struct CommandLine {
    /// The server's binary.
    #[arg(long, global = true, default_value_os_t = server::released_binary())]
    server: PathBuf,
    /// Where the report is kept.
    #[arg(long, global = true, default_value_os_t = report::directory())]
    reports: PathBuf,
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Honest clients win while others do their worst.
    Attack(attack::AttackSize),
    /// Requests a second, and how long each takes.
    Http(http::HttpLoad),
    /// How long a win takes to reach thousands of live connections.
    Live(live::LiveLoad),
    /// How long a line takes to reach a thousand who wait for it.
    Lobby(lobby::LobbyLoad),
    /// Hashes per second on one core, without a server.
    Native(native::NativeLoad),
}

/// Runs the bench that the command line names.
pub(crate) fn main() -> ExitCode {
    match run(&CommandLine::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hashpass-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(CommandLine { server, reports, bench }: &CommandLine) -> Result<()> {
    server::raise_open_files()?;
    // One thread: the cores are the server's.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let publish = |report: report::Report| report.publish(reports);
    let written = match bench {
        Bench::Attack(size) => runtime.block_on(attack::measure(server, size)).and_then(publish),
        Bench::Http(load) => runtime.block_on(http::measure(server, *load)).and_then(publish),
        Bench::Live(load) => runtime.block_on(live::measure(server, load)).and_then(publish),
        Bench::Lobby(load) => runtime.block_on(lobby::measure(server, load)).and_then(publish),
        Bench::Native(load) => native::measure(*load, reports),
    }?;
    eprintln!("also in {}", written.display());
    Ok(())
}
