//! Names: of people and of channels. Validated once, compared without regard to
//! the case of ASCII letters, as `CASEMAPPING=ascii` promises.

use std::{fmt, str::FromStr};

/// The most characters of a nick; all of them are ASCII.
pub const LONGEST_NICK: usize = 32;

/// The most characters of a channel's name, with its `#`.
pub const LONGEST_CHANNEL: usize = 50;

/// A name in lower case: what is compared and looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Folded(String);

impl Folded {
    /// Folds any text; one that is no name equals no name.
    pub fn of(text: &str) -> Self {
        Self(text.to_ascii_lowercase())
    }

    /// The folded text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person's name: 1 to 32 characters, the first a letter, `_` or one of
/// ``[ ] \ ` ^ { } |``, the others also digits or `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nick(String);

/// Why a text is no nick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNick {
    /// It is empty or too long.
    #[error("nick must be 1-32 characters")]
    Length,
    /// It has a character that nicks do not have, or not in that place.
    #[error("nick must be letters, digits, - and _[]\\`^{{}}|, and must not begin with a digit or -")]
    Alphabet,
}

impl Nick {
    /// The nick as it was chosen.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nick as it is compared.
    pub fn folded(&self) -> Folded {
        Folded::of(&self.0)
    }
}

impl FromStr for Nick {
    type Err = InvalidNick;

    fn from_str(text: &str) -> Result<Self, InvalidNick> {
        if text.is_empty() || LONGEST_NICK < text.chars().count() {
            return Err(InvalidNick::Length);
        }
        let may_begin = |c: u8| c.is_ascii_alphabetic() || b"_[]\\`^{}|".contains(&c);
        let may_follow = |c: u8| may_begin(c) || c.is_ascii_digit() || c == b'-';
        let mut bytes = text.bytes();
        if bytes.next().is_some_and(may_begin) && bytes.all(may_follow) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidNick::Alphabet)
        }
    }
}

impl fmt::Display for Nick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A channel's name: `#` and 1 to 49 letters, digits, `_` or `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChannelName(String);

/// A text that is no channel's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a channel is # and 1 to 49 letters, digits, _ or -")]
pub struct InvalidChannel;

impl ChannelName {
    /// The name as the channel's creator wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it is compared.
    pub fn folded(&self) -> Folded {
        Folded::of(&self.0)
    }
}

impl FromStr for ChannelName {
    type Err = InvalidChannel;

    fn from_str(text: &str) -> Result<Self, InvalidChannel> {
        let rest = text.strip_prefix('#').ok_or(InvalidChannel)?;
        let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
        if (1..LONGEST_CHANNEL).contains(&rest.len()) && rest.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidChannel)
        }
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_rules_by_example() {
        for good in ["a", "_", "bob", "[bob]", "b-0_b", "\\`^{}|", &"a".repeat(32)] {
            assert_eq!(good.parse::<Nick>().unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("", InvalidNick::Length),
            (&*"a".repeat(33), InvalidNick::Length),
            ("0bob", InvalidNick::Alphabet),
            ("-bob", InvalidNick::Alphabet),
            ("b b", InvalidNick::Alphabet),
            ("b:b", InvalidNick::Alphabet),
            ("#bob", InvalidNick::Alphabet),
            ("böb", InvalidNick::Alphabet),
            ("bob\n", InvalidNick::Alphabet),
        ] {
            assert_eq!(bad.parse::<Nick>(), Err(why), "{bad:?}");
        }
        for good in ["#a", "#0", "#-_", &format!("#{}", "a".repeat(49))] {
            assert!(good.parse::<ChannelName>().is_ok(), "{good}");
        }
        for bad in ["", "#", "a", "##", "#a b", "#a,b", "#a:b", "#ä", "#a\0", &format!("#{}", "a".repeat(50))] {
            assert!(bad.parse::<ChannelName>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn nicks_are_exactly_the_documented_pattern(text in "\\PC{0,40}|[A-Za-z_\\[\\]\\\\`^{}|][A-Za-z0-9_\\-\\[\\]\\\\`^{}|]{0,35}") {
            let first = |c: char| c.is_ascii_alphabetic() || "_[]\\`^{}|".contains(c);
            let other = |c: char| first(c) || c.is_ascii_digit() || c == '-';
            let expected = (1..=32).contains(&text.chars().count())
                && text.chars().enumerate().all(|(at, c)| if at == 0 { first(c) } else { other(c) });
            prop_assert_eq!(text.parse::<Nick>().is_ok(), expected);
        }

        #[test]
        fn folding_forgets_case_and_nothing_else(nick in "[A-Za-z_|][A-Za-z0-9_|-]{0,31}") {
            let nick: Nick = nick.parse().unwrap();
            let other: Nick = nick.as_str().to_ascii_uppercase().parse().unwrap();
            prop_assert_eq!(nick.folded(), other.folded());
            prop_assert_eq!(Folded::of(nick.folded().as_str()), nick.folded());
            // A nick is never a channel's name.
            prop_assert!(nick.as_str().parse::<ChannelName>().is_err());
        }

        #[test]
        fn channel_names_hold_nothing_that_separates(text in "#?[ -~]{0,55}") {
            if let Ok(name) = text.parse::<ChannelName>() {
                prop_assert!(name.as_str().len() <= LONGEST_CHANNEL);
                prop_assert!(!name.as_str().contains([' ', ',', ':', '\n']));
                prop_assert!(name.as_str().parse::<Nick>().is_err());
            }
        }
    }
}
