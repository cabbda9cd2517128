//! Invite codes: what a solution wins.
//!
//! A derived code is the first 60 bits of HMAC-SHA256 (RFC 2104) over
//! `visitorId:nonce:seed`, in Crockford's base 32, behind `HASHPASS-`. Whoever
//! holds the secret can recompute it, so that no database of codes is needed. An operator
//! may put another prefix before them, or give a list of codes of their own.

use crate::values::{Nonce, Seed, VisitorId};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::{collections::BTreeSet, fmt};

/// Crockford's base 32: no I, L, O or U, so that codes can be read aloud.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const PREFIX: &str = "HASHPASS-";
const DIGITS: usize = 12;

/// The longest prefix, in bytes.
const LONGEST_PREFIX: usize = 32;

/// The longest code of a list, in bytes.
pub const LONGEST_LISTED: usize = 200;

/// What stands before the characters of a derived code: `HASHPASS-`, or what the operator
/// wants: up to 32 printable characters of ASCII without spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodePrefix(Box<str>);

impl Default for CodePrefix {
    fn default() -> Self {
        Self(PREFIX.into())
    }
}

impl CodePrefix {
    /// The prefix, if it can be one.
    pub fn new(text: &str) -> Option<Self> {
        let is_one = text.len() <= LONGEST_PREFIX && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_one.then(|| Self(text.into()))
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The derived code that somebody has typed off, read as Crockford wants it: letters
    /// of either case, O for 0, I and L for 1; hyphens and spaces do not matter, and the
    /// prefix may be left out. `None` if it cannot be one.
    pub fn read(&self, text: &str) -> Option<InviteCode> {
        let (typed, prefix) = (folded(text), folded(&self.0));
        let digits = match typed.strip_prefix(&prefix) {
            Some(digits) if digits.len() == DIGITS => digits,
            _ => &typed,
        };
        let is_code = digits.len() == DIGITS && digits.bytes().all(|digit| ALPHABET.contains(&digit));
        is_code.then(|| InviteCode(format!("{}{digits}", self.0)))
    }
}

/// A text without what may be mistaken: what is typed off and what was meant become the
/// same.
fn folded(text: &str) -> String {
    let counts = |letter: &char| !letter.is_whitespace() && !matches!(letter, '-' | '\u{2010}'..='\u{2015}');
    let fold = |letter: char| match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    text.chars().filter(counts).map(fold).collect()
}

/// Why a line of a list is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCode {
    /// There is nothing.
    #[error("is empty")]
    Empty,
    /// It is longer than [`LONGEST_LISTED`].
    #[error("is longer than {LONGEST_LISTED} bytes")]
    TooLong,
    /// It holds what no person could copy.
    #[error("holds a control character")]
    ControlCharacter,
}

/// The key that codes are derived with. Never shown, not even in debug output.
#[derive(Clone)]
pub struct CodeSecret(Vec<u8>);

/// The fewest bytes of a secret that do not come from one another.
const LEAST_BYTES: usize = 16;

/// The fewest different bytes in a secret: of sixteen random ones fewer are different
/// once in more than 10^9 secrets.
const LEAST_DISTINCT: usize = 8;

impl CodeSecret {
    /// A secret from bytes of a cryptographic random source, 16 or more.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// True if the bytes are plainly not random: a few that come again and again, a
    /// sequence, a short pattern. Whoever guesses them makes codes of their own.
    pub fn is_weak(&self) -> bool {
        let bytes = &self.0;
        let distinct = bytes.iter().collect::<BTreeSet<_>>().len();
        let mut steps = bytes.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
        let is_sequence = steps.next().is_some_and(|first| steps.all(|step| step == first));
        let repeats = |period: usize| bytes.iter().zip(&bytes[period..]).all(|(earlier, later)| earlier == later);
        let is_pattern = (1..LEAST_BYTES.min(bytes.len())).any(repeats);
        distinct < LEAST_DISTINCT || is_sequence || is_pattern
    }

