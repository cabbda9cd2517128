//! The command line.

use crate::{
    chat::{AtEnd, Plan},
    failure::{EXIT_CODES, Failure},
    server_url::ServerUrl,
    session::{Identity, Limits},
};
use clap::{Args, Parser, Subcommand};
use puzzle::stamp::Bits;
use std::{
    io::{IsTerminal, stdin, stdout},
    path::PathBuf,
    time::Duration,
};

/// Talk in the lobby of a HashPass server, from a terminal or a script.
///
/// At a terminal, type /help for the commands. Otherwise every line of standard input
/// is sent (a line that begins with / is a command), and the program ends when all
/// was delivered. The session stays open for the next time, unless --quit or /quit
/// ends it. Times are UTC.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    chat: ChatArguments,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Args)]
struct ChatArguments {
    /// The server's URL.
    #[arg(long, value_name = "URL", required = true, help = "The server, such as https://example.org")]
    server: Option<ServerUrl>,
    /// Your nick; the server thinks one up if you give none.
    #[arg(long)]
    nick: Option<String>,
    /// A channel to be in; may be given several times, and text goes to the last.
    #[arg(long, value_name = "CHANNEL", default_value = "#lobby")]
    join: Vec<String>,
    /// Enter the session of --nick with the password in this file.
    #[arg(long, value_name = "FILE", requires = "nick")]
    password_file: Option<PathBuf>,
    /// Where the session is kept [default: one file a server, in the user's state directory].
    #[arg(long, value_name = "FILE")]
    cookie_file: Option<PathBuf>,
    /// Print what happens as JSON, one envelope a line.
    #[arg(long)]
    json: bool,
    /// Every line of input is text, even if it begins with a slash.
    #[arg(long)]
    literal: bool,
    /// Go on listening after the end of input.
    #[arg(long)]
    follow: bool,
    /// End the session at the end of input.
    #[arg(long, conflicts_with = "follow")]
    quit: bool,
    #[command(flatten)]
    limits: LimitArguments,
}

#[derive(Debug, Args)]
struct LimitArguments {
    /// The dearest proof-of-work to compute, in bits: each more doubles the work.
    #[arg(long, value_name = "BITS", default_value_t = 28, value_parser = clap::value_parser!(u8).range(0..=40))]
    max_bits: u8,
    /// How many seconds to go on with a line while the server does not answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    patience: u64,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a stamp.
    Mint {
        #[command(subcommand)]
        stamp: MintArguments,
    },
}

#[derive(Debug, Subcommand)]
enum MintArguments {
    /// A stamp that opens a session.
    Session {
        /// Ask this server what it wants.
        #[arg(long, value_name = "URL", required_unless_present_all = ["resource", "bits"])]
        server: Option<ServerUrl>,
        /// The server's name, instead of asking.
        #[arg(long, value_name = "NAME")]
        resource: Option<String>,
        /// How many zero bits, instead of asking.
        #[arg(long, value_parser = parse_bits)]
        bits: Option<Bits>,
    },
    /// A stamp for one message to a channel with mode +H.
    Channel {
        /// The channel.
        #[arg(value_name = "#CHANNEL")]
        channel: String,
        /// How many zero bits.
        #[arg(long, value_parser = parse_bits)]
        bits: Bits,
        /// The message; may be given several times, for several lines.
        #[arg(long, value_name = "TEXT", required = true)]
        body: Vec<String>,
    },
}

/// A stamp that was asked for.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// One that opens a session; what is not given is asked for.
    Session {
        /// Whom to ask.
        server: Option<ServerUrl>,
        /// The server's name.
        resource: Option<String>,
        /// How many bits.
        bits: Option<Bits>,
    },
    /// One for a message.
    Channel {
        /// The channel.
        channel: String,
        /// How many bits.
        bits: Bits,
        /// The message.
        body: Vec<String>,
    },
}

/// What to do.
pub(crate) enum Task {
    /// Talk.
    Chat(Box<Plan>),
    /// Print a stamp.
    Mint(Wanted),
}

