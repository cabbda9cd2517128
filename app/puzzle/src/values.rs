//! The values a submission is made of. Each is validated once, when it is made;
//! whoever holds one need not check again.
//!
//! The puzzle's salt is the plain concatenation `seed + visitorId + traceData`.
//! It can be split in one way only: the seed has a fixed length, a visitor id
//! holds no `=`, and a trace that is accepted has its first `=` in third place
//! (see [`TraceData::is_splice_proof`]). So no solution serves two identities.

pub use crate::invalid::Invalid;
use crate::{hex::hex_newtype, invalid::deserialize_text};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, net::IpAddr, str::FromStr};

/// The random part of a round's puzzle: 16 bytes, written as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seed(pub(crate) [u8; 16]);

impl Seed {
    /// A seed from 16 bytes of a cryptographic random source.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The first eight hex digits: enough for an operator to compare, by far
    /// too few to mine.
    pub fn preview(&self) -> String {
        crate::hex::encode(&self.0[..4])
    }
}

hex_newtype!(Seed, 16, "seed must be 32 lower-case hex digits");

/// The number a miner varies: 0 … 2^53 − 1, so that every JSON reader holds it exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(u64);

impl Nonce {
    /// The largest nonce, 2^53 − 1.
    pub const MAX: Self = Self((1 << 53) - 1);

    const RULE: &str = "nonce must be an integer from 0 to 9007199254740991";

    /// # Errors
    /// [`Invalid`] above [`Nonce::MAX`].
    pub const fn new(value: u64) -> Result<Self, Invalid> {
        if value <= Self::MAX.0 { Ok(Self(value)) } else { Err(Invalid(Self::RULE)) }
    }

    /// The number itself.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Writes the nonce in decimal ASCII without padding, which is the puzzle's
    /// password, and returns the digits. Allocates nothing.
    pub fn write_decimal(self, buffer: &mut [u8; 20]) -> &[u8] {
        let mut rest = self.0;
        let mut start = buffer.len();
        loop {
            start -= 1;
            // Always below 10.
            #[allow(clippy::cast_possible_truncation)]
            let digit = (rest % 10) as u8;
            buffer[start] = b'0' + digit;
            rest /= 10;
            if rest == 0 {
                return &buffer[start..];
            }
        }
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Nonce {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.parse().map_err(|_| Invalid(Self::RULE)).and_then(Self::new)
    }
}

impl Serialize for Nonce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Integer;
        impl de::Visitor<'_> for Integer {
            type Value = Nonce;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a number: {}", Nonce::RULE)
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Nonce, E> {
                Nonce::new(value).map_err(E::custom)
            }
        }
        deserializer.deserialize_u64(Integer)
    }
}

/// A device fingerprint as the client names it: 8–64 characters of `[0-9A-Za-z_-]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct VisitorId(String);

impl VisitorId {
    const RULE: &str = "visitorId must be 8 to 64 characters of 0-9, A-Z, a-z, _ and -";

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VisitorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for VisitorId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
        if (8..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid(Self::RULE))
        }
    }
}

impl<'de> Deserialize<'de> for VisitorId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_text(deserializer, Self::RULE)
    }
}

/// What the client says the edge saw of it: `key=value` lines, 1–2048 bytes, one
/// of which is `ip=<address>`. Hashed byte by byte as it came.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct TraceData(String);

impl TraceData {
    const RULE: &str = "traceData must be 1 to 2048 bytes of text";

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if the first line has a key of two characters, as in `fl=…`, the first
    /// line of Cloudflare's trace, or in `ip=…`.
    ///
    /// Then the first `=` after the seed tells where the visitor id ends, and
    /// `visitor-1` + `fl=0` cannot be passed off as `visitor-1f` + `l=0`.
    pub fn is_splice_proof(&self) -> bool {
        self.0.find('=') == Some(2)
    }

    /// The address of the one `ip=` line, with an IPv4-mapped IPv6 address
    /// written as the IPv4 address it stands for.
    ///
    /// `None` when there is no such line, more than one, or no address in it.
    /// Lines are compared whole: `ip=1.2.3.4` never matches `ip=1.2.3.45`.
    pub fn ip(&self) -> Option<IpAddr> {
        let mut values = self.0.lines().filter_map(|line| line.strip_prefix("ip="));
        match (values.next(), values.next()) {
            (Some(value), None) => value.parse::<IpAddr>().ok().map(|ip| ip.to_canonical()),
            _ => None,
        }
    }
}

impl FromStr for TraceData {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if (1..=2048).contains(&text.len()) { Ok(Self(text.to_owned())) } else { Err(Invalid(Self::RULE)) }
    }
}

impl<'de> Deserialize<'de> for TraceData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_text(deserializer, Self::RULE)
    }
}

/// Counts rounds from 1; it only grows, so a newer round is a larger number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoundNumber(pub u64);

impl RoundNumber {
    /// The round after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for RoundNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A submission's place in the order of arrival: the lower one came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_are_decimal_without_padding() {
        for (value, text) in [(0, "0"), (7, "7"), (42_856, "42856"), (Nonce::MAX.get(), "9007199254740991")] {
            let mut buffer = [0; 20];
            assert_eq!(Nonce::new(value).unwrap().write_decimal(&mut buffer), text.as_bytes());
        }
        assert!(Nonce::new(1 << 53).is_err());
        assert!("9007199254740992".parse::<Nonce>().is_err());
    }

    #[test]
    fn visitor_ids_hold_only_the_allowed_alphabet() {
        let longest = "x".repeat(64);
        for good in ["visitor-1", "ABCDEF_9", longest.as_str()] {
            assert!(good.parse::<VisitorId>().is_ok(), "{good}");
        }
        let too_long = "x".repeat(65);
        for bad in ["", "short-7", "has space", "\"><script>", "vísitor-1", "visitor=1", too_long.as_str()] {
            assert!(bad.parse::<VisitorId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_trace_names_one_address_or_none() {
        let table = [
            ("ip=203.0.113.45\n", Some("203.0.113.45")),
            ("fl=0f0\nip=203.0.113.45\nts=0\n", Some("203.0.113.45")),
            ("ip=::ffff:203.0.113.45", Some("203.0.113.45")),
            ("ip=2001:DB8::1\r\nts=0\r\n", Some("2001:db8::1")),
            ("ip=1.2.3.4\nip=5.6.7.8\n", None),
            ("xip=1.2.3.4\n", None),
            (" ip=1.2.3.4\n", None),
            ("ip=1.2.3.4 \n", None),
            ("ip=1.2.3\n", None),
            ("ip=\n", None),
            ("nothing", None),
        ];
        for (text, address) in table {
            let trace: TraceData = text.parse().unwrap();
            assert_eq!(trace.ip(), address.map(|a| a.parse().unwrap()), "{text:?}");
        }
    }

    #[test]
    fn a_trace_has_a_size() {
        assert!("".parse::<TraceData>().is_err());
        assert!("é".repeat(1024).parse::<TraceData>().is_ok());
        assert!("é".repeat(1025).parse::<TraceData>().is_err());
    }

    #[test]
    fn a_trace_without_a_two_character_first_key_could_be_spliced() {
        for (text, safe) in
            [("fl=0", true), ("ip=::1", true), ("l=0", false), ("colo=DEV", false), ("=", false), ("fl", false)]
        {
            assert_eq!(text.parse::<TraceData>().unwrap().is_splice_proof(), safe, "{text:?}");
        }
    }
}