    /// Tells this secret from others: the HMAC of a fixed text, which is no code's, as a
    /// code ends with a seed. Like any code, it lets whoever sees it try guesses at the
    /// secret, and that is hopeless for a secret of sixteen random bytes or more.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.sign(b"hashpass: fingerprint of the key of the invite codes")
    }

    /// HMAC-SHA256 with this secret.
    fn sign(&self, text: &[u8]) -> [u8; 32] {
        #[allow(clippy::expect_used)]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(text);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for CodeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeSecret(…)")
    }
}

/// `HASHPASS-` and twelve characters of Crockford's base 32; or a code of the operator's
/// own.
///
/// Its debug form shows a digest only: full codes do not belong in logs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InviteCode(String);

impl InviteCode {
    /// The code that `visitor` wins by `nonce` on `seed`.
    pub fn derive(secret: &CodeSecret, visitor: &VisitorId, nonce: Nonce, seed: &Seed) -> Self {
        Self::derive_with_prefix(&CodePrefix::default(), secret, visitor, nonce, seed)
    }

    /// The same behind another prefix.
    pub fn derive_with_prefix(
        prefix: &CodePrefix,
        secret: &CodeSecret,
        visitor: &VisitorId,
        nonce: Nonce,
        seed: &Seed,
    ) -> Self {
        let tag = secret.sign(format!("{visitor}:{nonce}:{seed}").as_bytes());
        let first = u64::from_be_bytes([tag[0], tag[1], tag[2], tag[3], tag[4], tag[5], tag[6], tag[7]]);
        let mut code = String::with_capacity(prefix.0.len() + DIGITS);
        code.push_str(&prefix.0);
        for place in 0..DIGITS {
            let index = (first >> (59 - 5 * place)) & 31;
            code.push(char::from(ALPHABET[index as usize]));
        }
        Self(code)
    }

    /// A code of an operator's list, as it stands there.
    ///
    /// # Errors
    /// [`InvalidCode`].
    pub fn listed(text: &str) -> Result<Self, InvalidCode> {
        if text.is_empty() {
            Err(InvalidCode::Empty)
        } else if LONGEST_LISTED < text.len() {
            Err(InvalidCode::TooLong)
        } else if text.chars().any(char::is_control) {
            Err(InvalidCode::ControlCharacter)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Twelve hex digits that name the code in a log without giving it away.
    pub fn digest(&self) -> String {
        use sha2::Digest;
        crate::hex::encode(&Sha256::digest(self.0.as_bytes())[..6])
    }
}

impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InviteCode(digest {})", self.digest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(secret: &[u8], visitor: &str, nonce: u64) -> InviteCode {
        InviteCode::derive(
            &CodeSecret::from_bytes(secret),
            &visitor.parse().unwrap(),
            Nonce::new(nonce).unwrap(),
            &"00112233445566778899aabbccddeeff".parse().unwrap(),
        )
    }

    /// Computed with Python's `hmac` and a base 32 written for the purpose:
    /// `int.from_bytes(hmac.digest(bytes(range(32)), b"visitor-1:42856:0011…eeff", "sha256")[:8]) >> 4`.
    #[test]
    fn the_known_answer() {
        let key: Vec<u8> = (0..32).collect();
        assert_eq!(code(&key, "visitor-1", 42_856).as_str(), "HASHPASS-0ZJJCX78FXAR");
    }

    #[test]
    fn codes_of_a_list_are_what_a_person_can_copy() {
        for (text, listed) in [
            ("ABC-123", Ok(())),
            ("schöner Tag", Ok(())),
            ("", Err(InvalidCode::Empty)),
            ("a\tb", Err(InvalidCode::ControlCharacter)),
            ("a\u{85}b", Err(InvalidCode::ControlCharacter)),
            (&"x".repeat(200), Ok(())),
            (&"x".repeat(201), Err(InvalidCode::TooLong)),
        ] {
            assert_eq!(InviteCode::listed(text).map(|code| assert_eq!(code.as_str(), text)), listed, "{text:?}");
        }
    }