impl CommandLine {
    /// What the command line asks for; reads the password's file.
    ///
    /// # Errors
    /// [`Failure`] for what makes no sense.
    pub(crate) fn into_task(self) -> Result<Task, Failure> {
        let chat = match self.command {
            None => self.chat,
            Some(Command::Mint { stamp: MintArguments::Session { server, resource, bits } }) => {
                no_separators("--resource", resource.as_deref().unwrap_or_default())?;
                return Ok(Task::Mint(Wanted::Session { server, resource, bits }));
            }
            Some(Command::Mint { stamp: MintArguments::Channel { channel, bits, body } }) => {
                if !channel.starts_with('#') {
                    return Err(Failure::usage("a channel begins with #; mind that a shell wants quotes: '#lobby'"));
                }
                no_separators("a channel", &channel)?;
                return Ok(Task::Mint(Wanted::Channel { channel, bits, body }));
            }
        };
        let server = chat.server.ok_or_else(|| Failure::usage("--server is missing"))?;
        let password = chat.password_file.map(|path| match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => Err(Failure::usage(format!("{} cannot be read: {error}", path.display()))),
        });
        let at_end = match (chat.follow, chat.quit) {
            (true, _) => AtEnd::Follow,
            (_, true) => AtEnd::Quit,
            _ => AtEnd::Leave,
        };
        let LimitArguments { max_bits, patience } = chat.limits;
        Ok(Task::Chat(Box::new(Plan {
            server,
            identity: Identity { nick: chat.nick, password: password.transpose()? },
            join: chat.join,
            cookie_file: chat.cookie_file,
            limits: Limits { max_bits, patience: Duration::from_secs(patience) },
            json: chat.json,
            literal: chat.literal,
            at_end,
            is_terminal: stdin().is_terminal() && stdout().is_terminal(),
        })))
    }
}

fn parse_bits(text: &str) -> Result<Bits, String> {
    let wrong = || "bits are an integer from 1 to 40".to_owned();
    let bits = text.parse().map_err(|_| wrong()).and_then(|bits| Bits::new(bits).map_err(|_| wrong()))?;
    if bits.is_none() { Err(wrong()) } else { Ok(bits) }
}

/// Fields of a stamp are separated by colons, and it is one word.
fn no_separators(what: &str, text: &str) -> Result<(), Failure> {
    if text.contains(|c: char| c == ':' || c.is_whitespace() || c.is_control()) {
        return Err(Failure::usage(format!("{what} has neither colons nor spaces in it")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent_and_documents_its_exit_codes() {
        CommandLine::command().debug_assert();
        let help = CommandLine::command().render_long_help().to_string();
        assert!(help.contains("Exit codes:") && help.contains("--cookie-file"), "{help}");
    }

    fn parse(arguments: &[&str]) -> Result<Task, String> {
        let words = ["neoirc-cli"].iter().chain(arguments);
        let line = CommandLine::try_parse_from(words).map_err(|error| error.to_string())?;
        line.into_task().map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_is_needed_is_asked_for() {
        assert!(matches!(parse(&["--server", "http://a", "--nick", "bob"]), Ok(Task::Chat(_))));
        assert!(matches!(parse(&["mint", "session", "--resource", "a", "--bits", "8"]), Ok(Task::Mint(_))));
        assert!(matches!(parse(&["mint", "channel", "#a", "--bits", "8", "--body", "hi"]), Ok(Task::Mint(_))));
        for (arguments, part) in [
            (&["--nick", "bob"][..], "--server"),
            (&["--server", "example.org"], "give its URL"),
            (&["--server", "http://a", "--follow", "--quit"], "cannot be used with"),
            (&["--server", "http://a", "--password-file", "x"], "--nick"),
            (&["mint", "session", "--bits", "8"], "--server"),
            (&["mint", "session", "--resource", "a b", "--bits", "8"], "neither colons nor spaces"),
            (&["mint", "channel", "a", "--bits", "8", "--body", "hi"], "begins with #"),
            (&["mint", "channel", "#a", "--bits", "41", "--body", "hi"], "from 1 to 40"),
            (&["mint", "channel", "#a", "--bits", "8"], "--body"),
        ] {
            let Err(error) = parse(arguments) else { panic!("{arguments:?}") };
            assert!(error.contains(part), "{arguments:?}: {error}");
        }
    }
}
