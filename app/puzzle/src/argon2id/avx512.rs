//! The compression function with AVX-512.
//!
//! A block is 8 rows of 8 pairs of words. The permutation P (BLAKE2b's round with a
//! multiplication) runs over every row, then over every column, on four columns of
//! words of two matrices to a vector. Vector `4k + j` holds, of rows 2k and 2k + 1,
//! the pairs 2j and 2j + 1, in the order row, row, then the next pair. So four
//! vectors with one `k` are two rows and four with one `j` are two columns, ready
//! for P without a move between.
//!
//! All sixteen vectors go through P together: its steps wait for each other, the
//! matrices do not.

#![allow(unsafe_code, reason = "loads and stores; see SAFETY")]

use super::kernel::{Block, Kernel, WORDS, prefetch};
use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_loadu_si512, _mm512_mul_epu32, _mm512_permutex_epi64, _mm512_permutexvar_epi64,
    _mm512_ror_epi64, _mm512_setr_epi64, _mm512_shuffle_i64x2, _mm512_storeu_si512, _mm512_xor_si512,
};

/// Needs AVX-512F.
pub(super) const KERNEL: Kernel = Kernel { compress, expect: prefetch, place };

/// Four groups of vectors a, b, c, d of P: two matrices each.
type Groups = [[__m512i; 4]; 4];

fn place(word: usize) -> usize {
    let (row, pair) = (word / 16, word % 16 / 2);
    let vector = 4 * (row / 2) + pair / 2;
    let quarter = 2 * (pair % 2) + row % 2;
    8 * vector + 2 * quarter + word % 2
}

#[target_feature(enable = "avx512f")]
fn compress(previous: &Block, reference: &Block, next: &mut Block, first_pass: bool) {
    let mut groups = load(previous);
    xor(&mut groups, &load(reference));
    let mut rest = groups;
    if !first_pass {
        xor(&mut rest, &load(next));
    }
    // Kept in memory: state and rest together are all the registers there are.
    store(next, &rest);
    rows(&mut groups);
    groups = transpose(&groups);
    columns(&mut groups);
    groups = transpose(&groups);
    xor(&mut groups, &load(next));
    store(next, &groups);
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(block: &Block) -> Groups {
    const { assert!(size_of::<Groups>() == WORDS * 8) };
    let words = block.0.as_ptr();
    // SAFETY: vector `vector` is the words 8 × vector to 8 × vector + 7 of 128.
    std::array::from_fn(|k| std::array::from_fn(|j| unsafe { _mm512_loadu_si512(words.add(8 * (4 * k + j)).cast()) }))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store(block: &mut Block, groups: &Groups) {
    let words = block.0.as_mut_ptr();
    for (index, vector) in groups.as_flattened().iter().enumerate() {
        // SAFETY: as in `load`.
        unsafe { _mm512_storeu_si512(words.add(8 * index).cast(), *vector) };
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn xor(groups: &mut Groups, other: &Groups) {
    for (vector, other) in groups.as_flattened_mut().iter_mut().zip(other.as_flattened()) {
        *vector = _mm512_xor_si512(*vector, *other);
    }
}

/// From groups by `k` to groups by `j` and back: costs nothing, it only names
/// registers.
#[target_feature(enable = "avx512f")]
#[inline]
fn transpose(groups: &Groups) -> Groups {
    std::array::from_fn(|j| std::array::from_fn(|k| groups[k][j]))
}

/// P over the rows. Their columns of words lie as 0 1 | 0 1 | 2 3 | 2 3.
#[target_feature(enable = "avx512f")]
#[inline]
fn rows(groups: &mut Groups) {
    let left = _mm512_setr_epi64(1, 4, 3, 6, 5, 0, 7, 2);
    let right = _mm512_setr_epi64(5, 0, 7, 2, 1, 4, 3, 6);
    quarter_rounds(groups);
    for [a, _, c, d] in groups.iter_mut() {
        *a = _mm512_permutexvar_epi64(right, *a);
        *c = _mm512_permutexvar_epi64(left, *c);
        *d = _mm512_shuffle_i64x2::<0b01_00_11_10>(*d, *d);
    }
    quarter_rounds(groups);
    for [a, _, c, d] in groups.iter_mut() {
        *a = _mm512_permutexvar_epi64(left, *a);
        *c = _mm512_permutexvar_epi64(right, *c);
        *d = _mm512_shuffle_i64x2::<0b01_00_11_10>(*d, *d);
    }
}

/// P over the columns. Their columns of words lie as 0 1 2 3 | 0 1 2 3.
#[target_feature(enable = "avx512f")]
#[inline]
fn columns(groups: &mut Groups) {
    const LEFT: i32 = 0b00_11_10_01;
    const HALF: i32 = 0b01_00_11_10;
    const RIGHT: i32 = 0b10_01_00_11;
    quarter_rounds(groups);
    for [a, _, c, d] in groups.iter_mut() {
        *a = _mm512_permutex_epi64::<RIGHT>(*a);
        *c = _mm512_permutex_epi64::<LEFT>(*c);
        *d = _mm512_permutex_epi64::<HALF>(*d);
    }
    quarter_rounds(groups);
    for [a, _, c, d] in groups.iter_mut() {
        *a = _mm512_permutex_epi64::<LEFT>(*a);
        *c = _mm512_permutex_epi64::<RIGHT>(*c);
        *d = _mm512_permutex_epi64::<HALF>(*d);
    }
}

/// GB (RFC 9106, 3.6) over all columns of words. The diagonals are reached by
/// turning a, c and d around b: b is what was computed last, and a wait for it would
/// hold up everything.
#[target_feature(enable = "avx512f")]
#[inline]
fn quarter_rounds(groups: &mut Groups) {
    half::<32, 24>(groups);
    half::<16, 63>(groups);
}

#[target_feature(enable = "avx512f")]
#[inline]
fn half<const D: i32, const B: i32>(groups: &mut Groups) {
    // Step by step over all groups, so that what is next to each other is independent.
    for [a, b, _, _] in groups.iter_mut() {
        *a = multiply_add(*a, *b);
    }
    for [a, _, _, d] in groups.iter_mut() {
        *d = _mm512_ror_epi64::<D>(_mm512_xor_si512(*d, *a));
    }
    for [_, _, c, d] in groups.iter_mut() {
        *c = multiply_add(*c, *d);
    }
    for [_, b, c, _] in groups.iter_mut() {
        *b = _mm512_ror_epi64::<B>(_mm512_xor_si512(*b, *c));
    }
}

/// x + y + 2 × low(x) × low(y).
#[target_feature(enable = "avx512f")]
#[inline]
fn multiply_add(x: __m512i, y: __m512i) -> __m512i {
    let product = _mm512_mul_epu32(x, y);
    _mm512_add_epi64(_mm512_add_epi64(x, y), _mm512_add_epi64(product, product))
}
