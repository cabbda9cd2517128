//! The puzzle function: Argon2id (RFC 9106), version 0x13, 32 bytes of output,
//! no secret and no associated data.
//!
//! The password is the nonce in decimal ASCII, the salt is
//! `seed + visitorId + traceData`. A [`PuzzleHasher`] keeps its memory between
//! hashes: allocating and touching 64 MiB afresh costs more than the hash.
//!
//! Where the processor allows it the hash is computed by our own code, otherwise by
//! the crate `argon2-rust`.

pub use crate::cost::{Cost, HashingError};
use crate::{
    argon2id::{Arena, Input},
    invalid::Invalid,
    target::Hash,
    values::{Nonce, Seed, TraceData, VisitorId},
};
use argon2_rust::{
    Algorithm, Argon2, Hasher, Params, Version,
    params::{Memory, TagLen},
};

/// The part of the hash input that does not change while mining.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    salt: Vec<u8>,
}

impl Challenge {
    /// The puzzle of `seed` for one visitor with one trace.
    pub fn new(seed: &Seed, visitor: &VisitorId, trace: &TraceData) -> Self {
        let mut salt = seed.to_string().into_bytes();
        salt.extend_from_slice(visitor.as_str().as_bytes());
        salt.extend_from_slice(trace.as_str().as_bytes());
        Self { salt }
    }
}

/// Computes puzzle hashes in memory that is kept from one to the next.
pub struct PuzzleHasher {
    cost: Cost,
    engine: Engine,
}

enum Engine {
    Own(Arena),
    Crate(Hasher),
}

impl std::fmt::Debug for PuzzleHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PuzzleHasher").field("cost", &self.cost).finish_non_exhaustive()
    }
}

impl PuzzleHasher {
    /// A hasher for `cost`, without its memory yet.
    ///
    /// # Errors
    /// [`Invalid`] if the cost is out of range.
    pub fn new(cost: Cost) -> Result<Self, Invalid> {
        let params = params(cost)?;
        let engine = match Arena::new(cost) {
            Some(arena) => Engine::Own(arena),
            None => Engine::Crate(Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hasher()),
        };
        Ok(Self { cost, engine })
    }

    /// How many hashes are best asked for in one call of [`hash_each`](Self::hash_each):
    /// 2 if two at once take less time than one after the other, else 1.
    pub fn at_once(&self) -> usize {
        match self.engine {
            Engine::Own(_) => 2,
            Engine::Crate(_) => 1,
        }
    }

    /// Allocates the memory for so many hashes at once, so that the first of them
    /// need not.
    ///
    /// # Errors
    /// [`HashingError::OutOfMemory`].
    pub fn reserve(&mut self, at_once: usize) -> Result<(), HashingError> {
        match &mut self.engine {
            Engine::Own(arena) => arena.reserve(at_once),
            Engine::Crate(hasher) => hasher.reserve().map_err(|_| HashingError::OutOfMemory),
        }
    }

    /// The hash of `nonce` for `challenge`. Allocates nothing once the memory is there.
    ///
    /// # Errors
    /// [`HashingError`].
    pub fn hash(&mut self, challenge: &Challenge, nonce: Nonce) -> Result<Hash, HashingError> {
        self.hash_each([(challenge, nonce)]).map(|[hash]| hash)
    }

    /// The hashes of several nonces. Where [`at_once`](Self::at_once) is 2, two take
    /// the memory of two and little more time than one.
    ///
    /// # Errors
    /// [`HashingError`].
    pub fn hash_each<const N: usize>(&mut self, nonces: [(&Challenge, Nonce); N]) -> Result<[Hash; N], HashingError> {
        let mut digits = [[0; 20]; N];
        let mut digits = digits.iter_mut();
        let inputs = nonces.map(|(challenge, nonce)| Input {
            password: digits.next().map_or(&[], |digits| nonce.write_decimal(digits)),
            salt: &challenge.salt,
        });
        let hashes = match &mut self.engine {
            Engine::Own(arena) => arena.hash(inputs)?,
            Engine::Crate(hasher) => {
                hasher.reserve().map_err(|_| HashingError::OutOfMemory)?;
                let mut hashes = [[0; 32]; N];
                for (Input { password, salt }, hash) in inputs.into_iter().zip(&mut hashes) {
                    hasher.hash_into(password, salt, hash).map_err(|_| HashingError::Failed)?;
                }
                hashes
            }
        };
        Ok(hashes.map(Hash::from_bytes))
    }

