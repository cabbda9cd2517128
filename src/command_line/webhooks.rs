//! `hashpass webhooks`: what the webhook of the server that runs is told.

use super::{
    ctl::ServerArguments,
    said::{print, say_answer},
    words,
};
use clap::{Args, Subcommand};
use hashpass::admin::{
    client::ask,
    protocol::{Answer, Command, Request},
};
use std::{path::Path, process::ExitCode};

#[derive(Debug, Args)]
pub(crate) struct WebhooksArguments {
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List the deliveries that wait, and those that nobody tries any more.
    List {
        /// Also those that the receiver has taken in the last thirty days.
        #[arg(long)]
        all: bool,
    },
    /// Deliver something as if it were new, and tell what the receiver says.
    Resend {
        /// The delivery's number in the list.
        id: u64,
        /// Why; kept in the ledger.
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        why: String,
    },
    /// Deliver something that is no code, and tell what the receiver says.
    Test,
}

/// Has the server whose data directory this is do what is wanted, and prints what it says.
///
/// # Errors
/// In words, if it cannot be asked.
pub(crate) fn webhooks(directory: &Path, arguments: WebhooksArguments) -> Result<ExitCode, String> {
    let WebhooksArguments { server, act } = arguments;
    let (command, why) = match act {
        Act::List { all } => return list(directory, all, server.json),
        Act::Resend { id, why } => (Command::Resend { id }, why),
        Act::Test => (Command::TestDelivery, String::new()),
    };
    let answer = ask(directory, &Request { command, why }).map_err(|error| error.to_string())?;
    let code = say_answer(&answer, server.json, |answer| match answer {
        Answer::Delivery(delivery) => Some(words::of_delivery(delivery)),
        _ => None,
    })?;
    // Whoever asks for a delivery wants to know whether it has arrived.
    let has_arrived = matches!(&answer, Answer::Delivery(delivery) if delivery.state == "delivered");
    Ok(if has_arrived { code } else { ExitCode::FAILURE })
}

/// Prints all deliveries, a part of the list after the other.
fn list(directory: &Path, all: bool, as_json: bool) -> Result<ExitCode, String> {
    let mut after = 0;
    loop {
        let request = Request { command: Command::ListDeliveries { after, all }, why: String::new() };
        let answer = ask(directory, &request).map_err(|error| error.to_string())?;
        let Answer::Deliveries { deliveries, more } = &answer else {
            return say_answer(&answer, as_json, |_| None);
        };
        for delivery in deliveries {
            if as_json {
                print(&serde_json::to_string(delivery).map_err(|error| error.to_string())?)?;
            } else {
                print(&words::of_delivery(delivery))?;
            }
        }
        match deliveries.last() {
            Some(last) if *more => after = last.id,
            None if after == 0 && !as_json => {
                print("Nothing waits for the webhook.")?;
                return Ok(ExitCode::SUCCESS);
            }
            _ => return Ok(ExitCode::SUCCESS),
        }
    }
}