    #[test]
    fn an_operators_prefix_takes_the_place_of_ours() {
        let key: Vec<u8> = (0..32).collect();
        let ours = code(&key, "visitor-1", 42_856);
        let prefix = CodePrefix::new("EX:").unwrap();
        let theirs = InviteCode::derive_with_prefix(
            &prefix,
            &CodeSecret::from_bytes(key),
            &"visitor-1".parse().unwrap(),
            Nonce::new(42_856).unwrap(),
            &"00112233445566778899aabbccddeeff".parse().unwrap(),
        );
        assert_eq!(theirs.as_str(), ours.as_str().replace("HASHPASS-", "EX:"));
        assert!(CodePrefix::new("").is_some() && CodePrefix::new("a b").is_none() && CodePrefix::new("é").is_none());
        assert!(CodePrefix::new(&"x".repeat(33)).is_none());
    }

    #[test]
    fn a_code_that_was_typed_off_is_the_one_that_was_meant() {
        let (ours, theirs) = (CodePrefix::default(), CodePrefix::new("Loot-").unwrap());
        let read = |prefix: &CodePrefix, text: &str| prefix.read(text).map(|code| code.as_str().to_owned());
        for typed in [
            "HASHPASS-0ZJJCX78FXA1",
            "hashpass-0zjjcx78fxa1",
            "HASHPASS-OZJJCX78FXAI",
            "hashpass ozjj cx78 fxal",
            "0ZJJCX78FXA1",
            "ozjj-cx78-fxal",
            " 0ZJJ\u{2013}CX78\u{a0}FXA1",
            "HASH PASS0ZJJCX78FXA1",
        ] {
            assert_eq!(read(&ours, typed).as_deref(), Some("HASHPASS-0ZJJCX78FXA1"), "{typed}");
        }
        for typed in ["Loot-0ZJJCX78FXA1", "l00t0zjjcx78fxa1", "100T-OZJJCX78FXAI", "0zjjcx78fxa1"] {
            assert_eq!(read(&theirs, typed).as_deref(), Some("Loot-0ZJJCX78FXA1"), "{typed}");
        }
        // A code that looks as if it began with a prefix.
        let short = CodePrefix::new("0ZJJ").unwrap();
        assert_eq!(read(&short, "0ZJJCX78FXA1").as_deref(), Some("0ZJJ0ZJJCX78FXA1"));
        assert_eq!(read(&CodePrefix::new("").unwrap(), "ozjjcx78fxa1").as_deref(), Some("0ZJJCX78FXA1"));
        for other in
            ["", "HASHPASS-", "0ZJJCX78FXA", "0ZJJCX78FXA12", "0ZJJCX78FXAU", "OTHER-0ZJJCX78FXA1", "0ZJJCX78FXÄ1"]
        {
            assert_eq!(read(&ours, other), None, "{other}");
        }
    }

    #[test]
    fn every_part_of_the_input_counts() {
        let reference = code(b"0123456789abcdef", "visitor-1", 1);
        assert_ne!(reference, code(b"0123456789abcdeg", "visitor-1", 1));
        assert_ne!(reference, code(b"0123456789abcdef", "visitor-2", 1));
        assert_ne!(reference, code(b"0123456789abcdef", "visitor-1", 2));
    }

    /// Computed with Python's `hmac`, as above.
    #[test]
    fn a_fingerprint_tells_secrets_apart() {
        let of = |bytes: &[u8]| crate::hex::encode(&CodeSecret::from_bytes(bytes).fingerprint());
        assert_eq!(
            of(&(0..32).collect::<Vec<u8>>()),
            "2f16e17ab6d10dfd45574c3ba3923172f37d19f97e02b4225e6e0c318e8774c0"
        );
        assert_ne!(of(b"0123456789abcdef"), of(b"0123456789abcdeg"));
    }

    #[test]
    fn debug_output_gives_no_code_and_no_secret_away() {
        let won = code(b"0123456789abcdef", "visitor-1", 1);
        assert!(!format!("{won:?}").contains(&won.as_str()[9..]));
        assert_eq!(format!("{:?}", CodeSecret::from_bytes(*b"0123456789abcdef")), "CodeSecret(…)");
    }
}
