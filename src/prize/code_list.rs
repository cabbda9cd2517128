//! The operator's own codes: a file with one a line. It is read whole and checked whole,
//! and no line of it is ever quoted: codes belong to those who win them.

use crate::ledger::{Change, CommitError, Ledger, Transaction};
use puzzle::invite_code::{InvalidCode, InviteCode};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

/// The most codes that a list may have.
pub const MOST_LISTED: usize = 500_000;

/// So many codes go into the ledger at once, so that no win waits for long.
const CODES_AT_ONCE: usize = 5_000;

/// So many wrong lines are told of.
const MOST_PROBLEMS: usize = 10;

/// Why a list cannot be handed out. Nothing of it is.
#[derive(Debug, thiserror::Error)]
pub enum CodeListError {
    /// The file cannot be read as text.
    #[error("HASHPASS_CODES_FILE {path} cannot be read: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There are too many lines.
    #[error("HASHPASS_CODES_FILE {path} has more than {MOST_LISTED} lines: that is no scarce thing any more")]
    TooMany {
        /// Which file.
        path: PathBuf,
    },
    /// Lines are no codes, or come twice.
    #[error("HASHPASS_CODES_FILE {path}: {}", lines.join("; "))]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// What is wrong with which line.
        lines: Vec<String>,
    },
    /// The ledger cannot take it.
    #[error("the codes of HASHPASS_CODES_FILE cannot be written down: {0}")]
    Commit(#[from] CommitError),
}

/// The codes of a list, in order. Lines end with LF or CRLF; nothing is trimmed.
///
/// # Errors
/// [`CodeListError`].
pub fn read_code_list(path: &Path) -> Result<Vec<String>, CodeListError> {
    let text =
        fs::read_to_string(path).map_err(|source| CodeListError::Unreadable { path: path.to_owned(), source })?;
    let codes: Vec<&str> = text.strip_prefix('\u{feff}').unwrap_or(&text).lines().collect();
    if MOST_LISTED < codes.len() {
        return Err(CodeListError::TooMany { path: path.to_owned() });
    }
    let wrong = wrong_lines(&codes);
    if wrong.is_empty() {
        Ok(codes.into_iter().map(str::to_owned).collect())
    } else {
        Err(CodeListError::Wrong { path: path.to_owned(), lines: wrong })
    }
}

fn wrong_lines(codes: &[&str]) -> Vec<String> {
    let mut first = HashMap::with_capacity(codes.len());
    let mut wrong = Vec::new();
    for (number, code) in (1..).zip(codes) {
        if let Err(why) = InviteCode::listed(code) {
            let why: InvalidCode = why;
            wrong.push(format!("line {number} {why}"));
        } else if let Some(before) = first.insert(*code, number) {
            wrong.push(format!("line {number} is the same as line {before}"));
        }
        if wrong.len() == MOST_PROBLEMS {
            wrong.push("and perhaps more".to_owned());
            break;
        }
    }
    wrong
}

/// Puts the codes into the ledger that are not there yet.
///
/// # Errors
/// [`CodeListError::Commit`]; what was put in before stays in.
pub async fn import_codes(ledger: &dyn Ledger, codes: Vec<String>) -> Result<(), CodeListError> {
    for codes in codes.chunks(CODES_AT_ONCE) {
        ledger.commit(Transaction::new().with(Change::AddCodes(codes.to_vec()))).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<Vec<String>, CodeListError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("codes.txt");
        fs::write(&path, text).unwrap();
        read_code_list(&path)
    }

    #[test]
    fn a_list_is_taken_as_it_stands() {
        assert_eq!(list("B\nA\r\nc d").unwrap(), ["B", "A", "c d"]);
        assert_eq!(list("\u{feff}A\n").unwrap(), ["A"]);
        assert!(list("").unwrap().is_empty(), "an empty list is a drop that is sold out");
    }

    #[test]
    fn wrong_lines_are_told_by_number_and_never_quoted() {
        for (text, told) in [
            ("A\n\nB\n", "line 2 is empty"),
            ("SECRET-1\nB\nSECRET-1\n", "line 3 is the same as line 1"),
            ("A\nSECRET\tTAB\n", "line 2 holds a control character"),
            (&format!("A\n{}\n", "SECRET".repeat(40)), "line 2 is longer than 200 bytes"),
        ] {
            let message = list(text).unwrap_err().to_string();
            assert!(message.contains(told) && !message.contains("SECRET"), "{message}");
        }
        let many = list(&"A\n".repeat(100)).unwrap_err().to_string();
        assert!(many.ends_with("and perhaps more") && many.len() < 600, "{many}");
    }

    #[test]
    fn a_list_without_end_is_refused() {
        let text: String = (0..=MOST_LISTED).map(|number| format!("{number}\n")).collect();
        assert!(matches!(list(&text), Err(CodeListError::TooMany { .. })));
        assert!(matches!(read_code_list(Path::new("/nonexistent")), Err(CodeListError::Unreadable { .. })));
    }
}
