//! Names of channels. Validated once, compared without regard to the case of ASCII
//! letters, as `CASEMAPPING=ascii` promises.

use crate::identity::nick::Folded;
use std::{fmt, str::FromStr};

/// The most characters of a channel's name, with its `#`.
pub const LONGEST_CHANNEL: usize = 50;

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
    use crate::identity::nick::Nick;
    use proptest::prelude::*;

    #[test]
    fn the_rules_by_example() {
        for good in ["#a", "#0", "#-_", &format!("#{}", "a".repeat(49))] {
            assert!(good.parse::<ChannelName>().is_ok(), "{good}");
        }
        for bad in ["", "#", "a", "##", "#a b", "#a,b", "#a:b", "#ä", "#a\0", &format!("#{}", "a".repeat(50))] {
            assert!(bad.parse::<ChannelName>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_nick_is_never_a_channels_name(nick in "[A-Za-z_|][A-Za-z0-9_|-]{0,31}") {
            prop_assert!(nick.parse::<Nick>().is_ok() && nick.parse::<ChannelName>().is_err());
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