    /// True if this build of the hash function gives the known answers: the
    /// protocol's, and one of two passes, as the C reference has it. A
    /// miner that would only burn power finds out before it starts; the server's
    /// health check calls it too.
    pub fn passes_self_test() -> bool {
        let answer = |memory_cost, time_cost| {
            let challenge = Challenge::new(
                &"00112233445566778899aabbccddeeff".parse().ok()?,
                &"visitor-1".parse().ok()?,
                &"fl=0f0\nip=203.0.113.45\nts=0\n".parse().ok()?,
            );
            let hasher = Self::new(Cost { memory_cost, time_cost, parallelism: 1 });
            hasher.ok()?.hash(&challenge, Nonce::new(1).ok()?).ok().map(|hash| hash.to_string())
        };
        let known = |memory, passes, hash| answer(memory, passes).is_some_and(|answer| answer == hash);
        known(64, 1, "5b900edac41d6811c0563b3733b525a7c79ea4f6c6f5a3571dca7e4b55fc22ec")
            && known(64, 2, "af510c85779e3f237f304d93c7bec201c71fc4883bf59661dd9c824bb1c3c3e2")
    }
}

/// The parameters of the crate `argon2-rust` for `cost`.
fn params(cost: Cost) -> Result<Params, Invalid> {
    cost.check()?;
    Params::builder()
        .memory(Memory::kib(cost.memory_cost.into()))
        .passes(cost.time_cost)
        .lanes(cost.parallelism)
        .tag_len(TagLen::bytes(32))
        .build()
        .map_err(|_| Cost::RULE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn known() -> Challenge {
        Challenge::new(
            &"00112233445566778899aabbccddeeff".parse().unwrap(),
            &"visitor-1".parse().unwrap(),
            &"fl=0f0\nip=203.0.113.45\nts=0\n".parse().unwrap(),
        )
    }

    #[test]
    fn the_protocols_known_answer_at_full_cost() {
        let mut hasher = PuzzleHasher::new(Cost::DEFAULT).unwrap();
        let hash = hasher.hash(&known(), Nonce::new(1).unwrap()).unwrap();
        assert_eq!(hash.to_string(), "d71129e1faa4cf96cc936b38b53f4d06132088c6dab156cc05b8590477562a36");
    }

    #[test]
    fn the_self_test_holds_the_known_answers() {
        assert!(PuzzleHasher::passes_self_test());
    }

    #[test]
    fn costs_out_of_range_are_refused() {
        let good = Cost { memory_cost: 64, time_cost: 1, parallelism: 1 };
        assert!(PuzzleHasher::new(good).is_ok());
        for bad in [
            Cost { memory_cost: 7, ..good },
            Cost { memory_cost: 4_194_305, ..good },
            Cost { time_cost: 0, ..good },
            Cost { time_cost: 101, ..good },
            Cost { parallelism: 0, ..good },
            Cost { parallelism: 17, memory_cost: 1024, ..good },
            Cost { parallelism: 9, ..good },
        ] {
            assert!(PuzzleHasher::new(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn agrees_with_an_independent_implementation(
            seed: [u8; 16], visitor in "[0-9A-Za-z_-]{8,64}", trace in "[a-z]{2}=.{0,300}\n",
            nonce in 0..=Nonce::MAX.get(), memory in 8u32..200, passes in 1u32..4, lanes in 1u32..4,
        ) {
            let memory_cost = memory.max(8 * lanes);
            let mut hasher = PuzzleHasher::new(Cost { memory_cost, time_cost: passes, parallelism: lanes }).unwrap();
            let seed = Seed::from_bytes(seed);
            let challenge = Challenge::new(&seed, &visitor.parse().unwrap(), &trace.parse().unwrap());
            let hash = hasher.hash(&challenge, Nonce::new(nonce).unwrap()).unwrap();

            let params = argon2::Params::new(memory_cost, passes, lanes, Some(32)).unwrap();
            let oracle = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
            let mut expected = [0; 32];
            oracle
                .hash_password_into(nonce.to_string().as_bytes(), format!("{seed}{visitor}{trace}").as_bytes(), &mut expected)
                .unwrap();
            prop_assert_eq!(hash, Hash::from_bytes(expected));
        }

        #[test]
        fn no_accepted_hash_input_can_be_split_in_two_ways(
            visitor in "[0-9A-Za-z_-]{8,64}", trace in "[a-z]{2}=.{0,40}", cut in 0usize..110,
        ) {
            let joined = format!("{visitor}{trace}");
            if joined.is_char_boundary(cut) && cut < joined.len() {
                let (other_visitor, other_trace) = joined.split_at(cut);
                let accepted = other_visitor.parse::<VisitorId>().is_ok()
                    && other_trace.parse::<TraceData>().is_ok_and(|trace| trace.is_splice_proof());
                prop_assert_eq!(accepted, other_visitor == visitor);
            }
        }
    }
}
