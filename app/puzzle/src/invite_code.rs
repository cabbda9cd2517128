//! Invite codes: what a solution wins.
//!
//! A code is the first 60 bits of HMAC-SHA256 (RFC 2104) over
//! `visitorId:nonce:seed`, in Crockford's base 32, behind `HASHPASS-`. Whoever
//! holds the secret can recompute it, so that no database of codes is needed.

use crate::values::{Nonce, Seed, VisitorId};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::{collections::BTreeSet, fmt};

/// Crockford's base 32: no I, L, O or U, so that codes can be read aloud.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const PREFIX: &str = "HASHPASS-";
const DIGITS: usize = 12;

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

/// `HASHPASS-` and twelve characters of Crockford's base 32.
///
/// Its debug form shows a digest only: full codes do not belong in logs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InviteCode(String);

impl InviteCode {
    /// The code that `visitor` wins by `nonce` on `seed`.
    pub fn derive(secret: &CodeSecret, visitor: &VisitorId, nonce: Nonce, seed: &Seed) -> Self {
        let tag = secret.sign(format!("{visitor}:{nonce}:{seed}").as_bytes());
        let first = u64::from_be_bytes([tag[0], tag[1], tag[2], tag[3], tag[4], tag[5], tag[6], tag[7]]);
        let mut code = String::with_capacity(PREFIX.len() + DIGITS);
        code.push_str(PREFIX);
        for place in 0..DIGITS {
            let index = (first >> (59 - 5 * place)) & 31;
            code.push(char::from(ALPHABET[index as usize]));
        }
        Self(code)
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
