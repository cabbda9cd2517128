//! The last block of a message, and what SHA-256 has made of those before it.

use sha2::block_api::compress256;

const BLOCK: usize = 64;

/// SHA-256's initial state (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// How many bytes of a message lie in its last block: as many as leave room for the
/// padding's one bit and the length.
pub(super) const LENGTH: usize = BLOCK - 9;

/// A padded last block, and SHA-256's state before it.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) state: [u32; 8],
    pub(super) bytes: [u8; BLOCK],
}

impl Block {
    /// `message` ends [`LENGTH`] bytes after a multiple of 64.
    pub(super) fn new(message: &[u8]) -> Self {
        let (whole, rest) = message.as_chunks::<BLOCK>();
        let mut state = INITIAL;
        compress256(&mut state, whole);
        let mut bytes = [0; BLOCK];
        bytes[..rest.len()].copy_from_slice(rest);
        bytes[LENGTH] = 0x80;
        bytes[BLOCK - 8..].copy_from_slice(&(8 * message.len() as u64).to_be_bytes());
        Self { state, bytes }
    }
}
