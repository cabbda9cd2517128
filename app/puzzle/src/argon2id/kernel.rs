//! A block of memory, and what computes one from two others.

/// 64-bit words of a block.
pub(super) const WORDS: usize = 128;

/// 1 KiB of memory, aligned so that it lies in one page. Its words are in the
/// kernel's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(1024))]
pub(super) struct Block(pub(super) [u64; WORDS]);

impl Block {
    pub(super) const ZERO: Self = Self([0; WORDS]);
}

/// The compression function for one kind of processor.
#[derive(Clone, Copy)]
pub(super) struct Kernel {
    /// Compresses `previous` and `reference` into `next` (RFC 9106, 3.5). In the
    /// first pass `next` is overwritten, in later ones what it held is kept in it by
    /// exclusive or.
    ///
    /// # Safety
    /// The processor must have what the function was compiled for.
    pub(super) compress: unsafe fn(previous: &Block, reference: &Block, next: &mut Block, first_pass: bool),
    /// Says that a block will be read soon.
    pub(super) expect: fn(&Block),
    /// Where in a block the kernel keeps a word. Word 0 stays the first.
    pub(super) place: fn(word: usize) -> usize,
}

impl Kernel {
    #[allow(unsafe_code, reason = "see SAFETY")]
    #[inline]
    pub(super) fn compress(&self, previous: &Block, reference: &Block, next: &mut Block, first_pass: bool) {
        // SAFETY: `Kernel::available`, which alone hands out kernels, asked the processor.
        unsafe { (self.compress)(previous, reference, next, first_pass) }
    }
}

/// Has a block brought near the processor, which goes on meanwhile.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "see SAFETY")]
pub(super) fn prefetch(block: &Block) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for line in block.0.chunks_exact(8) {
        // SAFETY: a hint about memory that is there; every x86-64 has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}
