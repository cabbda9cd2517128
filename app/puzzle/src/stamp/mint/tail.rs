//! The last block of a message of which only the last three bytes change.
//!
//! Where the processor may have instructions for SHA-256, the crate `sha2` knows
//! best how to compress a block. WebAssembly has none; there `steps` computes
//! what is left when everything that stays the same has been computed before, on
//! four messages at once if SIMD is there.

mod block;
#[cfg(any(test, target_arch = "wasm32"))]
mod steps;

#[cfg(not(target_arch = "wasm32"))]
use super::digits::DIGITS;
use block::Block;
#[cfg(not(target_arch = "wasm32"))]
use sha2::block_api::compress256;

/// Everything of a message but its last three bytes, as far as it can be hashed.
pub(super) struct Tail {
    #[cfg(not(target_arch = "wasm32"))]
    block: Block,
    #[cfg(target_arch = "wasm32")]
    steps: steps::Steps,
}

impl Tail {
    /// How many bytes of the message lie in the last block.
    pub(super) const LENGTH: usize = block::LENGTH;

    /// `message` ends [`Tail::LENGTH`] bytes after a multiple of 64.
    pub(super) fn new(message: &[u8]) -> Self {
        let block = Block::new(message);
        #[cfg(not(target_arch = "wasm32"))]
        return Self { block };
        #[cfg(target_arch = "wasm32")]
        return Self { steps: steps::Steps::new(&block) };
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
        self.steps.first_below::<u32>(row, limit)
    }

    /// As above.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    pub(super) fn first_below(&self, row: [u8; 2], limit: u32) -> Option<usize> {
        self.steps.first_below::<std::arch::wasm32::v128>(row, limit)
    }
}
