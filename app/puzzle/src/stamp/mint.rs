//! Minting: the search for a counter that gives a stamp's hash the bits it states.
//!
//! A try is one SHA-256 compression, whatever the stamp's length: the counter is
//! made as wide as it takes for the message to end at the last byte that still
//! leaves room for SHA-256's padding (FIPS 180-4, 5.1.1) in the same block. Then
//! everything but that last block is hashed once, and in it only the three
//! characters right before the padding change from try to try.
//!
//! The counter begins with a salt that the caller draws at random. Without it two
//! people who want the same thing on the same day would mint the same stamp, and
//! the second would find it spent.

mod digits;
mod tail;

use super::{bits::Bits, stamp_hash::StampHash};
use digits::{DIGITS, write_number};
use serde::{Deserialize, Serialize};
use tail::Tail;

/// Digits that a salt of 64 bits takes.
const SALT_DIGITS: usize = 11;

/// The least number of digits after the salt: 2^54 tries, far more than
/// [`Bits::MAX`] needs.
const LEAST_DIGITS: usize = 9;

/// Tries in a row: all values of the last digit.
const ROW: u64 = 64;

/// A stamp without its counter. Made by [`super::session::prefix`] and
/// [`super::channel::prefix`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prefix {
    bits: Bits,
    text: String,
}

impl Prefix {
    pub(super) const fn new(bits: Bits, text: String) -> Self {
        Self { bits, text }
    }

    /// The stamp up to and including the last colon.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How many bits it states.
    pub const fn bits(&self) -> Bits {
        self.bits
    }
}

/// A search that can be interrupted: it tries so many counters at each call, and
/// goes on where it stopped. Equal prefixes and salts find equal stamps.
#[derive(Clone, Debug)]
pub struct Minter {
    bits: Bits,
    /// The stamp being tried; the counter's last digits are those of `row`.
    stamp: Vec<u8>,
    /// Where the digits after the salt begin.
    digits: usize,
    /// The next row to try.
    row: u64,
    tries: u64,
}

impl Minter {
    /// Begins at the first counter of `salt`, a random number: searches with
    /// different salts never try the same stamp, and so may run side by side.
    pub fn new(prefix: &Prefix, salt: u64) -> Self {
        let mut stamp = prefix.text.clone().into_bytes();
        let digits = stamp.len() + SALT_DIGITS;
        stamp.resize(digits, 0);
        write_number(&mut stamp[digits - SALT_DIGITS..], salt);
        let least = digits + LEAST_DIGITS;
        let length = least + (Tail::LENGTH + 64 - least % 64) % 64;
        stamp.resize(length, DIGITS[0]);
        Self { bits: prefix.bits, stamp, digits, row: 0, tries: 0 }
    }

    /// How many counters were tried so far.
    pub const fn tries(&self) -> u64 {
        self.tries
    }

    /// Tries `tries` more counters, rounded up to whole rows of 64, and returns the
    /// first stamp that is good. To go on after that finds another one.
    pub fn advance(&mut self, tries: u32) -> Option<String> {
        let end = self.row + u64::from(tries).div_ceil(ROW);
        let mut tail = None;
        while self.row < end {
            let row = self.row;
            self.row += 1;
            // The third digit from the end is the last one that the tail keeps.
            if tail.is_none() || row.is_multiple_of(ROW * ROW) {
                self.write_row(row);
                tail = Some(Tail::new(&self.stamp));
            }
            let Some(found) = tail.as_ref().and_then(|tail| tail.first_below(row_digits(row), self.limit())) else {
                self.tries += ROW;
                continue;
            };
            self.tries += ROW;
            if let Some(stamp) = self.first_valid(row, found) {
                return Some(stamp);
            }
            // 33 bits and more: the candidate's first word was right, the rest not.
            tail = None;
        }
        None
    }

    /// The largest first word of a hash that may have the bits.
    fn limit(&self) -> u32 {
        u32::MAX.checked_shr(self.bits.get().into()).unwrap_or(0)
    }

    /// The first stamp of a row, from its digit `from` on, that is good.
    fn first_valid(&mut self, row: u64, from: usize) -> Option<String> {
        self.write_row(row);
        let last = self.stamp.len() - 1;
        for digit in &DIGITS[from..] {
            self.stamp[last] = *digit;
            // All of it is text: the prefix, and digits.
            let stamp = str::from_utf8(&self.stamp).ok()?;
            if u16::from(self.bits.get()) <= StampHash::of(stamp).zero_bits() {
                return Some(stamp.to_owned());
            }
        }
        None
    }

    /// Writes the counter of the first try of `row` into the stamp.
    fn write_row(&mut self, row: u64) {
        write_number(&mut self.stamp[self.digits..], row * ROW);
    }
}

/// The second and the third digit from the end, which a row keeps.
fn row_digits(row: u64) -> [u8; 2] {
    let mut digits = [0; 2];
    write_number(&mut digits, row);
    digits
}

#[cfg(test)]
mod tests;
