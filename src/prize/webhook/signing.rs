//! Signatures by [Standard Webhooks](https://www.standardwebhooks.com): how a receiver
//! tells that a delivery is ours, and that nobody has changed it or sends it again later.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use puzzle::values::Invalid;
use reqwest::header::{HeaderValue, InvalidHeaderValue};
use sha2::Sha256;
use std::{fmt, str::FromStr};

/// What stands before a secret's Base64.
const PREFIX: &str = "whsec_";

/// How many bytes a secret has, as Standard Webhooks asks for.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// So many secrets sign at once: the old one and the new one, while one takes the place of
/// the other.
const MOST_SECRETS: usize = 2;

/// The secrets that deliveries are signed with: one or two. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecrets(Vec<Vec<u8>>);

impl SigningSecrets {
    /// The value of `webhook-signature` for a body that is sent under this id at this time,
    /// in seconds since 1970: a signature by each secret.
    ///
    /// # Errors
    /// Never: Base64 makes a good header.
    pub(crate) fn sign(&self, id: &str, timestamp: u64, body: &str) -> Result<HeaderValue, InvalidHeaderValue> {
        let signed = format!("{id}.{timestamp}.{body}");
        let signatures: Vec<String> = self
            .0
            .iter()
            .filter_map(|secret| {
                // HMAC takes keys of any length.
                let mac = Hmac::<Sha256>::new_from_slice(secret).ok()?.chain_update(&signed).finalize();
                Some(format!("v1,{}", STANDARD.encode(mac.into_bytes())))
            })
            .collect();
        HeaderValue::from_str(&signatures.join(" "))
    }
}

impl FromStr for SigningSecrets {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // The text is not repeated in the error: it is a secret.
        let invalid = Invalid(SECRET_RULE);
        let secrets: Option<Vec<Vec<u8>>> = text.split_ascii_whitespace().map(decode).collect();
        let secrets = secrets.ok_or(invalid)?;
        if secrets.is_empty() || MOST_SECRETS < secrets.len() { Err(invalid) } else { Ok(Self(secrets)) }
    }
}

/// What a secret has to be, for people.
pub const SECRET_RULE: &str = "whsec_ and the Base64 of 24 to 64 bytes, or two such secrets separated by a space";

fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
    LENGTHS.contains(&bytes.len()).then_some(bytes)
}

impl fmt::Debug for SigningSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningSecrets({} …)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    /// Computed with `standardwebhooks` 1.0.1 from PyPI.
    #[test]
    fn a_signature_is_that_of_the_official_library() {
        let secrets: SigningSecrets = OLD.parse().unwrap();
        let header = secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#).unwrap();
        assert_eq!(header, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_both_sign() {
        let new = format!("whsec_{}", STANDARD.encode([7; 32]));
        let sign = |secrets: &str| {
            let header = secrets.parse::<SigningSecrets>().unwrap().sign("msg_1", 1, "{}").unwrap();
            header.to_str().unwrap().to_owned()
        };
        assert_eq!(sign(&format!("{OLD} {new}")), format!("{} {}", sign(OLD), sign(&new)));
    }

    #[test]
    fn secrets_are_checked_and_never_shown() {
        let of = |length: usize| format!("whsec_{}", STANDARD.encode(vec![7; length]));
        for good in [OLD.to_owned(), of(24), of(64), format!("{OLD}  {}", of(32))] {
            let secrets: SigningSecrets = good.parse().unwrap();
            assert!(!format!("{secrets:?}").contains(&good[6..]), "{secrets:?}");
        }
        let three = [OLD, OLD, OLD].join(" ");
        for bad in ["", " ", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_s3cret!", &of(23), &of(65), &three] {
            let error = bad.parse::<SigningSecrets>().unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
