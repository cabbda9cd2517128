//! Where settings come from: the environment, `.env`, and files that hold one secret each.
//!
//! This is the only place that reads any of them.

use super::{
    env_file::values_of_file,
    names,
    problem::{Problem, Problems},
    proxies,
    table::VARIABLES,
    variable::FILE_SUFFIX,
};
use crate::logging::LogFormat;
use std::{
    collections::HashMap,
    ffi::OsString,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// The file in the working directory that is read where no other is named.
const ENV_FILE: &str = ".env";

/// Everything that was set, wherever.
#[derive(Clone, Default)]
pub struct Sources {
    /// By name; none is empty.
    values: HashMap<String, String>,
    env_file: Option<PathBuf>,
}

impl Sources {
    /// Reads the environment and, for what it does not set, `env_file`; without one `.env`
    /// in the working directory, if that is there. A secret whose variable is not set is
    /// read from the file that the variable with `_FILE` behind its name names.
    ///
    /// # Errors
    /// [`Problems`].
    pub fn read(env_file: Option<&Path>) -> Result<Self, Problems> {
        let path = env_file.unwrap_or(Path::new(ENV_FILE));
        let name = path.display().to_string();
        let (mut values, env_file) = match std::fs::read(path) {
            Ok(bytes) => (values_of_file(&name, &bytes)?, Some(path.to_owned())),
            Err(error) if env_file.is_none() && error.kind() == ErrorKind::NotFound => (HashMap::new(), None),
            Err(error) => {
                return Err(Problems(vec![Problem::of_name(name, format!("cannot be read: {error}"))]));
            }
        };
        overlay(&mut values, std::env::vars_os());
        proxies::take_lower_case(&mut values);
        resolve_files(&mut values)?;
        Ok(Self { values, env_file })
    }

    /// By name.
    pub const fn values(&self) -> &HashMap<String, String> {
        &self.values
    }

    /// The file that was read, if there was one.
    pub fn env_file(&self) -> Option<&Path> {
        self.env_file.as_deref()
    }

    /// What Kubernetes sets for a Service of our name, and we pass over.
    pub fn injected(&self) -> Vec<&str> {
        let injected = self.values.iter().filter(|(name, value)| names::is_injected(name, value));
        injected.map(|(name, _)| &**name).collect()
    }

    /// How to say what is wrong, where the settings cannot be read as a whole.
    pub fn log_format(sources: Option<&Self>) -> LogFormat {
        let name = super::log::LOG_FORMAT.variable.name;
        let said = match sources {
            Some(sources) => sources.values.get(name).cloned(),
            None => std::env::var(name).ok(),
        };
        if said.is_some_and(|format| format.trim() == "json") { LogFormat::Json } else { LogFormat::Text }
    }
}

impl std::fmt::Debug for Sources {
    /// Values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").field("env_file", &self.env_file).finish_non_exhaustive()
    }
}

/// Lays the environment over what the file says. A variable that is empty is not set: the
/// file's value holds.
fn overlay(values: &mut HashMap<String, String>, environment: impl Iterator<Item = (OsString, OsString)>) {
    for (name, value) in environment {
        let value = value.to_string_lossy();
        if let Ok(name) = name.into_string()
            && !value.trim().is_empty()
        {
            values.insert(name, value.into_owned());
        }
    }
    values.retain(|_, value| !value.trim().is_empty());
}

/// Reads the secrets that are in files of their own.
fn resolve_files(values: &mut HashMap<String, String>) -> Result<(), Problems> {
    let mut problems = Vec::new();
    for variable in VARIABLES.iter().filter(|variable| variable.is_secret) {
        let name = format!("{}{FILE_SUFFIX}", variable.name);
        let Some(path) = values.remove(&name) else { continue };
        if values.contains_key(variable.name) {
            problems.push(Problem::of_name(name, format!("must not be set beside {}", variable.name)));
            continue;
        }
        match std::fs::read_to_string(path.trim()) {
            Ok(secret) if secret.trim().is_empty() => problems.push(Problem::of_name(name, "names an empty file")),
            Ok(secret) => drop(values.insert(variable.name.to_owned(), secret.trim().to_owned())),
            Err(error) => {
                let rule = format!("names {:?}, which cannot be read: {error}", path.trim());
                problems.push(Problem::of_name(name, rule));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_environment_wins_unless_it_is_empty() {
        let mut found = values(&[("PORT", "1"), ("HOST", "::1"), ("RUST_LOG", "")]);
        let environment = [("PORT", "2"), ("HOST", " "), ("EMPTY", "")];
        overlay(&mut found, environment.into_iter().map(|(name, value)| (name.into(), value.into())));
        assert_eq!(found, values(&[("PORT", "2"), ("HOST", "::1")]));
    }

    #[test]
    fn a_secret_may_be_in_a_file_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "of-the-webhook\n").unwrap();
        let path = path.to_str().unwrap();
        let mut found = values(&[("WEBHOOK_TOKEN_FILE", path)]);
        resolve_files(&mut found).unwrap();
        assert_eq!(found, values(&[("WEBHOOK_TOKEN", "of-the-webhook")]));

        let empty = directory.path().join("empty");
        std::fs::write(&empty, "\n").unwrap();
        for (settings, told) in [
            (vec![("WEBHOOK_TOKEN_FILE", path), ("WEBHOOK_TOKEN", "hushed")], "must not be set beside WEBHOOK_TOKEN"),
            (vec![("HASHPASS_HMAC_SECRET_FILE", "/nowhere/secret")], "names \"/nowhere/secret\", which cannot be read"),
            (vec![("TURNSTILE_SECRET_KEY_FILE", empty.to_str().unwrap())], "names an empty file"),
        ] {
            let text = resolve_files(&mut values(&settings)).unwrap_err().to_string();
            assert!(text.contains(told) && !text.contains("hushed"), "{text}");
        }
    }
}
