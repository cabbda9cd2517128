//! Session stamps, as clients make them.

use crate::{BenchError, Result};
use puzzle::stamp::{Bits, Minter, Timestamp, session};
use serde::Deserialize;
use std::time::{SystemTime, UNIX_EPOCH};

/// How many counters are tried between two looks at what was found.
const TRIES: u32 = 1 << 16;

/// What a server asks for before it opens a session, as its refusal says.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct StampDemand {
    /// Leading zero bits.
    pub hashcash_bits: u8,
    /// Whom the stamp is for.
    pub resource: String,
}

impl StampDemand {
    /// Makes such a stamp. No two of different `salt` are alike, nor are two that were made
    /// in different calls with the same one, unless by a chance that is not worth a thought.
    ///
    /// # Errors
    /// [`BenchError::Answer`] if no stamp has so many bits.
    pub fn mint(&self, salt: u64) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let prefix = session::prefix(bits(self.hashcash_bits)?, &self.resource, Timestamp(now.as_secs()));
        let mut minter = Minter::new(&prefix, salt ^ now.as_nanos() as u64);
        loop {
            if let Some(stamp) = minter.advance(TRIES) {
                return Ok(stamp);
            }
        }
    }
}

/// So many bits.
///
/// # Errors
/// [`BenchError::Answer`] if no stamp has so many.
pub fn bits(bits: u8) -> Result<Bits> {
    Bits::new(bits).map_err(|_| BenchError::Answer(format!("no stamp has {bits} bits")))
}

/// The moment.
pub fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_good_and_no_two_alike() {
        let demand: StampDemand =
            serde_json::from_str(r#"{"detail":"no","hashcash_bits":8,"resource":"hashpass","reason":"missing"}"#)
                .unwrap();
        let stamps: Vec<String> = (0..100).map(|salt| demand.mint(salt).unwrap()).collect();
        for stamp in &stamps {
            assert!(session::check(Some(stamp), bits(8).unwrap(), "hashpass", now()).is_ok(), "{stamp}");
        }
        assert_eq!(stamps.iter().collect::<std::collections::HashSet<_>>().len(), stamps.len());
        assert!(StampDemand { hashcash_bits: 99, ..demand }.mint(0).is_err());
    }
}
