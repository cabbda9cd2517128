//! The declaration of a variable.
//!
//! A variable is declared once, as a constant beside the function that parses it,
//! and the reader is handed that constant. There are two kinds, so that what is
//! documented as a default cannot differ from the default that holds:
//! [`WithDefault`] is a variable whose default is text, which the parser reads when
//! nothing is set, and [`Optional`] is one whose absence the parser has to deal
//! with, because the type of what is read is then an `Option`.

/// What ends the name of a variable that names a file with the value of another, a secret.
pub(super) const FILE_SUFFIX: &str = "_FILE";

/// What people are told of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The name in the environment.
    pub name: &'static str,
    /// What holds when it is not set.
    pub default: DefaultValue,
    /// What it is for, in a line.
    pub purpose: &'static str,
    /// True if its value must never be repeated: not in messages, not in the log.
    pub is_secret: bool,
}

/// What holds when a variable is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// This text, read by the parser as if it had been set.
    Text(&'static str),
    /// A value that the server makes at its start, described in words.
    Computed(&'static str),
    /// Nothing.
    Nothing,
}

impl DefaultValue {
    /// The text or the words; empty for nothing.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text(text) | Self::Computed(text) => text,
            Self::Nothing => "",
        }
    }
}

/// A variable that always has a value: its default is text.
#[derive(Clone, Copy, Debug)]
pub(super) struct WithDefault {
    /// Its declaration, for people.
    pub(super) variable: Variable,
    /// What is parsed when it is not set; the same as in the declaration.
    pub(super) default: &'static str,
}

impl WithDefault {
    /// A variable by its name, its default and what it is for.
    pub(super) const fn new(name: &'static str, default: &'static str, purpose: &'static str) -> Self {
        let variable = Variable { name, default: DefaultValue::Text(default), purpose, is_secret: false };
        Self { variable, default }
    }
}

/// A variable that may have no value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Optional {
    /// Its declaration, for people.
    pub(super) variable: Variable,
}

impl Optional {
    /// A variable by its name and what it is for, without a default.
    pub(super) const fn new(name: &'static str, purpose: &'static str) -> Self {
        Self { variable: Variable { name, default: DefaultValue::Nothing, purpose, is_secret: false } }
    }

    /// The same with a default that the server makes, described in `words`.
    pub(super) const fn computed(mut self, words: &'static str) -> Self {
        self.variable.default = DefaultValue::Computed(words);
        self
    }

    /// The same with a value that must never be repeated.
    pub(super) const fn secret(mut self) -> Self {
        self.variable.is_secret = true;
        self
    }
}
