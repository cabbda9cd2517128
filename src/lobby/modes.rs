//! Modes of channels and of their members.
//!
//! A MODE command is read as a whole before anything of it is done: one wrong
//! letter or parameter and nothing changes.

use super::numeric::{self, Numeric};
use puzzle::stamp::Bits;
use std::fmt;

/// The most changes in one command.
const MOST_CHANGES: usize = 12;

/// The modes of a channel: `i`, `m`, `n`, `s`, `t`, and `H` with its bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelModes {
    /// Only the invited may join.
    pub invite_only: bool,
    /// Only operators and the voiced may speak.
    pub moderated: bool,
    /// Only members may speak.
    pub members_only: bool,
    /// Not listed to others.
    pub secret: bool,
    /// Only operators may set the topic.
    pub topic_locked: bool,
    /// Messages need a stamp of so many bits; none if zero.
    pub hashcash: Bits,
}

impl ChannelModes {
    /// What a channel begins with: `+n`.
    pub fn initial() -> Self {
        Self { members_only: true, ..Self::default() }
    }

    /// From the letters that the store keeps.
    pub fn from_letters(letters: &str, hashcash: Bits) -> Self {
        let mut modes = Self { hashcash, ..Self::default() };
        for letter in letters.chars() {
            if let Some(flag) = modes.flag(letter) {
                *flag = true;
            }
        }
        modes
    }

    /// The letters of the flags that are set, in alphabetical order.
    pub fn letters(&self) -> String {
        let Self { invite_only, moderated, members_only, secret, topic_locked, hashcash: _ } = *self;
        [(invite_only, 'i'), (moderated, 'm'), (members_only, 'n'), (secret, 's'), (topic_locked, 't')]
            .into_iter()
            .filter_map(|(set, letter)| set.then_some(letter))
            .collect()
    }

    /// The flag of a letter.
    pub fn flag(&mut self, letter: char) -> Option<&mut bool> {
        Some(match letter {
            'i' => &mut self.invite_only,
            'm' => &mut self.moderated,
            'n' => &mut self.members_only,
            's' => &mut self.secret,
            't' => &mut self.topic_locked,
            _ => return None,
        })
    }
}

/// As 324 shows them: `+nt`, `+nH 20`, `+`.
impl fmt::Display for ChannelModes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.letters())?;
        if self.hashcash.is_none() { Ok(()) } else { write!(f, "H {}", self.hashcash) }
    }
}

/// One change that a MODE command asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A flag of the channel is set or cleared.
    Flag(char, bool),
    /// The stamp of messages: zero bits clear it.
    Hashcash(Bits),
    /// A member becomes or ceases to be an operator (`o`) or voiced (`v`).
    Member(char, bool, String),
}

/// Reads the arguments of MODE after the channel's name.
///
/// # Errors
/// 472 for a letter that is no mode, 461 for a missing parameter, 696 for one that
/// is wrong. Nothing may be done then.
pub fn parse(channel: &str, arguments: &[&str]) -> Result<Vec<Change>, Numeric> {
    let Some((letters, parameters)) = arguments.split_first() else { return Ok(Vec::new()) };
    let mut parameters = parameters.iter();
    let mut changes = Vec::new();
    let mut set = true;
    for letter in letters.chars() {
        match letter {
            '+' => set = true,
            '-' => set = false,
            'i' | 'm' | 'n' | 's' | 't' => changes.push(Change::Flag(letter, set)),
            'o' | 'v' => {
                let nick = parameters.next().ok_or_else(|| missing(set, letter))?;
                changes.push(Change::Member(letter, set, (*nick).to_owned()));
            }
            'H' if set => {
                let text = parameters.next().ok_or_else(|| missing(set, letter))?;
                let plain = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
                let bits = text.parse().ok().filter(|bits| plain && 0 < *bits).and_then(|bits| Bits::new(bits).ok());
                let bits = bits.ok_or_else(|| {
                    let text: String = text.chars().take(40).collect();
                    let why = "Invalid mode parameter: the bits of +H are an integer from 1 to 40";
                    numeric::INVALIDMODEPARAM.saying(&[channel, "H", &text], why)
                })?;
                changes.push(Change::Hashcash(bits));
            }
            'H' => {
                // With or without the parameter, whatever that is.
                parameters.next();
                changes.push(Change::Hashcash(Bits::NONE));
            }
            _ => {
                let letter = letter.to_string();
                return Err(numeric::UNKNOWNMODE.about(&[&letter]));
            }
        }
        if MOST_CHANGES < changes.len() {
            return Err(numeric::INVALIDMODEPARAM.saying(&[channel], "At most 12 changes in one command"));
        }
    }
    Ok(changes)
}

