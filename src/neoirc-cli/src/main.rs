//! `neoirc-cli`: the lobby of a HashPass server, for terminals and scripts.
//!
//! | module | holds |
//! |---|---|
//! | [`arguments`], [`failure`] | the command line; why the program ends, and how it says so |
//! | [`chat`] | a conversation from its first line to its last |
//! | [`session`], [`jar`] | coming in; what is kept between two starts |
//! | [`listening`], [`speaking`], [`back_off`] | hearing and being heard, over connections that break |
//! | [`minting`] | proof-of-work, on a thread of its own |
//! | [`api`], [`server_url`], [`call_error`], [`envelope`] | the server's interface |
//! | [`slash`], [`render`], [`mod@printable`], [`terminal`] | what the user types and sees |
//!
//! It knows the server by its HTTP interface alone, `/api/v1/*`. It shares with it
//! only the crate that mints stamps.

mod api;
mod arguments;
mod back_off;
mod call_error;
mod chat;
mod envelope;
mod failure;
mod jar;
mod listening;
mod lock;
mod minting;
mod printable;
mod render;
mod server_url;
mod session;
mod slash;
mod speaking;
mod terminal;

use api::Api;
use arguments::{CommandLine, Task, Wanted};
use clap::Parser;
use failure::Failure;
use minting::{Mint, now};
use printable::printable;
use puzzle::stamp::{Bits, channel, session as session_stamp};
use std::{io::Write, process::ExitCode};

fn main() -> ExitCode {
    let outcome = run(CommandLine::parse());
    outcome.unwrap_or_else(|failure| {
        eprintln!("neoirc-cli: {failure}");
        failure.exit_code()
    })
}

fn run(command_line: CommandLine) -> Result<ExitCode, Failure> {
    let task = command_line.into_task()?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::not_delivered(format!("the runtime cannot start: {error}")))?;
    let outcome = runtime.block_on(async {
        match task {
            Task::Chat(plan) => chat::run(*plan).await,
            Task::Mint(wanted) => print_stamp(wanted).await,
        }
    });
    // A thread may still be reading input that is no longer needed: it is not waited
    // for.
    runtime.shutdown_background();
    outcome
}

async fn print_stamp(wanted: Wanted) -> Result<ExitCode, Failure> {
    let prefix = match wanted {
        Wanted::Channel { channel, bits, body } => channel::prefix(bits, &channel, &body, now()),
        Wanted::Session { server, resource, bits } => {
            let (resource, bits) = match (server, resource, bits) {
                (_, Some(resource), Some(bits)) => (resource, bits),
                (Some(server), resource, bits) => {
                    let api = Api::new(server).map_err(Failure::unreachable)?;
                    let view = session::describe(&api).await?;
                    let asked =
                        Bits::new(view.hashcash_bits).map_err(|error| Failure::unreachable(error.to_string()))?;
                    (resource.unwrap_or(view.name), bits.unwrap_or(asked))
                }
                _ => return Err(Failure::usage("give --server, or --resource and --bits")),
            };
            if bits.is_none() {
                return Err(Failure::usage("this server asks for no stamp"));
            }
            session_stamp::prefix(bits, &resource, now())
        }
    };
    let stamp = session::mint_with_progress(&Mint::default(), &prefix).await?;
    writeln!(std::io::stdout(), "{}", printable(&stamp))
        .map_err(|error| Failure::not_delivered(format!("the output cannot be written: {error}")))?;
    Ok(ExitCode::SUCCESS)
}
