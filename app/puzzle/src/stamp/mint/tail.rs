//! The last block of a message of which only the last three bytes change.
//!
//! Where the processor may have instructions for SHA-256, the crate `sha2` knows
//! best how to compress a block. WebAssembly has none; there [`rounds`] computes
//! what is left when everything that stays the same has been computed before, on
//! four messages at once if SIMD is there.

#[cfg(any(test, target_arch = "wasm32"))]
mod rounds;

use super::DIGITS;
use sha2::block_api::compress256;

const BLOCK: usize = 64;

/// SHA-256's initial state (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Everything of a message but its last three bytes, as far as it can be hashed.
pub(super) struct Tail {
    #[cfg(not(target_arch = "wasm32"))]
    block: Block,
    #[cfg(target_arch = "wasm32")]
    rounds: rounds::Rounds,
}

/// A padded last block, and SHA-256's state before it.
#[derive(Clone, Copy)]
struct Block {
    state: [u32; 8],
    bytes: [u8; BLOCK],
}

impl Tail {
    /// How many bytes of the message lie in the last block: as many as leave room
    /// for the padding's one bit and the length.
    pub(super) const LENGTH: usize = BLOCK - 9;

    /// `message` ends [`Tail::LENGTH`] bytes after a multiple of 64.
    pub(super) fn new(message: &[u8]) -> Self {
        let block = Block::new(message);
        #[cfg(not(target_arch = "wasm32"))]
        return Self { block };
        #[cfg(target_arch = "wasm32")]
        return Self { rounds: rounds::Rounds::new(&block) };
    }

    /// The first digit with which, behind `row`, the message's hash starts with a
    /// word of at most `limit`.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn first_below(&self, row: [u8; 2], limit: u32) -> Option<usize> {
        let mut bytes = self.block.bytes;
        bytes[Self::LENGTH - 3] = row[0];
        bytes[Self::LENGTH - 2] = row[1];
        DIGITS.iter().position(|digit| {
            bytes[Self::LENGTH - 1] = *digit;
            let mut state = self.block.state;
            compress256(&mut state, &[bytes]);
            state[0] <= limit
        })
    }

    /// As above.
    #[cfg(all(target_arch = "wasm32", not(target_feature = "simd128")))]
    pub(super) fn first_below(&self, row: [u8; 2], limit: u32) -> Option<usize> {
        self.rounds.first_below::<u32>(row, limit)
    }

    /// As above.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    pub(super) fn first_below(&self, row: [u8; 2], limit: u32) -> Option<usize> {
        self.rounds.first_below::<std::arch::wasm32::v128>(row, limit)
    }
}

impl Block {
    fn new(message: &[u8]) -> Self {
        let (whole, rest) = message.as_chunks::<BLOCK>();
        let mut state = INITIAL;
        compress256(&mut state, whole);
        let mut bytes = [0; BLOCK];
        bytes[..rest.len()].copy_from_slice(rest);
        bytes[Tail::LENGTH] = 0x80;
        bytes[BLOCK - 8..].copy_from_slice(&(8 * message.len() as u64).to_be_bytes());
        Self { state, bytes }
    }
}
