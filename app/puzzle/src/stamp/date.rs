//! Dates of stamps: `YYMMDD` names a whole day, `YYMMDDhhmmss` one second, in UTC
//! and in the years 2000 to 2099.
//!
//! A day is judged by its last second when its age is asked for, and by its first
//! when it may lie ahead. So a stamp of a late evening lives its 48 hours like any
//! other, and none is refused as coming from the future on its own day.

use super::{MAX_AGE, MAX_LEAD, Rejection, Timestamp};

const DAY: u64 = 24 * 60 * 60;

/// From 1970-01-01 to 2000-01-01.
const DAYS_BEFORE_2000: u64 = 10_957;

const DAYS_BEFORE_MONTH: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// # Errors
/// [`Rejection::MalformedDate`], [`Rejection::Expired`] or [`Rejection::FromTheFuture`].
pub(super) fn check(text: &str, now: Timestamp) -> Result<(), Rejection> {
    let (first, last) = span(text).ok_or(Rejection::MalformedDate)?;
    if last.saturating_add(MAX_AGE.as_secs()) < now.0 {
        Err(Rejection::Expired)
    } else if now.0.saturating_add(MAX_LEAD.as_secs()) < first {
        Err(Rejection::FromTheFuture)
    } else {
        Ok(())
    }
}

/// The day of `now` as `YYMMDD`. Before 2000 it is the first day of 2000, after
/// 2099 the last of 2099: no clock that is set says either.
pub(super) fn day_of(now: Timestamp) -> String {
    let day = (now.0 / DAY).saturating_sub(DAYS_BEFORE_2000).min(days_before_year(100) - 1);
    // Four years are 1461 days, the first of them a leap year.
    let year = 4 * day / 1461;
    let day_of_year = day - days_before_year(year);
    let month = (1..=12).rev().find(|month| days_before_month(year, *month) <= day_of_year).unwrap_or(1);
    format!("{year:02}{month:02}{:02}", day_of_year - days_before_month(year, month) + 1)
}

/// The first and the last second that a date names.
fn span(text: &str) -> Option<(u64, u64)> {
    if !matches!(text.len(), 6 | 12) || !text.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let two_digits = |index: usize| text.get(2 * index..2 * index + 2)?.parse::<u64>().ok();
    let (year, month, day) = (two_digits(0)?, two_digits(1)?, two_digits(2)?);
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    let days = DAYS_BEFORE_2000 + days_before_year(year) + days_before_month(year, month) + day - 1;
    let midnight = days * DAY;
    if text.len() == 6 {
        return Some((midnight, midnight + DAY - 1));
    }
    let (hour, minute, second) = (two_digits(3)?, two_digits(4)?, two_digits(5)?);
    let in_range = hour < 24 && minute < 60 && second < 60;
    let moment = midnight + 3600 * hour + 60 * minute + second;
    in_range.then_some((moment, moment))
}

/// Days from 2000-01-01 to the first of January of 2000 + `year`; `year` ≤ 100.
const fn days_before_year(year: u64) -> u64 {
    365 * year + year.div_ceil(4)
}

/// Days from the first of January to the first of `month` (1 … 12).
fn days_before_month(year: u64, month: u64) -> u64 {
    let before = usize::try_from(month - 1).ok().and_then(|index| DAYS_BEFORE_MONTH.get(index));
    before.copied().unwrap_or(365) + u64::from(2 < month && year.is_multiple_of(4))
}

fn days_in_month(year: u64, month: u64) -> u64 {
    if month == 12 { 31 } else { days_before_month(year, month + 1) - days_before_month(year, month) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `date -u -d 2026-11-21T12:34:56Z +%s`
    const NOVEMBER: u64 = 1_795_264_496;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // Seconds from Python's calendar.timegm.
        for (text, first) in [
            ("000101", 946_684_800),
            ("000229", 951_782_400),
            ("240229", 1_709_164_800),
            ("261121", 1_795_219_200),
            ("381231", 2_177_366_400),
            ("991231", 4_102_358_400),
        ] {
            assert_eq!(span(text), Some((first, first + 86_399)), "{text}");
            assert_eq!(day_of(Timestamp(first)), text);
            assert_eq!(day_of(Timestamp(first + 86_399)), text);
        }
        assert_eq!(span("261121123456"), Some((NOVEMBER, NOVEMBER)));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2611",
            "26112",
            "2611210",
            "20261121",
            "26112112345",
            "2611211234567",
            "260001",
            "261301",
            "261100",
            "261131",
            "260229",
            "261121240000",
            "261121006000",
            "261121000060",
            "26112a",
            "+61121",
            "２６１１",
            "26-1-1",
        ] {
            assert_eq!(span(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_lives_until_48_hours_after_its_end() {
        let midnight = 1_795_219_200;
        for (now, outcome) in [
            (midnight - 3601, Err(Rejection::FromTheFuture)),
            (midnight - 3600, Ok(())),
            (midnight + 86_399 + 48 * 3600, Ok(())),
            (midnight + 86_400 + 48 * 3600, Err(Rejection::Expired)),
        ] {
            assert_eq!(check("261121", Timestamp(now)), outcome, "{now}");
        }
    }

    #[test]
    fn a_second_lives_48_hours() {
        for (now, outcome) in [
            (NOVEMBER - 3601, Err(Rejection::FromTheFuture)),
            (NOVEMBER - 3600, Ok(())),
            (NOVEMBER + 48 * 3600, Ok(())),
            (NOVEMBER + 48 * 3600 + 1, Err(Rejection::Expired)),
        ] {
            assert_eq!(check("261121123456", Timestamp(now)), outcome, "{now}");
        }
    }

    #[test]
    fn a_clock_that_is_not_set_breaks_nothing() {
        assert_eq!(day_of(Timestamp(0)), "000101");
        assert_eq!(day_of(Timestamp(u64::MAX)), "991231");
        assert_eq!(check("261121", Timestamp(0)), Err(Rejection::FromTheFuture));
        assert_eq!(check("261121", Timestamp(u64::MAX)), Err(Rejection::Expired));
    }

    proptest! {
        #[test]
        fn every_second_of_the_century_lies_in_its_day(seconds in 946_684_800u64..4_102_444_800) {
            let (first, last) = span(&day_of(Timestamp(seconds))).unwrap();
            prop_assert!((first..=last).contains(&seconds));
        }

        #[test]
        fn a_stamp_never_outlives_the_longest_life(seconds in 946_684_800u64..4_102_444_800) {
            let date = day_of(Timestamp(seconds));
            let (first, _) = span(&date).unwrap();
            let earliest = first - MAX_LEAD.as_secs();
            let life = super::super::LONGEST_LIFE.as_secs();
            prop_assert_eq!(check(&date, Timestamp(earliest + life - 1)), Ok(()));
            prop_assert_eq!(check(&date, Timestamp(earliest + life)), Err(Rejection::Expired));
        }
    }
}
