//! Lower-case hexadecimal of fixed length, and its serde form.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The lower-case hex digits of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Exactly `2 * N` lower-case hex digits, or `None`.
///
/// Upper case is refused: the seed is hashed as text, so two spellings of one
/// value would be two puzzles.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

/// Implements text conversions and serde for a newtype over `[u8; N]` that
/// travels as hex. `$what` completes the sentence "… must be".
macro_rules! hex_newtype {
    ($name:ident, $length:literal, $what:literal) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::hex::encode(&self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::invalid::Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::hex::decode::<$length>(text).map(Self).ok_or($crate::invalid::Invalid($what))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::invalid::deserialize_text(deserializer, $what)
            }
        }
    };
}
pub(crate) use hex_newtype;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_only_what_encode_makes() {
        assert_eq!(encode(&[0x00, 0xa9, 0xff]), "00a9ff");
        assert_eq!(decode::<3>("00a9ff"), Some([0x00, 0xa9, 0xff]));
        for bad in ["00A9ff", "00a9f", "00a9ff0", "00a9fg", "", "é0a9f"] {
            assert_eq!(decode::<3>(bad), None, "{bad}");
        }
    }
}
