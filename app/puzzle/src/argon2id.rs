//! Argon2id (RFC 9106), version 0x13, 32 bytes of output, no secret and no
//! associated data: our own where that is faster than the crate `argon2-rust`.
//!
//! Why it is so:
//! - A native hash spends more than half of its time waiting for memory: which
//!   block it reads next is known only when the last one is done. [`Arena::hash`]
//!   therefore computes several hashes in turn, block by block, and asks for the
//!   next block of one while it works on the other. Two hashes in turn take little
//!   more time than one alone.
//! - A block is kept in the order in which the [`Kernel`] computes with it, so that
//!   nothing is moved between the two halves of the compression. Nobody else sees
//!   that order.
//! - A browser gives memory no such hints. There the gain lies in the order of the
//!   instructions, see `simd128`.
//!
//! It must never give another hash than the RFC. The tests compare every block of
//! the memory with one independent implementation and every hash with a second.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod kernel;
mod memory;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(test)]
mod tests;

use crate::cost::{Cost, HashingError};
use blake2::{Blake2b256, Blake2b512, Digest};
use kernel::{Block, Kernel, WORDS};
use memory::Memory;

/// Parts of a pass. Lanes refer to each other's finished slices only.
const SLICES: usize = 4;

const VERSION: u32 = 0x13;

/// Argon2id's number among the variants.
const VARIANT: u32 = 2;

/// Bytes of a hash.
const OUTPUT: usize = 32;

impl Kernel {
    /// What this processor can use of ours, the fastest first.
    fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let kernels = [
            std::arch::is_x86_feature_detected!("avx512f").then_some(avx512::KERNEL),
            std::arch::is_x86_feature_detected!("avx2").then_some(avx2::KERNEL),
        ];
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        let kernels = [Some(simd128::KERNEL)];
        #[cfg(not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128"))))]
        let kernels: [Option<Self>; 0] = [];
        kernels.into_iter().flatten()
    }
}

/// What is hashed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    /// Argon2's password.
    pub(crate) password: &'a [u8],
    /// Its salt.
    pub(crate) salt: &'a [u8],
}

/// Memory to hash in, kept from hash to hash: to allocate and touch it afresh costs
/// more than a hash.
pub(crate) struct Arena {
    kernel: Kernel,
    shape: Shape,
    memory: Memory,
}

impl Arena {
    /// An arena for hashes of this cost, still without its memory; `None` if
    /// `argon2-rust` is faster on this processor.
    pub(crate) fn new(cost: Cost) -> Option<Self> {
        Kernel::available().next().map(|kernel| Self::with(kernel, cost))
    }

    fn with(kernel: Kernel, cost: Cost) -> Self {
        Self { kernel, shape: Shape::new(cost), memory: Memory::default() }
    }

    /// Allocates what `hashes` in turn need, if it is not there yet.
    ///
    /// # Errors
    /// [`HashingError::OutOfMemory`].
    pub(crate) fn reserve(&mut self, hashes: usize) -> Result<(), HashingError> {
        self.memory.reserve(self.shape.blocks() * hashes)
    }

    /// The hashes of the inputs, computed in turn. Allocates nothing once
    /// [`reserve`](Self::reserve) was called for as many.
    ///
    /// # Errors
    /// [`HashingError::OutOfMemory`].
    pub(crate) fn hash<const N: usize>(&mut self, inputs: [Input<'_>; N]) -> Result<[[u8; OUTPUT]; N], HashingError> {
        self.reserve(N)?;
        let Self { kernel, shape, memory } = self;
        let mut parts = memory.blocks().chunks_exact_mut(shape.blocks());
        let mut memories: [&mut [Block]; N] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        for (memory, input) in memories.iter_mut().zip(inputs) {
            shape.start(kernel, memory, input);
        }
        fill(kernel, *shape, &mut memories);
        Ok(memories.map(|memory| shape.finish(kernel, memory)))
    }
}

/// How the memory of one hash is divided.
#[derive(Clone, Copy, Debug)]
struct Shape {
    cost: Cost,
    lanes: usize,
    /// Blocks of a lane's slice.
    segment: usize,
    /// Blocks of a lane.
    lane: usize,
}

impl Shape {
    fn new(cost: Cost) -> Self {
        let lanes = cost.parallelism as usize;
        let segment = cost.memory_cost as usize / (SLICES * lanes);
        Self { cost, lanes, segment, lane: segment * SLICES }
    }

