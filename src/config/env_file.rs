//! The file `.env`: what it holds, and an example of one.

use super::{
    problem::{Problem, Problems},
    proxies,
    table::VARIABLES,
    variable::Variable,
};
use std::{collections::HashMap, fmt::Write, io::Read};

/// A `.env` in which every variable is explained and none is set.
pub fn example() -> String {
    let mut text = String::from("# Every setting of HashPass. What the environment sets wins over this file.\n");
    for Variable { name, default, purpose, .. } in VARIABLES {
        let _ = write!(text, "\n# {purpose}\n#{name}={}\n", default.as_str());
    }
    text
}

/// The environment over `.env` in the current directory or one above it.
///
/// # Errors
/// [`Problems`] if there is a `.env` that cannot be read.
pub(super) fn environment() -> Result<HashMap<String, String>, Problems> {
    let mut values = match dotenvy::dotenv_iter() {
        Ok(lines) => gather(lines)?,
        Err(error) if error.not_found() => HashMap::new(),
        Err(error) => return Err(unreadable(&error)),
    };
    let readable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
    };
    values.extend(std::env::vars_os().filter_map(readable));
    proxies::take_lower_case(&mut values);
    Ok(values)
}

/// The names and values in the text of a `.env` file.
///
/// # Errors
/// [`Problems`].
pub fn values_of_env_file(text: impl Read) -> Result<HashMap<String, String>, Problems> {
    gather(dotenvy::from_read_iter(text))
}

fn gather<R: Read>(lines: dotenvy::Iter<R>) -> Result<HashMap<String, String>, Problems> {
    let mut values = HashMap::new();
    let mut last = None;
    for line in lines {
        let (name, value) = line.map_err(|error| broken_line(&error, last))?;
        last = VARIABLES.iter().map(|variable| variable.name).find(|known| *known == name).or(last);
        values.insert(name, value);
    }
    Ok(values)
}

/// The parser's own words quote the line, which may hold a secret; so the line is
/// told by the last variable before it.
fn broken_line(error: &dotenvy::Error, last: Option<&str>) -> Problems {
    let place = last.map(|name| format!(" after that of {name}")).unwrap_or_default();
    match error {
        dotenvy::Error::LineParse(..) => problem(format!(
            "has a line{place} that is not NAME=value; a value with spaces, quotes or $ must be in single quotes"
        )),
        other => unreadable(other),
    }
}

fn unreadable(error: &dotenvy::Error) -> Problems {
    problem(match error {
        dotenvy::Error::Io(error) => format!("cannot be read: {error}"),
        _ => "cannot be read".to_owned(),
    })
}

fn problem(rule: String) -> Problems {
    Problems(vec![Problem::of_env_file(rule)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_file_is_the_table() {
        assert_eq!(include_str!("../../.env.example"), example(), "hashpass print-env-example > .env.example");
    }

    #[test]
    fn a_broken_env_file_is_not_quoted() {
        for (file, told) in [
            ("PORT=1\nWEBHOOK_TOKEN='hushed", "a line after that of PORT that is not NAME=value"),
            ("PORT=1\nhushed=1\nWEBHOOK_TOKEN=hushed hushed\n", "a line after that of PORT that is not NAME=value"),
            ("hushed\n", "a line that is not NAME=value"),
            ("hushed='hushed\n", "a line that is not NAME=value"),
        ] {
            let problems = values_of_env_file(file.as_bytes()).unwrap_err();
            let text = format!("{problems} {problems:?}");
            assert!(text.contains(told) && !text.contains("hushed"), "{file:?}: {text}");
        }
        let values = values_of_env_file("# words\nexport PORT=1\nHOST='::'\n".as_bytes()).unwrap();
        assert_eq!(values, HashMap::from([("PORT".into(), "1".into()), ("HOST".into(), "::".into())]));
    }
}
