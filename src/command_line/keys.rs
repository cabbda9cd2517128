//! `hashpass keys`: the keys by which other servers ask for codes.

use super::{ctl::ServerArguments, said::say_answer, words};
use clap::{Args, Subcommand};
use hashpass::admin::{
    client::ask,
    protocol::{Answer, Command, Request},
};
use std::{path::Path, process::ExitCode};

#[derive(Debug, Args)]
pub(crate) struct KeysArguments {
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
    /// Make a key and print it; it is kept as a digest and never shown again.
    Create {
        /// What it is called; no other key ever gets this name.
        #[arg(long)]
        name: String,
        /// What it is good for: codes:read, codes:redeem, codes:revoke, codes:identity,
        /// with commas between them.
        #[arg(long = "scope", required = true, value_delimiter = ',', value_name = "SCOPE")]
        scopes: Vec<String>,
    },
    /// List the keys.
    List,
    /// Make a key good for nothing.
    Revoke {
        /// What it is called.
        name: String,
    },
}

/// Has the server whose data directory this is do what is wanted, and prints what it says.
///
/// # Errors
/// In words, if it cannot be asked.
pub(crate) fn keys(directory: &Path, arguments: KeysArguments) -> Result<ExitCode, String> {
    let KeysArguments { server, why, act } = arguments;
    let command = match act {
        Act::Create { name, scopes } => Command::CreateKey { name, scopes },
        Act::List => Command::ListKeys,
        Act::Revoke { name } => Command::RevokeKey { name },
    };
    let answer = ask(directory, &Request { command, why }).map_err(|error| error.to_string())?;
    say_answer(&answer, server.json, |answer| match answer {
        // Alone on its line, so that a script can take it.
        Answer::NewKey { key, .. } => Some(key.clone()),
        Answer::Keys { keys } if keys.is_empty() => Some("There are no keys.".to_owned()),
        Answer::Keys { keys } => Some(keys.iter().map(words::of_key).collect::<Vec<_>>().join("\n")),
        _ => None,
    })
}
