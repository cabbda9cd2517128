//! The command line: `hashpass` serves; `hashpass ctl`, `webhooks`, `keys` and `codes` speak
//! with the server that runs; `hashpass check-code` checks a code.

mod command_line;

use clap::{Parser, Subcommand};
use command_line::{
    CheckCodeArguments, CodesArguments, CtlArguments, KeysArguments, ServerArguments, WebhooksArguments, check_code,
    codes, ctl, keys, webhooks,
};
use hashpass::{
    config::{Config, DefaultValue, SecretSource, Sources, VARIABLES, example},
    connections::open_files,
    ledger::Store,
    lobby::store::Database,
    logging::{self, Logging},
    server::{self, Reloadable},
};
use puzzle::rule::RuleName;
use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};
use tokio::sync::watch;

/// After so many steps of other tasks a busy thread of the runtime looks at what has come
/// in: bytes, and what other threads have done. A winner waits for such a look at each step
/// of the way to its code. By default there are 61 steps between two looks, which is next to
/// nothing while each takes microseconds, and 30 ms while all of them make pages.
const STEPS_BETWEEN_LOOKS: u32 = 4;

/// Hands out scarce invite codes by a fair, public race.
#[derive(Debug, Parser)]
#[command(version, after_long_help = environment_help())]
struct CommandLine {
    /// Take what the environment does not set from this file instead of .env in the
    /// working directory.
    #[arg(long, global = true, value_name = "PATH")]
    env_file: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the race (the default).
    Serve {
        /// Go on with another key of the invite codes than the one that the data directory
        /// was used with so far, which stops the start otherwise.
        #[arg(long)]
        accept_change: bool,
    },
    /// Print a .env in which every setting is explained.
    PrintEnvExample,
    /// Tell whether an invite code was won, with the server that runs or from its ledger;
    /// or recompute it with HASHPASS_HMAC_SECRET. Exit code 0 if it is valid, 1 if it is
    /// not.
    CheckCode(CheckCodeArguments),
    /// Tell how the drop of the server that runs stands, and change it.
    Ctl(CtlArguments),
    /// What the webhook of the server that runs is told.
    Webhooks(WebhooksArguments),
    /// The keys by which other servers ask the one that runs for codes.
    Keys(KeysArguments),
    /// The codes that were won with the server that runs.
    Codes(CodesArguments),
}

/// Where the settings come from, for `--help`.
fn environment_help() -> String {
    let mut help = String::from(
        "Settings come from the environment and, for what it does not set, from .env in the working directory. \
         A secret may be in a file, which the variable with _FILE behind its name names.\n",
    );
    for variable in VARIABLES {
        let default = if variable.default == DefaultValue::Nothing { "not set" } else { variable.default.as_str() };
        let _ = write!(help, "\n  {}\n      {} [default: {default}]", variable.name, variable.purpose);
    }
    help
}

fn main() -> ExitCode {
    let CommandLine { env_file, command } = CommandLine::parse();
    let sources = Sources::read(env_file.as_deref());
    // Also what is wrong is said in the format that is asked for.
    let format = Sources::log_format(sources.as_ref().ok());
    let sources = sources.map_err(|problems| problems.to_string());
    let outcome = match command.unwrap_or(Command::Serve { accept_change: false }) {
        Command::Serve { accept_change } => sources.and_then(|sources| serve(&sources, env_file, accept_change)),
        Command::PrintEnvExample => print_example(),
        Command::CheckCode(arguments) => sources.and_then(|sources| check(&sources, &arguments)),
        Command::Ctl(arguments) => {
            data_directory(sources, &arguments.server).and_then(|directory| ctl(&directory, arguments))
        }
        Command::Webhooks(arguments) => {
            data_directory(sources, &arguments.server).and_then(|directory| webhooks(&directory, arguments))
        }
        Command::Keys(arguments) => {
            data_directory(sources, &arguments.server).and_then(|directory| keys(&directory, arguments))
        }
        Command::Codes(arguments) => {
            data_directory(sources, &arguments.server).and_then(|directory| codes(&directory, &arguments))
        }
    };
    outcome.unwrap_or_else(|message| {
        logging::say_last_words(format, &message);
        ExitCode::from(2)
    })
}

fn print_example() -> Result<ExitCode, String> {
    std::io::stdout().write_all(example().as_bytes()).map_err(|error| error.to_string())?;
    Ok(ExitCode::SUCCESS)
}

fn check(sources: &Sources, arguments: &CheckCodeArguments) -> Result<ExitCode, String> {
    let prefix = Config::code_prefix(sources).map_err(|problems| problems.to_string())?;
    let Some(origin) = arguments.origin() else {
        let settings = Config::ledger_settings(sources).map_err(|problems| problems.to_string())?;
        return check_code::look_up(arguments, &settings, &prefix);
    };
    let secret = Config::code_secret(sources).map_err(|problems| problems.to_string())?;
    let secret =
        secret.ok_or("HASHPASS_HMAC_SECRET is not set: codes of a server that made up its own cannot be recomputed")?;
    Ok(check_code::recompute(arguments, origin, &secret, &prefix))
}

