//! Numbers of events in few bytes: they grow, so their distances are small.

/// Numbers in ascending order as distances, each in LEB128: seven bits a byte, the
/// lowest first, with the highest bit set in all bytes but the last.
pub(super) fn pack(numbers: &[u64]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(4 * numbers.len());
    let mut before = 0;
    for number in numbers {
        let mut distance = number.saturating_sub(before);
        before = *number;
        while 0x7f < distance {
            packed.push(lowest_byte(distance) | 0x80);
            distance >>= 7;
        }
        packed.push(lowest_byte(distance));
    }
    packed
}

const fn lowest_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

/// The same backwards; what does not fit is left out.
pub(super) fn unpack(packed: &[u8]) -> Vec<u64> {
    let mut numbers = Vec::new();
    let (mut number, mut distance, mut shift) = (0_u64, 0_u64, 0);
    for byte in packed {
        distance |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
        if byte & 0x80 == 0 {
            number = number.saturating_add(distance);
            numbers.push(number);
            (distance, shift) = (0, 0);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_packed_comes_out_again(mut numbers: Vec<u64>) {
            numbers.sort_unstable();
            prop_assert_eq!(unpack(&pack(&numbers)), numbers);
        }
    }

    #[test]
    fn a_queue_of_a_busy_channel_takes_three_bytes_a_line() {
        let numbers: Vec<u64> = (0..1000).map(|n| 1_800_000_000_000_000 + n * 200_000).collect();
        assert!(pack(&numbers).len() <= 3 * 1000 + 8);
    }
}
