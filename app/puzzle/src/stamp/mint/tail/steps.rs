//! Those of the 64 steps of SHA-256 (FIPS 180-4, 6.2.2) that depend on the last three
//! bytes of a message, for one message or for several side by side.
//!
//! Those bytes and the padding's first byte are word 13 of the last block. So the
//! steps before it are computed once for many tries, and of the hash only the
//! first word is, which is all that a search looks at.

use super::block::Block;
use crate::stamp::mint::digits::DIGITS;

/// FIPS 180-4, 4.2.2.
#[rustfmt::skip]
const K: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// The one word of the block that changes.
const CHANGING: usize = 13;

/// One 32-bit word of each of several messages.
pub(super) trait Word: Copy {
    /// How many messages.
    const LANES: usize;

    /// The same word in all messages.
    fn splat(word: u32) -> Self;
    /// The words of [`Self::LANES`] messages.
    fn load(words: &[u32]) -> Self;
    /// The first message whose word is at most `limit`.
    fn first_at_most(self, limit: u32) -> Option<usize>;

    fn plus(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn shift_right<const BY: u32>(self) -> Self;
    fn rotate_right<const BY: u32>(self) -> Self;
}

/// The state of a search over the last three bytes.
pub(super) struct Steps {
    /// SHA-256's state before the block; only the first word is needed at the end.
    first: u32,
    /// The working variables before the step of the changing word.
    variables: [u32; 8],
    words: [u32; 16],
}

impl Steps {
    pub(super) fn new(block: &Block) -> Self {
        let (bytes, _) = block.bytes.as_chunks::<4>();
        let mut words = [0; 16];
        for (word, bytes) in words.iter_mut().zip(bytes) {
            *word = u32::from_be_bytes(*bytes);
        }
        let mut variables = block.state;
        for (k, word) in K.iter().zip(words).take(CHANGING) {
            variables = step(variables, k.wrapping_add(word));
        }
        Self { first: block.state[0], variables, words }
    }

    /// See [`super::Tail::first_below`].
    pub(super) fn first_below<W: Word>(&self, row: [u8; 2], limit: u32) -> Option<usize> {
        let kept = u32::from_be_bytes([row[0], row[1], 0, 0x80]);
        let mut changing = [0; DIGITS.len()];
        for (word, digit) in changing.iter_mut().zip(DIGITS) {
            *word = kept | u32::from(*digit) << 8;
        }
        let mut groups = changing.chunks_exact(W::LANES).enumerate();
        groups.find_map(|(group, words)| {
            self.first_word(W::load(words)).first_at_most(limit).map(|lane| group * W::LANES + lane)
        })
    }

