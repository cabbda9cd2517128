//! What a value says that cannot be made: the one rule it breaks, as a sentence.

use serde::{Deserializer, de};
use std::{fmt, marker::PhantomData, str::FromStr};

/// What a value must be, when it is not, as a whole sentence:
/// "nonce must be an integer from 0 to 9007199254740991".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub &'static str);

/// Reads a string and parses it; both failures name the same rule.
pub(crate) fn deserialize_text<'de, D, T>(deserializer: D, rule: &'static str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
{
    struct Text<T>(&'static str, PhantomData<T>);
    impl<T: FromStr> de::Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a string: {}", self.0)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            // The offending text is not repeated: it may be long, and it is the client's.
            text.parse().map_err(|_| E::custom(Invalid(self.0)))
        }
    }
    deserializer.deserialize_str(Text(rule, PhantomData))
}
