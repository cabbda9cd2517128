//! The compression function with WebAssembly's 128-bit vectors.
//!
//! A block is 8 rows of 8 pairs of words, a pair to a vector. The permutation P runs
//! over every row, then over every column; each of its steps waits for the one
//! before. A processor computes something else meanwhile only if it finds it among
//! the next few dozen instructions. So P runs over two rows at a time, step by step
//! in turn. That order does not come by itself: the compiler sorts the instructions
//! of a WebAssembly function by what they depend on, one chain after the other, but
//! never moves them over a branch. [`in_order`] is a branch that is never taken.
//!
//! Measured with `./x bench browser`.

#![allow(unsafe_code, reason = "loads and stores; see SAFETY")]

use super::kernel::{Block, Kernel, WORDS};
use std::{
    arch::wasm32::{
        i8x16_shuffle, i32x4_shuffle, i64x2_add, i64x2_shuffle, u64x2_extmul_high_u32x4, u64x2_extmul_low_u32x4,
        u64x2_shr, v128, v128_load, v128_store, v128_xor,
    },
    hint::black_box,
};

/// Needs `simd128`, without which this is not compiled.
pub(super) const KERNEL: Kernel = Kernel { compress, expect: |_| (), place: |word| word };

/// A row or a column: a, b, c and d of P in two vectors each.
type Matrix = [v128; 8];

/// Vectors of a block.
const VECTORS: usize = WORDS / 2;

fn compress(previous: &Block, reference: &Block, next: &mut Block, first_pass: bool) {
    let mut state = Block::ZERO;
    for vector in 0..VECTORS {
        let sum = v128_xor(load(previous, vector), load(reference, vector));
        store(&mut state, vector, sum);
        store(next, vector, if first_pass { sum } else { v128_xor(sum, load(next, vector)) });
    }
    for row in (0..8).step_by(2) {
        let places = [row, row + 1].map(|row| std::array::from_fn(|pair| 8 * row + pair));
        let rows = permute(&state, &places);
        for (place, vector) in places.as_flattened().iter().zip(rows.as_flattened()) {
            store(&mut state, *place, *vector);
        }
    }
    for column in (0..8).step_by(2) {
        let places = [column, column + 1].map(|column| std::array::from_fn(|row| 8 * row + column));
        let columns = permute(&state, &places);
        for (place, vector) in places.as_flattened().iter().zip(columns.as_flattened()) {
            store(next, *place, v128_xor(load(next, *place), *vector));
        }
    }
}

#[inline(always)]
fn load(block: &Block, vector: usize) -> v128 {
    let words: &[u64; 2] = &block.0.as_chunks().0[vector];
    // SAFETY: a vector is two words, and needs no alignment.
    unsafe { v128_load(words.as_ptr().cast()) }
}

#[inline(always)]
fn store(block: &mut Block, vector: usize, value: v128) {
    let words: &mut [u64; 2] = &mut block.0.as_chunks_mut().0[vector];
    // SAFETY: as in `load`.
    unsafe { v128_store(words.as_mut_ptr().cast(), value) };
}

/// P over two matrices whose vectors are in these places.
#[inline(always)]
fn permute(block: &Block, places: &[[usize; 8]; 2]) -> [Matrix; 2] {
    let mut two = places.map(|places| places.map(|place| load(block, place)));
    let never = black_box(0);
    round(&mut two, never);
    two.iter_mut().for_each(to_diagonals);
    round(&mut two, never >> 4);
    two.iter_mut().for_each(to_columns);
    two
}

/// GB (RFC 9106, 3.6) over all columns of words of both, half of it for both in turn.
#[inline(always)]
fn round(two: &mut [Matrix; 2], never: u32) {
    half(two, never, rotate_32, rotate_24);
    half(two, never >> 2, rotate_16, rotate_63);
}

#[inline(always)]
fn half(two: &mut [Matrix; 2], never: u32, turn_d: impl Fn(v128) -> v128, turn_b: impl Fn(v128) -> v128) {
    for [a0, a1, b0, b1, _, _, d0, d1] in two.iter_mut() {
        [*a0, *a1] = multiply_add([*a0, *a1], [*b0, *b1]);
        [*d0, *d1] = [turn_d(v128_xor(*d0, *a0)), turn_d(v128_xor(*d1, *a1))];
    }
    in_order(two, never & 1 != 0);
    for [_, _, b0, b1, c0, c1, d0, d1] in two.iter_mut() {
        [*c0, *c1] = multiply_add([*c0, *c1], [*d0, *d1]);
        [*b0, *b1] = [turn_b(v128_xor(*b0, *c0)), turn_b(v128_xor(*b1, *c1))];
    }
    in_order(two, never & 2 != 0);
}

/// Nothing before this is computed after it, nor the other way round: on the way
/// that is never taken all of it is needed.
#[inline(always)]
fn in_order(two: &[Matrix; 2], never: bool) {
    if never {
        let mut needed = Block::ZERO;
        for (index, vector) in two.as_flattened().iter().enumerate() {
            store(&mut needed, index, *vector);
        }
        black_box(&needed);
        std::process::abort();
    }
}

/// x + y + 2 × low(x) × low(y). The low halves of two vectors are multiplied as one.
#[inline(always)]
fn multiply_add(x: [v128; 2], y: [v128; 2]) -> [v128; 2] {
    let low_x = i32x4_shuffle::<0, 2, 4, 6>(x[0], x[1]);
    let low_y = i32x4_shuffle::<0, 2, 4, 6>(y[0], y[1]);
    let products = [u64x2_extmul_low_u32x4(low_x, low_y), u64x2_extmul_high_u32x4(low_x, low_y)];
    std::array::from_fn(|i| i64x2_add(i64x2_add(x[i], y[i]), i64x2_add(products[i], products[i])))
}

#[inline(always)]
fn rotate_32(x: v128) -> v128 {
    i32x4_shuffle::<1, 0, 3, 2>(x, x)
}

#[inline(always)]
fn rotate_24(x: v128) -> v128 {
    i8x16_shuffle::<3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10>(x, x)
}

#[inline(always)]
fn rotate_16(x: v128) -> v128 {
    i8x16_shuffle::<2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9>(x, x)
}

#[inline(always)]
fn rotate_63(x: v128) -> v128 {
    v128_xor(u64x2_shr(x, 63), i64x2_add(x, x))
}

/// Turns b by one word, c by two and d by three, so that diagonals become columns.
#[inline(always)]
fn to_diagonals(matrix: &mut Matrix) {
    let [_, _, b0, b1, c0, c1, d0, d1] = matrix;
    [*b0, *b1] = [i64x2_shuffle::<1, 2>(*b0, *b1), i64x2_shuffle::<1, 2>(*b1, *b0)];
    [*c0, *c1] = [*c1, *c0];
    [*d0, *d1] = [i64x2_shuffle::<1, 2>(*d1, *d0), i64x2_shuffle::<1, 2>(*d0, *d1)];
}

/// The way back.
#[inline(always)]
fn to_columns(matrix: &mut Matrix) {
    let [_, _, b0, b1, c0, c1, d0, d1] = matrix;
    [*b0, *b1] = [i64x2_shuffle::<1, 2>(*b1, *b0), i64x2_shuffle::<1, 2>(*b0, *b1)];
    [*c0, *c1] = [*c1, *c0];
    [*d0, *d1] = [i64x2_shuffle::<1, 2>(*d0, *d1), i64x2_shuffle::<1, 2>(*d1, *d0)];
}
