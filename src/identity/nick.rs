//! Nicks: the names of people, in the race and in the lobby alike. Validated once,
//! compared without regard to the case of ASCII letters, as the lobby's
//! `CASEMAPPING=ascii` promises.

use rand::seq::IndexedRandom;
use std::{fmt, str::FromStr};

/// The most characters of a nick; all of them are ASCII.
const LONGEST_NICK: usize = 32;

/// A name in lower case: what is compared and looked up. Names of channels are folded
/// in the same way.
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

/// Two words and a number, such as `calm_otter_41729`.
pub(super) fn friendly_nick() -> Nick {
    const MOODS: &[&str] = &[
        "amber", "bold", "brave", "bright", "calm", "clever", "cosy", "early", "fair", "gentle", "happy", "kind",
        "lively", "lucky", "merry", "mellow", "noble", "patient", "quiet", "quick", "silver", "steady", "sunny",
        "wise",
    ];
    const ANIMALS: &[&str] = &[
        "badger", "beaver", "crane", "deer", "dolphin", "falcon", "finch", "fox", "heron", "ibex", "lark", "lynx",
        "marten", "otter", "owl", "panda", "puffin", "raven", "robin", "seal", "swan", "tiger", "wren", "yak",
    ];
    let mut random = rand::rng();
    let mood = MOODS.choose(&mut random).copied().unwrap_or("calm");
    let animal = ANIMALS.choose(&mut random).copied().unwrap_or("otter");
    let nick = format!("{mood}_{animal}_{}", rand::random_range(100..100_000));
    nick.parse().unwrap_or_else(|_| unreachable!("letters, underscores and digits are a nick"))
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
        }
    }
}
