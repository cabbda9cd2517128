//! A verification allocates nothing: a flood of submissions costs time, never memory.

#![allow(unsafe_code, reason = "the allocator that counts passes everything on")]
#![allow(clippy::unwrap_used, reason = "a test may end where it finds a surprise")]

use puzzle::{Challenge, Cost, Nonce, PuzzleHasher};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: the system's allocator does everything.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn a_verification_allocates_nothing() {
    let challenge = Challenge::new(
        &"00112233445566778899aabbccddeeff".parse().unwrap(),
        &"visitor-1".parse().unwrap(),
        &"fl=0f0\nip=203.0.113.45\nts=0\n".parse().unwrap(),
    );
    let nonce = |nonce| Nonce::new(nonce).unwrap();
    for cost in [Cost { memory_cost: 1024, time_cost: 3, parallelism: 1 }, Cost::DEFAULT] {
        let mut hasher = PuzzleHasher::new(cost).unwrap();
        let at_once = hasher.at_once();
        assert_ne!(allocations(|| hasher.reserve(at_once).unwrap()), 0, "nothing is counted");
        let spent = allocations(|| {
            hasher.hash(&challenge, nonce(1)).unwrap();
            hasher.hash_each([(&challenge, nonce(2)), (&challenge, nonce(3))]).unwrap();
            hasher.hash(&challenge, nonce(Nonce::MAX.get())).unwrap();
        });
        assert_eq!(spent, 0, "{cost:?}");
    }
}
