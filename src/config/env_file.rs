//! The file `.env`: what it holds, and an example of one.
//!
//! A line is `NAME=value`, a comment after `#`, or empty. The value is taken as it stands,
//! or as it stands between quotes: nothing in it is expanded or escaped, so that what an
//! operator sees is what the server gets.

use super::{
    problem::{Problem, Problems},
    table::VARIABLES,
    variable::{DefaultValue, Variable},
};
use std::{
    collections::{HashMap, hash_map::Entry},
    fmt::Write,
};

/// The mark that some editors put at the beginning of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A `.env` in which every variable is explained and none is set. Each line may be
/// uncommented: then it says what holds anyway.
pub fn example() -> String {
    let mut text = String::from("# Every setting of HashPass. What the environment sets wins over this file.\n");
    for Variable { name, default, purpose, .. } in VARIABLES {
        let (words, value) = match default {
            DefaultValue::Text(text) => (String::new(), *text),
            DefaultValue::Computed(words) => (format!("; not set: {words}"), ""),
            DefaultValue::Nothing => (String::new(), ""),
        };
        let _ = write!(text, "\n# {purpose}{words}\n#{name}={value}\n");
    }
    text
}

/// The names and values in a `.env` file.
///
/// # Errors
/// [`Problems`]: every line that is wrong, by its number. No part of a line is repeated,
/// as it may hold a secret.
pub fn values_of_env_file(bytes: &[u8]) -> Result<HashMap<String, String>, Problems> {
    values_of_file(".env", bytes)
}

/// The same of a file that problems shall call by this name.
pub(super) fn values_of_file(file: &str, bytes: &[u8]) -> Result<HashMap<String, String>, Problems> {
    let mut values = HashMap::new();
    let mut numbers = HashMap::new();
    let mut problems = Vec::new();
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let mut complain =
            |rule: &str| problems.push(Problem::of_name(file.to_owned(), format!("line {number} {rule}")));
        let Ok(line) = str::from_utf8(line) else {
            complain("is not UTF-8");
            continue;
        };
        let (name, value) = match understand(line) {
            Ok(Some(setting)) => setting,
            Ok(None) => continue,
            Err(rule) => {
                complain(rule);
                continue;
            }
        };
        match numbers.entry(name.to_owned()) {
            Entry::Occupied(first) => complain(&format!("sets what line {} has set already", first.get())),
            Entry::Vacant(place) => {
                place.insert(number);
                values.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(Problems(problems)) }
}

/// The name and the value on a line; nothing on one that is empty or a comment.
///
/// # Errors
/// The rule that the line breaks.
fn understand(line: &str) -> Result<Option<(&str, &str)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (name, value) = line.split_once('=').ok_or("is not NAME=value")?;
    let name = name.trim();
    let name = name.strip_prefix("export ").map_or(name, str::trim);
    let is_name = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err("is not NAME=value");
    }
    let value = value.trim();
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let inner = value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
            match inner {
                Some(inner) if !inner.contains(quote) => Ok(Some((name, inner))),
                _ => Err("has a value that does not end with the quote that it begins with"),
            }
        }
        _ if value.contains(" #") || value.contains("\t#") => {
            Err("has a # behind its value: put the value in quotes, or the comment on a line of its own")
        }
        _ => Ok(Some((name, value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn values(text: &str) -> HashMap<String, String> {
        values_of_env_file(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_example_file_is_the_table() {
        assert_eq!(include_str!("../../.env.example"), example(), "hashpass print-env-example > .env.example");
    }

    #[test]
    fn every_line_of_the_example_may_be_uncommented() {
        let usual = HashMap::from([
            ("TURNSTILE_SITE_KEY".to_owned(), "a".to_owned()),
            ("TURNSTILE_SECRET_KEY".to_owned(), "b".to_owned()),
        ]);
        let example = example();
        let settings = example.lines().filter_map(|line| line.strip_prefix('#').filter(|line| !line.starts_with(' ')));
        let mut all = usual.clone();
        for line in settings {
            let said = values(line);
            assert_eq!(said.len(), 1, "{line}");
            let over = |values: &HashMap<String, String>| {
                let mut values = values.clone();
                values.extend(said.clone().into_iter().filter(|(_, value)| !value.is_empty()));
                values
            };
            assert!(Config::from_values(&over(&usual)).is_ok(), "{line}");
            all = over(&all);
        }
        let all_at_once = Config::from_values(&all).unwrap();
        assert_eq!(format!("{all_at_once:?}"), format!("{:?}", Config::from_values(&usual).unwrap()));
    }

    #[test]
    fn a_value_is_taken_as_it_stands() {
        for (line, value) in [
            ("A=abc$def9", "abc$def9"),
            ("A=${HOME}\\n", "${HOME}\\n"),
            ("A=two words", "two words"),
            ("  A =  spaces around ", "spaces around"),
            ("export A=1", "1"),
            ("A='single # quotes'", "single # quotes"),
            ("A=\"double $quotes \"", "double $quotes "),
            ("A=it's", "it's"),
            ("A=a#b", "a#b"),
            ("A=a=b", "a=b"),
            ("A=", ""),
            ("A=1\r", "1"),
            ("\u{feff}A=1", "1"),
            ("# words\n\nA=1\n", "1"),
        ] {
            assert_eq!(values(line), HashMap::from([("A".to_owned(), value.to_owned())]), "{line:?}");
        }
        assert_eq!(values("# B=1\n"), HashMap::new());
    }

    #[test]
    fn wrong_lines_are_told_by_their_numbers_and_not_quoted() {
        for (file, told) in [
            ("PORT=1\nWEBHOOK_TOKEN='hushed", "line 2 has a value that does not end with the quote"),
            ("PORT=1\nWEBHOOK_TOKEN=\"hushed\" hushed\n", "line 2 has a value that does not end with the quote"),
            ("\n\nhushed\n", "line 3 is not NAME=value"),
            ("hushed hushed=1\n", "line 1 is not NAME=value"),
            ("=hushed\n", "line 1 is not NAME=value"),
            ("A=hushed # words\n", "line 1 has a # behind its value"),
            ("A=hushed\nB=1\nA=hushed\n", "line 3 sets what line 1 has set already"),
        ] {
            let problems = values_of_env_file(file.as_bytes()).unwrap_err();
            let text = format!("{problems} {problems:?}");
            assert!(text.contains(told) && !text.contains("hushed"), "{file:?}: {text}");
        }
        let both = values_of_env_file(b"nothing\nA=\xff\n").unwrap_err().to_string();
        assert!(both.contains(".env line 1 is not") && both.contains(".env line 2 is not UTF-8"), "{both}");
    }
}
