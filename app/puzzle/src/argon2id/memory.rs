//! The memory of an [`Arena`](super::Arena): blocks on large pages where the system
//! has them, since every second block lies in a page that was not used for long.

use super::kernel::Block;
use crate::cost::HashingError;

/// Blocks, allocated once.
#[derive(Default)]
pub(super) struct Memory {
    blocks: Vec<Block>,
}

impl Memory {
    /// Makes at least so many blocks.
    ///
    /// # Errors
    /// [`HashingError::OutOfMemory`].
    pub(super) fn reserve(&mut self, blocks: usize) -> Result<(), HashingError> {
        if blocks <= self.blocks.len() {
            return Ok(());
        }
        // Not grown but made anew: nothing in it is worth a copy.
        self.blocks = Vec::new();
        self.blocks.try_reserve_exact(blocks).map_err(|_| HashingError::OutOfMemory)?;
        ask_for_large_pages(&mut self.blocks);
        self.blocks.resize(blocks, Block::ZERO);
        Ok(())
    }

    pub(super) fn blocks(&mut self) -> &mut [Block] {
        &mut self.blocks
    }
}

/// Only advice: without it everything works, more slowly.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "see SAFETY")]
fn ask_for_large_pages(blocks: &mut Vec<Block>) {
    const PAGE: usize = 4096;
    let room = blocks.spare_capacity_mut().as_mut_ptr_range();
    let start = room.start.addr().next_multiple_of(PAGE);
    let end = room.end.addr() / PAGE * PAGE;
    if start < end {
        // SAFETY: the range lies in memory that this vector owns, and the advice
        // changes neither what is in it nor who may use it.
        unsafe { libc::madvise(room.start.with_addr(start).cast(), end - start, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn ask_for_large_pages(_: &mut Vec<Block>) {}
