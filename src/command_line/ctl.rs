//! `hashpass ctl`: the drop of the server that runs.

use super::{said::say_answer, words};
use clap::{Args, Subcommand};
use hashpass::admin::{
    client::ask,
    protocol::{Answer, Command, Request},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Where the server is, and how its answers are printed.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// The data directory of the server, if it is not that of the settings.
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Print the answer as JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CtlArguments {
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    /// Why; kept in the ledger with what was changed.
    #[arg(long, global = true, value_name = "TEXT", default_value = "", hide_default_value = true)]
    why: String,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Tell how the drop stands.
    Status,
    /// Let nobody win until it is resumed.
    Pause,
    /// Let a paused drop go on, with a new round.
    Resume,
    /// Open the drop now, whatever its schedule says.
    Open,
    /// End the drop.
    Close,
    /// Change rules of the drop, all of them or none: SUPPLY, OPENS_AT, CLOSES_AT,
    /// WINS_PER_PERSON, WINS_PER_NETWORK, WIN_COOLDOWN, MIN_ROUND. They hold until they are
    /// changed again, also after a restart.
    Set {
        /// Such as SUPPLY=200; nothing behind = stands for the default.
        #[arg(required = true, value_name = "NAME=VALUE", value_parser = assignment)]
        values: Vec<(String, String)>,
    },
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it has no =, as in SUPPLY=200")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Has the server whose data directory this is do what is wanted, and prints what holds now.
///
/// # Errors
/// In words, if it cannot be asked.
pub(crate) fn ctl(directory: &Path, arguments: CtlArguments) -> Result<ExitCode, String> {
    let CtlArguments { server, why, act } = arguments;
    let command = match act {
        Act::Status => Command::Status,
        Act::Pause => Command::Pause,
        Act::Resume => Command::Resume,
        Act::Open => Command::Open,
        Act::Close => Command::Close,
        Act::Set { values } => Command::Set { values: without_repetition(values)? },
    };
    let answer = ask(directory, &Request { command, why }).map_err(|error| error.to_string())?;
    say_answer(&answer, server.json, |answer| match answer {
        Answer::Status(status) => Some(words::of_status(status)),
        _ => None,
    })
}

fn without_repetition(values: Vec<(String, String)>) -> Result<BTreeMap<String, String>, String> {
    let mut by_name = BTreeMap::new();
    for (name, value) in values {
        if let Some(before) = by_name.insert(name.clone(), value) {
            return Err(format!("{name} is given twice, first as {before:?}"));
        }
    }
    Ok(by_name)
}
