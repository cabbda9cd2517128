//! The command line: `hashpass` serves, `hashpass check-code` checks a code.

use clap::{Parser, Subcommand};
use hashpass::{
    config::{Config, DefaultValue, LogFormat, VARIABLES, example},
    connections::open_files,
    server,
};
use puzzle::{Nonce, Seed, VisitorId, invite_code::InviteCode};
use std::{
    fmt::Write as _,
    io::{IsTerminal, Write as _},
    process::ExitCode,
};
use tracing_subscriber::EnvFilter;

/// Hands out scarce invite codes by a fair, public race.
#[derive(Debug, Parser)]
#[command(version, after_long_help = environment_help())]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the race (the default).
    Serve,
    /// Print a .env in which every setting is explained.
    PrintEnvExample,
    /// Recompute an invite code with HASHPASS_HMAC_SECRET: exit code 0 if it is
    /// valid, 1 if it is not.
    CheckCode {
        /// The winner's visitor id.
        #[arg(long)]
        visitor: VisitorId,
        /// The winning nonce.
        #[arg(long)]
        nonce: Nonce,
        /// The seed of the round that was won.
        #[arg(long)]
        seed: Seed,
        /// The code to check.
        code: String,
    },
}

/// Where the settings come from, for `--help`.
fn environment_help() -> String {
    let mut help = String::from("Settings come from the environment and, for what it does not set, from .env:\n");
    for variable in VARIABLES {
        let default = if variable.default == DefaultValue::Nothing { "not set" } else { variable.default.as_str() };
        let _ = write!(help, "\n  {}\n      {} [default: {default}]", variable.name, variable.purpose);
    }
    help
}

fn main() -> ExitCode {
    let command = CommandLine::parse().command.unwrap_or(Command::Serve);
    let outcome = match command {
        Command::Serve => serve(),
        Command::PrintEnvExample => print_example(),
        Command::CheckCode { visitor, nonce, seed, code } => check_code(&visitor, nonce, &seed, &code),
    };
    outcome.unwrap_or_else(|message| {
        eprintln!("hashpass: {message}");
        ExitCode::from(2)
    })
}

fn print_example() -> Result<ExitCode, String> {
    std::io::stdout().write_all(example().as_bytes()).map_err(|error| error.to_string())?;
    Ok(ExitCode::SUCCESS)
}

fn check_code(visitor: &VisitorId, nonce: Nonce, seed: &Seed, code: &str) -> Result<ExitCode, String> {
    let secret = Config::code_secret_from_environment().map_err(|problems| problems.to_string())?;
    let secret =
        secret.ok_or("HASHPASS_HMAC_SECRET is not set: codes of a server that made up its own cannot be checked")?;
    let valid = InviteCode::derive(&secret, visitor, nonce, seed).as_str() == code;
    eprintln!("{}", if valid { "valid" } else { "not valid" });
    Ok(if valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn serve() -> Result<ExitCode, String> {
    let mut config = Config::from_environment().map_err(|problems| problems.to_string())?;
    let filter = EnvFilter::try_new(&config.log_filter).map_err(|error| format!("RUST_LOG is wrong: {error}"))?;
    // Colours are for people at a terminal; in a file they are noise.
    let colours = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    match config.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    announce(&config);
    keep_connections_within_open_files(&mut config);
    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("the runtime cannot start: {error}"))?;
    runtime.block_on(async {
        // Before anything is promised: a stop right after the start is one in good order too.
        let stop = stop_signal().map_err(|error| format!("signals cannot be listened for: {error}"))?;
        let listener = tokio::net::TcpListener::bind(config.listen)
            .await
            .map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "listening on http://{address}");
        }
        server::run(config, listener, stop).await.map_err(|error| error.to_string())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Says loudly what an operator must know of the settings.
fn announce(config: &Config) {
    if config.gate.turnstile.is_none() {
        tracing::warn!("TEST MODE: every token passes the human check. Never use this in production");
    }
    if config.keeps_secret {
        tracing::info!("HASHPASS_HMAC_SECRET is not set: the key of the invite codes is kept in HASHPASS_DATA_DIR");
    }
    if config.mentions_uvloop {
        tracing::info!("HASHPASS_DISABLE_UVLOOP is accepted and has no effect: there is no uvloop here");
    }
}

/// Connections beyond what the system grants would keep the audit log from its files.
fn keep_connections_within_open_files(config: &mut Config) {
    let Some(open_files) = open_files::raise_limit() else { return };
    let wanted = config.connections.in_all;
    let connections = open_files::connections_within(open_files, wanted);
    if connections < wanted {
        tracing::warn!(
            open_files,
            connections,
            "HASHPASS_LIMIT_CONNECTIONS={wanted} does not fit into the system's limit of open files: raise that (ulimit -n)"
        );
    }
    config.connections.in_all = connections;
    let sockets = config.limits.sockets_in_all;
    if connections < sockets {
        tracing::warn!(sockets, connections, "HASHPASS_LIMIT_SOCKETS is above the number of connections");
    }
}

/// Listens for Ctrl-C and SIGTERM from now on; the future is done when one comes.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Listens for Ctrl-C from now on; the future is done when it comes.
#[cfg(windows)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move { drop(interrupt.recv().await) })
}
