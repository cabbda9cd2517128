//! Numbers as a counter writes them: in base 64.

/// The digits of the counter, in the order of their values. A colon would end the field.
pub(super) const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/// Writes `number` in base 64, the most significant digit first, as wide as `field` is.
pub(super) fn write_number(field: &mut [u8], number: u64) {
    let mut rest = number;
    for place in field.iter_mut().rev() {
        // Always below 64.
        #[allow(clippy::cast_possible_truncation)]
        let digit = (rest % 64) as usize;
        *place = DIGITS[digit];
        rest /= 64;
    }
}
