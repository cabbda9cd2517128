//! Numbers as people read them.
//!
//! Written with whole numbers throughout: the standard library's way of writing
//! floating-point numbers would be a good part of the browser's program.

use crate::language::Language::{self, Chinese, English};
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
pub fn tenths(number: f64) -> String {
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

/// How many tries a success takes: `4,096`, `2.5`.
pub fn tries(expected: f64) -> String {
    if expected < 9.95 {
        let text = tenths(expected.max(1.0));
        text.trim_end_matches(".0").to_owned()
    } else {
        grouped(expected)
    }
}

/// A probability by its inverse: `1 in 4,096`, `1 in 2.5`.
pub fn one_in(language: Language, expected: f64) -> String {
    let tries = tries(expected);
    match language {
        English => format!("1 in {tries}"),
        Chinese => format!("1/{tries}"),
    }
}

/// A part of a whole: `about 25 %`, `about 1 in 40`.
pub fn part(language: Language, part: f64) -> String {
    let is_large = 0.1 <= part;
    match language {
        English if is_large => format!("about {} %", whole(part * 100.0)),
        Chinese if is_large => format!("约 {}%", whole(part * 100.0)),
        English => format!("about {}", one_in(English, 1.0 / part)),
        Chinese => format!("约 {}", one_in(Chinese, 1.0 / part)),
    }
}

/// A large number where there is little room: `256`, `4,096`, `66k`, `1M`, `17M`;
/// in Chinese by its own powers of ten thousand: `6.6万`, `105万`, `2.7亿`.
pub fn short(language: Language, number: f64) -> String {
    let (unit, name) = match language {
        _ if number < 10_000.0 => return grouped(number),
        English if number < 999_500.0 => (1e3, "k"),
        English if number < 999.5e6 => (1e6, "M"),
        English => (1e9, "G"),
        Chinese if number < 99_995_000.0 => (1e4, "万"),
        Chinese => (1e8, "亿"),
    };
    let number = number / unit;
    match language {
        Chinese if number < 9.95 => format!("{}{name}", tries(number)),
        _ => format!("{}{name}", whole(number)),
    }
}

/// A time as a clock shows it: `0:07`, `12:34`, `1:02:03`.
pub fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 { format!("{minutes}:{seconds:02}") } else { format!("{hours}:{minutes:02}:{seconds:02}") }
}

/// A time as one says it: `a second`, `40 s`, `4 min`, `3 h`.
pub fn waiting(language: Language, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (number, unit) = match seconds {
        seconds if seconds < 1.5 && language == English => return "a second".to_owned(),
        seconds if seconds < 90.0 => (whole(seconds.max(1.0)), language.pick("s", "秒")),
        seconds if seconds < 5_400.0 => (whole(seconds / 60.0), language.pick("min", "分钟")),
        seconds => (whole(seconds / 3600.0), language.pick("h", "小时")),
    };
    format!("{number} {unit}")
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
            (one_in(English, 1.0), "1 in 1"),
            (one_in(English, 2.54), "1 in 2.5"),
            (one_in(English, 9.99), "1 in 10"),
            (one_in(English, 4096.0), "1 in 4,096"),
            (part(English, 0.254), "about 25 %"),
            (part(English, 0.025), "about 1 in 40"),
            (short(English, 4096.0), "4,096"),
            (short(English, 65_536.0), "66k"),
            (short(English, 1_048_576.0), "1M"),
            (short(English, 268_435_456.0), "268M"),
            (short(English, 4e9), "4G"),
            (time(Duration::from_secs(7)), "0:07"),
            (time(Duration::from_secs(754)), "12:34"),
            (time(Duration::from_secs(3723)), "1:02:03"),
            (waiting(English, Duration::from_millis(300)), "a second"),
            (waiting(English, Duration::from_secs(40)), "40 s"),
            (waiting(English, Duration::from_secs(240)), "4 min"),
            (waiting(English, Duration::from_secs(7200)), "2 h"),
            (tries(1.0), "1"),
            (tries(2.54), "2.5"),
            (tries(4096.0), "4,096"),
            (one_in(Chinese, 2.54), "1/2.5"),
            (one_in(Chinese, 4096.0), "1/4,096"),
            (part(Chinese, 0.254), "约 25%"),
            (part(Chinese, 0.025), "约 1/40"),
            (short(Chinese, 4096.0), "4,096"),
            (short(Chinese, 65_536.0), "6.6万"),
            (short(Chinese, 1_048_576.0), "105万"),
            (short(Chinese, 16_777_216.0), "1678万"),
            (short(Chinese, 99_999_999.0), "1亿"),
            (short(Chinese, 268_435_456.0), "2.7亿"),
            (short(Chinese, 4_294_967_296.0), "43亿"),
            (waiting(Chinese, Duration::from_millis(300)), "1 秒"),
            (waiting(Chinese, Duration::from_secs(40)), "40 秒"),
            (waiting(Chinese, Duration::from_secs(240)), "4 分钟"),
            (waiting(Chinese, Duration::from_secs(7200)), "2 小时"),
        ];
        for (text, expected) in table {
            assert_eq!(text, expected);
        }
    }
}