    fn blocks(&self) -> usize {
        self.lane * self.lanes
    }

    /// Writes the first two blocks of every lane (RFC 9106, 3.2, steps 1 to 4).
    fn start(&self, kernel: &Kernel, memory: &mut [Block], input: Input<'_>) {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut initial = Blake2b512::new();
        for number in
            [self.cost.parallelism, OUTPUT as u32, self.cost.memory_cost, self.cost.time_cost, VERSION, VARIANT]
        {
            initial.update(number.to_le_bytes());
        }
        for field in [input.password, input.salt, &[], &[]] {
            initial.update(length(field));
            initial.update(field);
        }
        let initial = initial.finalize();
        for lane in 0..self.lanes {
            for column in 0..2 {
                memory[lane * self.lane + column] = first_block(kernel, &initial, column as u32, lane as u32);
            }
        }
    }

    /// The hash, once the memory is filled (RFC 9106, 3.2, steps 7 and 8).
    fn finish(&self, kernel: &Kernel, memory: &[Block]) -> [u8; OUTPUT] {
        let mut digest = Blake2b256::new();
        digest.update((OUTPUT as u32).to_le_bytes());
        for word in 0..WORDS {
            let place = (kernel.place)(word);
            let sum = (1..=self.lanes).fold(0, |sum, lanes| sum ^ memory[lanes * self.lane - 1].0[place]);
            digest.update(sum.to_le_bytes());
        }
        digest.finalize().into()
    }
}

/// H' of 1,024 bytes (RFC 9106, 3.3) over the initial hash H0 and the block's place.
fn first_block(kernel: &Kernel, initial: &[u8], column: u32, lane: u32) -> Block {
    let mut block = Block::ZERO;
    let mut words = 0..WORDS;
    let mut write = |bytes: &[u8]| {
        for (bytes, word) in bytes.as_chunks().0.iter().zip(words.by_ref()) {
            block.0[(kernel.place)(word)] = u64::from_le_bytes(*bytes);
        }
    };
    let mut digest = Blake2b512::new()
        .chain_update((WORDS as u32 * 8).to_le_bytes())
        .chain_update(initial)
        .chain_update(column.to_le_bytes())
        .chain_update(lane.to_le_bytes())
        .finalize();
    for _ in 0..30 {
        write(&digest[..32]);
        digest = Blake2b512::digest(digest);
    }
    write(&digest);
    block
}

/// Fills the memories in turn (RFC 9106, 3.2, steps 5 and 6).
fn fill<const N: usize>(kernel: &Kernel, shape: Shape, memories: &mut [&mut [Block]; N]) {
    let mut walk = Walk::new(kernel, shape);
    let mut references: [usize; N] = std::array::from_fn(|hash| walk.reference(memories[hash]));
    loop {
        let (at, previous, first_pass) = (walk.at(), walk.previous(), walk.pass == 0);
        let more = walk.advance(kernel);
        for (memory, reference) in memories.iter_mut().zip(&mut references) {
            let (before, rest) = memory.split_at_mut(at);
            let Some((next, after)) = rest.split_first_mut() else { return };
            let block = |index: usize| if index < at { &before[index] } else { &after[index - at - 1] };
            kernel.compress(block(previous), block(*reference), next, first_pass);
            if more {
                *reference = walk.reference(memory);
                (kernel.expect)(&memory[*reference]);
            }
        }
        if !more {
            return;
        }
    }
}

/// Which block is computed next, and from which. The same for all hashes of a cost.
struct Walk {
    shape: Shape,
    pass: usize,
    slice: usize,
    lane: usize,
    /// Of the block, in its lane's slice.
    index: usize,
    /// Where the first half of the first pass refers to: the part of Argon2id that
    /// does not depend on what is hashed.
    addresses: Block,
    place: fn(usize) -> usize,
}

impl Walk {
    fn new(kernel: &Kernel, shape: Shape) -> Self {
        let addresses = Block::ZERO;
        let mut walk = Self { shape, pass: 0, slice: 0, lane: 0, index: 1, addresses, place: kernel.place };
        walk.address(kernel);
        walk.advance(kernel);
        walk
    }

