//! What is wrong with the settings.

use super::variable::Variable;
use std::{borrow::Cow, fmt};

/// One wrong setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable's name, or that of the file.
    name: Cow<'static, str>,
    /// What is told of its value; nothing if it is not set.
    value: Option<Shown>,
    /// The rule that it breaks, as the end of a sentence that the name begins.
    rule: String,
}

/// What is told of a wrong value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    /// The value itself.
    Value(String),
    /// That there is one: it is a secret.
    Secret,
}

impl Problem {
    /// The variable's value, if it has one, breaks a rule.
    pub(super) fn of_variable(variable: &Variable, value: Option<&str>, rule: impl Into<String>) -> Self {
        let shown = |value: &str| if variable.is_secret { Shown::Secret } else { Shown::Value(value.to_owned()) };
        Self { name: variable.name.into(), value: value.map(shown), rule: rule.into() }
    }

    /// Something that is no variable of the table breaks a rule: a name, or the file of
    /// the settings. Its value is not shown.
    pub(super) fn of_name(name: impl Into<Cow<'static, str>>, rule: impl Into<String>) -> Self {
        Self { name: name.into(), value: None, rule: rule.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, rule } = self;
        match value {
            None => write!(f, "{name} {rule}"),
            Some(Shown::Secret) => write!(f, "{name} (its value is not shown) {rule}"),
            Some(Shown::Value(value)) => write!(f, "{name}={value:?} {rule}"),
        }
    }
}

/// Every wrong setting at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wrong configuration:{}", .0.iter().map(|problem| format!("\n  - {problem}")).collect::<String>())]
pub struct Problems(pub Vec<Problem>);
