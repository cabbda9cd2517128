//! The minter and the obvious loop for the benchmark in the browser: plain
//! WebAssembly functions, called by `run.mjs`.
//!
//! Run with `./x bench stamps-browser`.

#![expect(unsafe_code, reason = "a function is called by its name, and so must not share it")]

use puzzle::stamp::{Bits, Minter, Prefix, StampHash, Timestamp, channel, session};
use sha2::{Digest, Sha256};
use std::cell::RefCell;

thread_local! {
    static MINTER: RefCell<Option<Minter>> = const { RefCell::new(None) };
    static STAMP: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The prefix of a session stamp (`kind` 0) or of a channel stamp.
fn prefix(kind: u32, bits: u8) -> Prefix {
    let now = Timestamp(1_795_264_496);
    let bits = Bits::new(bits).unwrap_or_default();
    match kind {
        0 => session::prefix(bits, "hashpass", now),
        _ => channel::prefix(bits, "#lobby", &["hello".to_owned()], now),
    }
}

/// Begins a search.
#[unsafe(no_mangle)]
pub extern "C" fn start(kind: u32, bits: u8, salt: u32) {
    MINTER.set(Some(Minter::new(&prefix(kind, bits), salt.into())));
}

/// Goes on with it; the length of the stamp once there is one, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn advance(tries: u32) -> usize {
    let found = MINTER.with_borrow_mut(|minter| minter.as_mut()?.advance(tries));
    STAMP.set(found.unwrap_or_default());
    STAMP.with_borrow(String::len)
}

/// Where the stamp lies.
#[unsafe(no_mangle)]
pub extern "C" fn stamp() -> *const u8 {
    STAMP.with_borrow(|stamp| stamp.as_ptr())
}

/// Tries counters from `first` on in the obvious way; the most zero bits that it saw.
#[unsafe(no_mangle)]
pub extern "C" fn plain_loop(kind: u32, first: u32, tries: u32) -> u32 {
    let prefix = prefix(kind, 20);
    let zeros = (first..first.saturating_add(tries)).map(|counter| {
        let hash = Sha256::digest(format!("{}{counter}", prefix.as_str()));
        hash.iter().take_while(|byte| **byte == 0).map(|byte| byte.leading_zeros()).sum()
    });
    zeros.max().unwrap_or(0)
}

/// The leading zero bits of the stamp, judged independently of the search.
#[unsafe(no_mangle)]
pub extern "C" fn zero_bits() -> u32 {
    STAMP.with_borrow(|stamp| StampHash::of(stamp).zero_bits().into())
}