    /// Goes to the next block; `false` after the last.
    fn advance(&mut self, kernel: &Kernel) -> bool {
        self.index += 1;
        if self.index.is_multiple_of(WORDS) {
            self.address(kernel);
        }
        // A loop, because the first slices of the smallest memory are full already.
        while self.index == self.shape.segment {
            self.index = 0;
            self.lane += 1;
            if self.lane == self.shape.lanes {
                self.lane = 0;
                self.slice += 1;
            }
            if self.slice == SLICES {
                self.slice = 0;
                self.pass += 1;
            }
            if self.pass == self.shape.cost.time_cost as usize {
                return false;
            }
            // The first two blocks of every lane were there from the start.
            if self.pass == 0 && self.slice == 0 {
                self.index = 2;
            }
            self.address(kernel);
        }
        true
    }

    fn has_addresses(&self) -> bool {
        self.pass == 0 && self.slice < SLICES / 2
    }

    /// Computes the addresses for this block and those after it (RFC 9106, 3.4.1.2).
    fn address(&mut self, kernel: &Kernel) {
        if !self.has_addresses() {
            return;
        }
        let numbers = [
            self.pass,
            self.lane,
            self.slice,
            self.shape.blocks(),
            self.shape.cost.time_cost as usize,
            VARIANT as usize,
            self.index / WORDS + 1,
        ];
        let mut input = Block::ZERO;
        for (word, number) in numbers.into_iter().enumerate() {
            input.0[(self.place)(word)] = number as u64;
        }
        let mut half = Block::ZERO;
        kernel.compress(&Block::ZERO, &input, &mut half, true);
        kernel.compress(&Block::ZERO, &half, &mut self.addresses, true);
    }

    /// Where the block lies.
    fn at(&self) -> usize {
        self.lane * self.shape.lane + self.slice * self.shape.segment + self.index
    }

    /// Where the one before it in its lane lies, which for the first is the last.
    fn previous(&self) -> usize {
        let at = self.at();
        if self.slice == 0 && self.index == 0 { at + self.shape.lane - 1 } else { at - 1 }
    }

    /// Where the other block lies that it is computed from (RFC 9106, 3.4.1.2 and
    /// 3.4.2).
    fn reference(&self, memory: &[Block]) -> usize {
        let Shape { lanes, segment, lane: length, .. } = self.shape;
        let word = if self.has_addresses() {
            self.addresses.0[(self.place)(self.index % WORDS)]
        } else {
            memory[self.previous()].0[0]
        };
        let lane = match (self.pass, self.slice, lanes) {
            (_, _, 1) => 0,
            (0, 0, _) => self.lane,
            _ => (word >> 32) as usize % lanes,
        };
        let (start, finished) = match self.pass {
            0 => (0, self.slice * segment),
            _ => ((self.slice + 1) % SLICES * segment, length - segment),
        };
        // Of the own lane all blocks but the last, of others none of this slice.
        let area = if lane == self.lane { finished + self.index - 1 } else { finished - usize::from(self.index == 0) };
        let low = word & u64::from(u32::MAX);
        let distance = (area as u64 * ((low * low) >> 32)) >> 32;
        let index = start + area - 1 - distance as usize;
        lane * length + if index < length { index } else { index - length }
    }
}
