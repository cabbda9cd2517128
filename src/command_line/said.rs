//! What a command prints, and how it ends.

use hashpass::admin::protocol::Answer;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// Prints an answer of the server, as it came or in words, and says how the program ends.
///
/// # Errors
/// In words, if it cannot be printed.
pub(super) fn say_answer(
    answer: &Answer,
    as_json: bool,
    in_words: impl FnOnce(&Answer) -> Option<String>,
) -> Result<ExitCode, String> {
    let is_refused = matches!(answer, Answer::Refused { .. });
    if as_json {
        print(&serde_json::to_string(answer).map_err(|error| error.to_string())?)?;
    } else if let Answer::Refused { detail } = answer {
        say(&format!("hashpass: {detail}"));
    } else {
        print(&in_words(answer).ok_or("the server has answered something else than it was asked")?)?;
    }
    Ok(if is_refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Prints lines.
///
/// # Errors
/// In words.
pub(super) fn print(lines: &str) -> Result<(), String> {
    writeln!(io::stdout(), "{lines}").map_err(|error| format!("standard output: {error}"))
}

/// Says a line on standard error; nobody may be reading.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
