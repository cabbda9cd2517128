//! Why the program ends, and with which exit code.

use crate::printable::printable;
use std::{fmt, process::ExitCode};

/// The exit codes, for `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  everything was delivered, or the conversation was left by the user
  1  something was refused or not delivered; the rest was done
  2  the command line is wrong
  3  the server cannot be reached, or is no lobby
  4  the session cannot be opened: nick taken, wrong password, proof too dear
  5  the server ended the session
  6  the cookie file cannot be used";

/// The exit code for what was refused along the way.
pub(crate) const REFUSED: u8 = 1;

const UNREACHABLE: u8 = 3;

/// Why nothing more can be done, in one sentence.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    sentence: String,
}

impl Failure {
    /// The output is gone, or something was not delivered.
    pub(crate) fn not_delivered(sentence: impl Into<String>) -> Self {
        Self { code: REFUSED, sentence: sentence.into() }
    }

    /// What was asked for on the command line makes no sense.
    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self { code: 2, sentence: sentence.into() }
    }

    /// The server cannot be reached, or is no lobby.
    pub(crate) fn unreachable(sentence: impl Into<String>) -> Self {
        Self { code: UNREACHABLE, sentence: sentence.into() }
    }

    /// The server does not let us in.
    pub(crate) fn not_admitted(sentence: impl Into<String>) -> Self {
        Self { code: 4, sentence: sentence.into() }
    }

    /// The session has ended.
    pub(crate) fn ended() -> Self {
        Self { code: 5, sentence: "the server has ended this session; start again for a new one".into() }
    }

    /// The cookie file cannot be read, written, or is somebody else's.
    pub(crate) fn cookie_file(sentence: impl Into<String>) -> Self {
        Self { code: 6, sentence: sentence.into() }
    }

    /// True if the same may succeed later.
    pub(crate) fn may_pass(&self) -> bool {
        self.code == UNREACHABLE
    }

    /// The exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.sentence))
    }
}
