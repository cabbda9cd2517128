//! The compression function with AVX2, for processors without AVX-512.
//!
//! A block is 8 rows of 8 pairs of words. Vector `8k + p` holds pair p of rows 2k and
//! 2k + 1. So the eight vectors of one `k` are two rows side by side, a, b, c and d
//! of P in two vectors each; and the four vectors of one `p` are a, b, c and d of a
//! column. P runs over both without a move between.

#![allow(unsafe_code, reason = "loads and stores; see SAFETY")]

use super::kernel::{Block, Kernel, prefetch};
use std::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_alignr_epi8, _mm256_loadu_si256, _mm256_mul_epu32, _mm256_permute4x64_epi64,
    _mm256_setr_epi8, _mm256_shuffle_epi8, _mm256_shuffle_epi32, _mm256_srli_epi64, _mm256_storeu_si256,
    _mm256_xor_si256,
};

/// Needs AVX2.
pub(super) const KERNEL: Kernel = Kernel { compress, expect: prefetch, place };

fn place(word: usize) -> usize {
    let (row, pair) = (word / 16, word % 16 / 2);
    4 * (8 * (row / 2) + pair) + 2 * (row % 2) + word % 2
}

#[target_feature(enable = "avx2")]
fn compress(previous: &Block, reference: &Block, next: &mut Block, first_pass: bool) {
    let mut state = Block::ZERO;
    for vector in 0..32 {
        let sum = _mm256_xor_si256(load(previous, vector), load(reference, vector));
        store(&mut state, vector, sum);
        store(next, vector, if first_pass { sum } else { _mm256_xor_si256(sum, load(next, vector)) });
    }
    for k in 0..4 {
        let rows = two_rows(std::array::from_fn(|pair| load(&state, 8 * k + pair)));
        for (pair, vector) in rows.into_iter().enumerate() {
            store(&mut state, 8 * k + pair, vector);
        }
    }
    for pair in (0..8).step_by(2) {
        let two = two_columns([pair, pair + 1].map(|pair| std::array::from_fn(|k| load(&state, 8 * k + pair))));
        for (pair, column) in (pair..).zip(two) {
            for (k, vector) in column.into_iter().enumerate() {
                store(next, 8 * k + pair, _mm256_xor_si256(load(next, 8 * k + pair), vector));
            }
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(block: &Block, vector: usize) -> __m256i {
    let words: &[u64; 4] = &block.0.as_chunks().0[vector];
    // SAFETY: a vector is four words, and needs no alignment.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store(block: &mut Block, vector: usize, value: __m256i) {
    let words: &mut [u64; 4] = &mut block.0.as_chunks_mut().0[vector];
    // SAFETY: as in `load`.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), value) };
}

/// P over two rows: a, b, c, d in two vectors each.
#[target_feature(enable = "avx2")]
#[inline]
fn two_rows([a0, a1, b0, b1, c0, c1, d0, d1]: [__m256i; 8]) -> [__m256i; 8] {
    let mut two = [[a0, b0, c0, d0], [a1, b1, c1, d1]];
    round(&mut two);
    let [[a0, b0, c0, d0], [a1, b1, c1, d1]] = two;
    // b turned by one word, c by two, d by three.
    let mut two = [[a0, middle(b0, b1), c1, middle(d1, d0)], [a1, middle(b1, b0), c0, middle(d0, d1)]];
    round(&mut two);
    let [[a0, b0, c0, d0], [a1, b1, c1, d1]] = two;
    [a0, a1, middle(b1, b0), middle(b0, b1), c1, c0, middle(d0, d1), middle(d1, d0)]
}

/// The second word of `low` and the first of `high`, in each half.
#[target_feature(enable = "avx2")]
#[inline]
fn middle(low: __m256i, high: __m256i) -> __m256i {
    _mm256_alignr_epi8::<8>(high, low)
}

/// P over two columns.
#[target_feature(enable = "avx2")]
#[inline]
fn two_columns(mut two: [[__m256i; 4]; 2]) -> [[__m256i; 4]; 2] {
    const LEFT: i32 = 0b00_11_10_01;
    const HALF: i32 = 0b01_00_11_10;
    const RIGHT: i32 = 0b10_01_00_11;
    round(&mut two);
    for [a, _, c, d] in &mut two {
        *a = _mm256_permute4x64_epi64::<RIGHT>(*a);
        *c = _mm256_permute4x64_epi64::<LEFT>(*c);
        *d = _mm256_permute4x64_epi64::<HALF>(*d);
    }
    round(&mut two);
    for [a, _, c, d] in &mut two {
        *a = _mm256_permute4x64_epi64::<LEFT>(*a);
        *c = _mm256_permute4x64_epi64::<RIGHT>(*c);
        *d = _mm256_permute4x64_epi64::<HALF>(*d);
    }
    two
}

/// GB (RFC 9106, 3.6) over all columns of words, step by step over both groups.
#[target_feature(enable = "avx2")]
#[inline]
fn round(two: &mut [[__m256i; 4]; 2]) {
    for [a, b, _, d] in two.iter_mut() {
        *a = multiply_add(*a, *b);
        *d = rotate_32(_mm256_xor_si256(*d, *a));
    }
    for [_, b, c, d] in two.iter_mut() {
        *c = multiply_add(*c, *d);
        *b = rotate_24(_mm256_xor_si256(*b, *c));
    }
    for [a, b, _, d] in two.iter_mut() {
        *a = multiply_add(*a, *b);
        *d = rotate_16(_mm256_xor_si256(*d, *a));
    }
    for [_, b, c, d] in two.iter_mut() {
        *c = multiply_add(*c, *d);
        *b = rotate_63(_mm256_xor_si256(*b, *c));
    }
}

/// x + y + 2 × low(x) × low(y).
#[target_feature(enable = "avx2")]
#[inline]
fn multiply_add(x: __m256i, y: __m256i) -> __m256i {
    let product = _mm256_mul_epu32(x, y);
    _mm256_add_epi64(_mm256_add_epi64(x, y), _mm256_add_epi64(product, product))
}

#[target_feature(enable = "avx2")]
#[inline]
fn rotate_32(x: __m256i) -> __m256i {
    _mm256_shuffle_epi32::<0b10_11_00_01>(x)
}

#[target_feature(enable = "avx2")]
#[inline]
fn rotate_24(x: __m256i) -> __m256i {
    let bytes = _mm256_setr_epi8(
        3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10, 3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10,
    );
    _mm256_shuffle_epi8(x, bytes)
}

#[target_feature(enable = "avx2")]
#[inline]
fn rotate_16(x: __m256i) -> __m256i {
    let bytes = _mm256_setr_epi8(
        2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9, 2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9,
    );
    _mm256_shuffle_epi8(x, bytes)
}

#[target_feature(enable = "avx2")]
#[inline]
fn rotate_63(x: __m256i) -> __m256i {
    _mm256_xor_si256(_mm256_srli_epi64::<63>(x), _mm256_add_epi64(x, x))
}