/// The data directory of the server that is spoken with.
fn data_directory(sources: Result<Sources, String>, arguments: &ServerArguments) -> Result<PathBuf, String> {
    match &arguments.data_dir {
        Some(directory) => Ok(directory.clone()),
        None => Ok(Config::ledger_settings(&sources?).map_err(|problems| problems.to_string())?.directory),
    }
}

fn serve(sources: &Sources, env_file: Option<PathBuf>, accepts_change: bool) -> Result<ExitCode, String> {
    let mut config = Config::from_values(sources.values()).map_err(|problems| problems.to_string())?;
    config.accepts_change = accepts_change;
    let logging = Logging::start(&config.log);
    announce(&config, sources);
    keep_connections_within_open_files(&mut config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .event_interval(STEPS_BETWEEN_LOOKS)
        .global_queue_interval(STEPS_BETWEEN_LOOKS)
        .build()
        .map_err(|error| format!("the runtime cannot start: {error}"))?;
    runtime.block_on(async {
        // Before anything is promised: a stop right after the start is one in good order too.
        let stop = stop_signal().map_err(|error| format!("signals cannot be listened for: {error}"))?;
        let (reloads, reloading) = watch::channel(Reloadable::from(&config));
        let reloader = Reloader { logging, env_file, reloads };
        reload_on_signal(reloader).map_err(|error| format!("signals cannot be listened for: {error}"))?;
        let listener = tokio::net::TcpListener::bind(config.listen)
            .await
            .map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
        server::run_reloading(config, listener, reloading, stop).await.map_err(|error| error.to_string())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Says in one line what starts, and loudly what an operator must know of the settings.
fn announce(config: &Config, sources: &Sources) {
    let rule = match config.race.rule {
        RuleName::Rising => "rising",
        RuleName::Step => "step",
    };
    let store = match config.ledger.store {
        Store::Sqlite => "sqlite",
        Store::Memory => "memory",
    };
    let lobby_database = match &config.lobby.database {
        Database::Memory => ":memory:".to_owned(),
        Database::File(path) => path.display().to_string(),
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        gate = config.gate.rule.name(),
        rule,
        store,
        data_directory = %config.ledger.directory.display(),
        lobby_database,
        env_file = %sources.env_file().unwrap_or(Path::new("none")).display(),
        trusted_proxies = %config.gate.trusted_proxies,
        "HashPass starts"
    );
    if config.gate.test_mode && config.gate.rule.asks_for_humans() {
        tracing::warn!("TEST MODE: every token passes the human check. Never use this in production");
    }
    if config.secret_source == SecretSource::Kept {
        tracing::info!("HASHPASS_HMAC_SECRET is not set: the key of the invite codes is kept in HASHPASS_DATA_DIR");
    }
    if config.mentions_uvloop {
        tracing::info!("HASHPASS_DISABLE_UVLOOP is accepted and has no effect: there is no uvloop here");
    }
    let injected = sources.injected();
    if !injected.is_empty() {
        let names = injected.join(", ");
        tracing::info!(names, "what Kubernetes says of a Service of our name is no setting and is passed over");
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

/// What a signal reloads.
struct Reloader {
    logging: Logging,
    env_file: Option<PathBuf>,
    reloads: watch::Sender<Reloadable>,
}

/// From now on SIGHUP reads the settings again, and what can be changed while the server
/// runs is changed: what is logged, limits, and the lobby's message of the day. SIGUSR1 and
/// SIGUSR2, which would end the process, do nothing.
#[cfg(unix)]
fn reload_on_signal(reloader: Reloader) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hang_up = signal(SignalKind::hangup())?;
    // Once listened for, a signal is ours until the process ends.
    drop((signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?));
    tokio::spawn(async move {
        while hang_up.recv().await.is_some() {
            reloader.reload();
        }
    });
    Ok(())
}

#[cfg(unix)]
impl Reloader {
    /// Reads the settings again. Wrong ones change nothing.
    fn reload(&self) {
        match Sources::read(self.env_file.as_deref()).and_then(|sources| Config::from_values(sources.values())) {
            Ok(mut config) => {
                self.logging.set_filter(&config.log.filter);
                keep_connections_within_open_files(&mut config);
                self.reloads.send_replace(Reloadable::from(&config));
                let filter = &config.log.filter;
                tracing::info!(
                    %filter,
                    "the settings were read again; what is logged, limits and the message of the day follow them, the \
                     rest at a restart"
                );
            }
            Err(problems) => tracing::error!("the settings stay as they are: {problems}"),
        }
    }
}

/// There is no such signal here; the settings stay as they began.
#[cfg(windows)]
fn reload_on_signal(reloader: Reloader) -> std::io::Result<()> {
    tokio::spawn(async move {
        std::future::pending::<()>().await;
        drop(reloader);
    });
    Ok(())
}

/// Listens for Ctrl-C from now on; the future is done when it comes.
#[cfg(windows)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move { drop(interrupt.recv().await) })
}
