//! Numbers as people read them.
//!
//! Written with whole numbers throughout: the standard library's way of writing
//! floating-point numbers would be a good part of the browser's program.

use std::time::Duration;

/// The nearest whole number; nothing below zero. Far beyond anything shown here
/// it is the largest one.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // The cast saturates.
fn whole(number: f64) -> u64 {
    number.round() as u64
}

/// A whole number in groups of three: `4,096`.
pub fn grouped(number: f64) -> String {
    let digits = whole(number).to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if 0 < index && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with two digits after the point at most, and none that say nothing.
pub fn quantity(number: f64) -> String {
    let hundredths = whole(number * 100.0);
    match (hundredths / 100, hundredths % 100) {
        (whole, 0) => whole.to_string(),
        (whole, part) if part % 10 == 0 => format!("{whole}.{}", part / 10),
        (whole, part) => format!("{whole}.{part:02}"),
    }
}

/// A number with one digit after the point.
fn tenths(number: f64) -> String {
    let tenths = whole(number * 10.0);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// A rate with about three digits: `0.05`, `8.3`, `456`, `12,345`.
pub fn rate(rate: f64) -> String {
    match rate {
        rate if rate <= 0.0 => "0".to_owned(),
        rate if rate < 0.995 => quantity(rate),
        rate if rate < 99.95 => tenths(rate),
        rate => grouped(rate),
    }
}

/// A probability by its inverse: `1 in 4,096`, `1 in 2.5`.
pub fn one_in(expected: f64) -> String {
    if expected < 9.95 {
        let text = tenths(expected.max(1.0));
        format!("1 in {}", text.trim_end_matches(".0"))
    } else {
        format!("1 in {}", grouped(expected))
    }
}

/// A part of a whole: `about 25 %`, `about 1 in 40`.
pub fn part(share: f64) -> String {
    if 0.1 <= share { format!("about {} %", whole(share * 100.0)) } else { format!("about {}", one_in(1.0 / share)) }
}

/// A large number where there is little room: `256`, `4,096`, `66k`, `1M`, `17M`.
pub fn short(number: f64) -> String {
    match number {
        number if number < 10_000.0 => grouped(number),
        number if number < 999_500.0 => format!("{}k", whole(number / 1e3)),
        number if number < 999.5e6 => format!("{}M", whole(number / 1e6)),
        number => format!("{}G", whole(number / 1e9)),
    }
}

/// A time as a clock shows it: `0:07`, `12:34`, `1:02:03`.
pub fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 { format!("{minutes}:{seconds:02}") } else { format!("{hours}:{minutes:02}:{seconds:02}") }
}

/// A time as one says it: `a second`, `40 s`, `4 min`, `3 h`.
pub fn waiting(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        seconds if seconds < 1.5 => "a second".to_owned(),
        seconds if seconds < 90.0 => format!("{} s", whole(seconds)),
        seconds if seconds < 5_400.0 => format!("{} min", whole(seconds / 60.0)),
        seconds => format!("{} h", whole(seconds / 3600.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let table = [
            (grouped(0.0), "0"),
            (grouped(999.4), "999"),
            (grouped(4096.0), "4,096"),
            (grouped(16_777_216.0), "16,777,216"),
            (quantity(3.0), "3"),
            (quantity(2.504), "2.5"),
            (quantity(87.346), "87.35"),
            (rate(0.0), "0"),
            (rate(0.051), "0.05"),
            (rate(0.999), "1.0"),
            (rate(12.34), "12.3"),
            (rate(99.99), "100"),
            (rate(12_345.0), "12,345"),
            (one_in(1.0), "1 in 1"),
            (one_in(2.54), "1 in 2.5"),
            (one_in(9.99), "1 in 10"),
            (one_in(4096.0), "1 in 4,096"),
            (part(0.254), "about 25 %"),
            (part(0.025), "about 1 in 40"),
            (short(4096.0), "4,096"),
            (short(65_536.0), "66k"),
            (short(1_048_576.0), "1M"),
            (short(268_435_456.0), "268M"),
            (short(4e9), "4G"),
            (time(Duration::from_secs(7)), "0:07"),
            (time(Duration::from_secs(754)), "12:34"),
            (time(Duration::from_secs(3723)), "1:02:03"),
            (waiting(Duration::from_millis(300)), "a second"),
            (waiting(Duration::from_secs(40)), "40 s"),
            (waiting(Duration::from_secs(240)), "4 min"),
            (waiting(Duration::from_secs(7200)), "2 h"),
        ];
        for (text, expected) in table {
            assert_eq!(text, expected);
        }
    }
}