fn missing(set: bool, letter: char) -> Numeric {
    let sign = if set { '+' } else { '-' };
    numeric::NEEDMOREPARAMS.saying(&["MODE"], format!("Not enough parameters: {sign}{letter} needs one"))
}

/// Changes as they are told to the members: letters first, then parameters.
#[derive(Debug, Default)]
pub struct AppliedChanges {
    letters: String,
    parameters: Vec<String>,
    sign: Option<bool>,
}

impl AppliedChanges {
    /// Adds a change.
    pub fn add(&mut self, set: bool, letter: char, parameter: Option<String>) {
        if self.sign != Some(set) {
            self.letters.push(if set { '+' } else { '-' });
            self.sign = Some(set);
        }
        self.letters.push(letter);
        self.parameters.extend(parameter);
    }

    /// The parameters of the MODE event; empty if nothing has changed.
    pub fn into_params(self) -> Vec<String> {
        if self.letters.is_empty() {
            return Vec::new();
        }
        [self.letters].into_iter().chain(self.parameters).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bits(bits: u8) -> Bits {
        Bits::new(bits).unwrap()
    }

    #[test]
    fn modes_are_shown_as_documented() {
        let mut modes = ChannelModes::initial();
        assert_eq!(modes.to_string(), "+n");
        modes.hashcash = bits(20);
        assert_eq!(modes.to_string(), "+nH 20");
        assert_eq!(ChannelModes::default().to_string(), "+");
        assert_eq!(ChannelModes::from_letters("imnst", Bits::NONE).to_string(), "+imnst");
    }

    #[test]
    fn commands_are_read_as_a_whole() {
        let read = |arguments: &[&str]| parse("#a", arguments).map_err(|numeric| numeric.code);
        assert_eq!(read(&[]), Ok(vec![]));
        assert_eq!(
            read(&["+mo-tv", "bob", "eve"]),
            Ok(vec![
                Change::Flag('m', true),
                Change::Member('o', true, "bob".into()),
                Change::Flag('t', false),
                Change::Member('v', false, "eve".into())
            ])
        );
        assert_eq!(read(&["+H", "20"]), Ok(vec![Change::Hashcash(bits(20))]));
        assert_eq!(read(&["-H"]), Ok(vec![Change::Hashcash(Bits::NONE)]));
        assert_eq!(read(&["-Ho", "20", "bob"]).map(|changes| changes.len()), Ok(2));
        for (arguments, code) in [
            (&["+H"][..], "461"),
            (&["+o"], "461"),
            (&["+H", "0"], "696"),
            (&["+H", "41"], "696"),
            (&["+H", "-5"], "696"),
            (&["+H", "+5"], "696"),
            (&["+H", "300"], "696"),
            (&["+H", "abc"], "696"),
            (&["+H", ""], "696"),
            (&["+H", "8.5"], "696"),
            (&["+nz"], "472"),
            (&["+nH", "99"], "696"),
            (&["+nnnnnnnnnnnnn"], "696"),
        ] {
            assert_eq!(read(arguments), Err(code), "{arguments:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(letters in "\\PC{0,20}", parameters in proptest::collection::vec("\\PC{0,6}", 0..4)) {
            let arguments: Vec<&str> = std::iter::once(&*letters).chain(parameters.iter().map(String::as_str)).collect();
            match parse("#a", &arguments) {
                Ok(changes) => prop_assert!(changes.len() <= MOST_CHANGES),
                Err(numeric) => prop_assert!(["461", "472", "696"].contains(&numeric.code)),
            }
        }

        #[test]
        fn letters_survive_the_store(flags in proptest::bits::u8::masked(31), hashcash in 0_u8..=40) {
            let letters: String = "imnst".chars().enumerate().filter(|(at, _)| flags >> at & 1 == 1).map(|(_, c)| c).collect();
            let modes = ChannelModes::from_letters(&letters, bits(hashcash));
            prop_assert_eq!(modes.letters(), letters);
            prop_assert_eq!(ChannelModes::from_letters(&modes.letters(), modes.hashcash), modes);
        }

        #[test]
        fn what_is_told_reads_back_as_what_was_done(bits in 1_u8..=40, set in any::<bool>()) {
            let mut applied = AppliedChanges::default();
            applied.add(set, 'm', None);
            applied.add(true, 'H', Some(bits.to_string()));
            applied.add(false, 'o', Some("bob".into()));
            let params = applied.into_params();
            let arguments: Vec<&str> = params.iter().map(String::as_str).collect();
            let expected =
                vec![Change::Flag('m', set), Change::Hashcash(Bits::new(bits).unwrap()), Change::Member('o', false, "bob".into())];
            prop_assert_eq!(parse("#a", &arguments).unwrap(), expected);
        }
    }
}
