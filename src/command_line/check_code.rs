//! `hashpass check-code`: whether a code is one of ours.

use super::{
    ctl::ServerArguments,
    said::{print, say},
    words,
};
use clap::Args;
use hashpass::{
    admin::{
        client::ask,
        protocol::{Answer, CodeReport, Command, Request},
    },
    ledger::{LedgerSettings, Store, sqlite::find_code},
    prize::codes::TypedCode,
};
use puzzle::{
    Nonce, Seed, VisitorId,
    invite_code::{CodePrefix, CodeSecret, InviteCode},
};
use std::{path::Path, process::ExitCode, time::SystemTime};

#[derive(Debug, Args)]
pub(crate) struct CheckCodeArguments {
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    /// The code to check, in any spelling of a derived one.
    code: String,
    /// Recompute the code with HASHPASS_HMAC_SECRET instead of looking it up: the winner's
    /// visitor id.
    #[arg(long, requires = "nonce", requires = "seed", allow_hyphen_values = true)]
    visitor: Option<VisitorId>,
    /// The winning nonce.
    #[arg(long, requires = "visitor")]
    nonce: Option<Nonce>,
    /// The seed of the round that was won.
    #[arg(long, requires = "visitor")]
    seed: Option<Seed>,
}

impl CheckCodeArguments {
    /// What the code is said to be made of, if it is to be recomputed.
    pub(crate) fn origin(&self) -> Option<(&VisitorId, Nonce, &Seed)> {
        Some((self.visitor.as_ref()?, self.nonce?, self.seed.as_ref()?))
    }
}

/// Recomputes a code from what it is said to be made of.
pub(crate) fn recompute(
    arguments: &CheckCodeArguments,
    (visitor, nonce, seed): (&VisitorId, Nonce, &Seed),
    secret: &CodeSecret,
    prefix: &CodePrefix,
) -> ExitCode {
    let code = InviteCode::derive_with_prefix(prefix, secret, visitor, nonce, seed);
    let is_valid = arguments.code == code.as_str() || prefix.read(&arguments.code).as_ref() == Some(&code);
    say(if is_valid { "valid" } else { "not valid" });
    exit_code(is_valid)
}

/// Looks a code up: with the server that runs, or else in its ledger.
///
/// # Errors
/// In words, if neither can be asked.
pub(crate) fn look_up(
    arguments: &CheckCodeArguments,
    settings: &LedgerSettings,
    prefix: &CodePrefix,
) -> Result<ExitCode, String> {
    let ServerArguments { data_dir, json } = &arguments.server;
    let directory = data_dir.as_deref().unwrap_or(&settings.directory);
    let command = Command::CheckCode { code: arguments.code.clone() };
    let report = match ask(directory, &Request { command, why: String::new() }) {
        Ok(Answer::Code(report)) => report,
        Ok(Answer::Refused { detail }) => return Err(detail),
        Ok(_) => return Err("the server has answered something else than it was asked".to_owned()),
        Err(error) if error.is_no_server() => match settings.store {
            Store::Sqlite => read(directory, &arguments.code, prefix)?,
            Store::Memory => return Err(format!("{error}; with HASHPASS_STORE=memory nobody else knows of codes")),
        },
        Err(error) => return Err(error.to_string()),
    };
    if *json {
        print(&serde_json::to_string(&report).map_err(|error| error.to_string())?)?;
    } else {
        say(&words::of_code(&report));
    }
    Ok(exit_code(report.status == "valid"))
}

/// Looks a code up in the ledger, while no server runs.
fn read(directory: &Path, code: &str, prefix: &CodePrefix) -> Result<CodeReport, String> {
    let code = TypedCode::new(code).map_err(|error| format!("the code {error}"))?;
    let found = find_code(directory, &code.meant(prefix)).map_err(|error| error.to_string())?;
    Ok(found.map_or_else(CodeReport::unknown, |record| CodeReport::of(&record, SystemTime::now().into())))
}

fn exit_code(is_valid: bool) -> ExitCode {
    if is_valid { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