    /// The first word of the hash.
    #[inline(always)]
    fn first_word<W: Word>(&self, changing: W) -> W {
        let mut w = self.words.map(W::splat);
        w[CHANGING] = changing;
        let mut v = self.variables.map(W::splat);
        // Written out, so that every index is known when this is compiled, and what
        // does not depend on the changing word leaves the loop.
        macro_rules! steps {
            ($($i:literal)*) => {$({
                if 16 <= $i {
                    w[$i % 16] = w[$i % 16]
                        .plus(small_sigma_0(w[($i + 1) % 16]))
                        .plus(w[($i + 9) % 16])
                        .plus(small_sigma_1(w[($i + 14) % 16]));
                }
                v = step(v, W::splat(K[$i]).plus(w[$i % 16]));
            })*};
        }
        steps!(13 14 15);
        steps!(16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
        steps!(32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47);
        steps!(48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
        v[0].plus(W::splat(self.first))
    }
}

/// One step; `input` is the step's constant plus its word.
#[inline(always)]
fn step<W: Word>([a, b, c, d, e, f, g, h]: [W; 8], input: W) -> [W; 8] {
    let sigma_1 = e.rotate_right::<6>().xor(e.rotate_right::<11>()).xor(e.rotate_right::<25>());
    let choice = g.xor(e.and(f.xor(g)));
    let t1 = h.plus(input).plus(choice).plus(sigma_1);
    let sigma_0 = a.rotate_right::<2>().xor(a.rotate_right::<13>()).xor(a.rotate_right::<22>());
    let majority = a.and(b).xor(c.and(a.xor(b)));
    [t1.plus(sigma_0).plus(majority), a, b, c, d.plus(t1), e, f, g]
}

#[inline(always)]
fn small_sigma_0<W: Word>(word: W) -> W {
    word.rotate_right::<7>().xor(word.rotate_right::<18>()).xor(word.shift_right::<3>())
}

#[inline(always)]
fn small_sigma_1<W: Word>(word: W) -> W {
    word.rotate_right::<17>().xor(word.rotate_right::<19>()).xor(word.shift_right::<10>())
}

impl Word for u32 {
    const LANES: usize = 1;

    fn splat(word: u32) -> Self {
        word
    }

    fn load(words: &[u32]) -> Self {
        words[0]
    }

    fn first_at_most(self, limit: u32) -> Option<usize> {
        (self <= limit).then_some(0)
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self & other
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self ^ other
    }

    #[inline(always)]
    fn shift_right<const BY: u32>(self) -> Self {
        self >> BY
    }

    #[inline(always)]
    fn rotate_right<const BY: u32>(self) -> Self {
        self.rotate_right(BY)
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd {
    use super::Word;
    use std::arch::wasm32::{
        u32x4, u32x4_add, u32x4_bitmask, u32x4_le, u32x4_shl, u32x4_shr, u32x4_splat, v128, v128_and, v128_or, v128_xor,
    };

    impl Word for v128 {
        const LANES: usize = 4;

        #[inline(always)]
        fn splat(word: u32) -> Self {
            u32x4_splat(word)
        }

        #[inline(always)]
        fn load(words: &[u32]) -> Self {
            u32x4(words[0], words[1], words[2], words[3])
        }

        #[inline(always)]
        fn first_at_most(self, limit: u32) -> Option<usize> {
            let lanes = u32x4_bitmask(u32x4_le(self, u32x4_splat(limit)));
            (lanes != 0).then(|| lanes.trailing_zeros() as usize)
        }

        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            u32x4_add(self, other)
        }

        #[inline(always)]
        fn and(self, other: Self) -> Self {
            v128_and(self, other)
        }

        #[inline(always)]
        fn xor(self, other: Self) -> Self {
            v128_xor(self, other)
        }

        #[inline(always)]
        fn shift_right<const BY: u32>(self) -> Self {
            u32x4_shr(self, BY)
        }

        #[inline(always)]
        fn rotate_right<const BY: u32>(self) -> Self {
            v128_or(u32x4_shr(self, BY), u32x4_shl(self, 32 - BY))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Tail, *};
    use proptest::prelude::*;
    use std::array;

    /// Four lanes without any instruction for them: tests the handling of lanes
    /// where there is no WebAssembly.
    impl Word for [u32; 4] {
        const LANES: usize = 4;

        fn splat(word: u32) -> Self {
            [word; 4]
        }

        fn load(words: &[u32]) -> Self {
            array::from_fn(|lane| words[lane])
        }

        fn first_at_most(self, limit: u32) -> Option<usize> {
            self.iter().position(|word| *word <= limit)
        }

        fn plus(self, other: Self) -> Self {
            array::from_fn(|lane| self[lane].wrapping_add(other[lane]))
        }

        fn and(self, other: Self) -> Self {
            array::from_fn(|lane| self[lane] & other[lane])
        }

        fn xor(self, other: Self) -> Self {
            array::from_fn(|lane| self[lane] ^ other[lane])
        }

        fn shift_right<const BY: u32>(self) -> Self {
            self.map(|word| word >> BY)
        }

        fn rotate_right<const BY: u32>(self) -> Self {
            self.map(|word| word.rotate_right(BY))
        }
    }

    proptest! {
        #[test]
        fn one_lane_and_four_find_what_sha2_finds(
            message in prop::collection::vec(any::<u8>(), 55)
                .prop_union(prop::collection::vec(any::<u8>(), 119))
                .or(prop::collection::vec(any::<u8>(), 183)),
            row: [u8; 2],
            bits in 0..10u32,
        ) {
            let limit = u32::MAX >> bits;
            let expected = Tail::new(&message).first_below(row, limit);
            let steps = Steps::new(&Block::new(&message));
            prop_assert_eq!(steps.first_below::<u32>(row, limit), expected);
            prop_assert_eq!(steps.first_below::<[u32; 4]>(row, limit), expected);
        }
    }
}
