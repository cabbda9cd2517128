//! What follows from a receiver's answer: a pure function, so that three days pass in
//! a table.
//!
//! A try that fails is followed by others, after waits that grow threefold from a
//! second to six hours and are spread at random, so that a receiver which comes back is
//! not met by everything at once. After three days of failures nobody tries any more:
//! the delivery is *parked* until an operator has it sent again. Some answers say that
//! it is of no use to try for so long:
//!
//! | answer | what follows |
//! |---|---|
//! | 2xx | it is delivered |
//! | 3xx | parked at once: redirects are not followed, somebody has to change the address |
//! | 404, 410 | parked after a day |
//! | 408, 425, 429, 5xx, any other, none | parked after three days |
//! | other 4xx | parked after three days, and tried less often at first: only somebody's hands can change it |
//!
//! `Retry-After` is obeyed, whatever the answer, where it asks for a longer wait than
//! ours; it cannot put a try off beyond the end of the three days.

use std::time::Duration;

/// The wait after the first try that failed; each further one is three times as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The first wait where the receiver has understood and does not want it.
const FIRST_WAIT_IF_REFUSED: Duration = Duration::from_secs(60);

/// No wait of ours is longer, but for the random part.
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 3600);

/// By how much of itself a wait is made longer at random, at most.
const SPREAD: f64 = 0.25;

/// How long a delivery is tried.
pub const TRIED_FOR: Duration = Duration::from_secs(3 * 24 * 3600);

/// How long it is tried while the receiver says that there is nobody.
pub const TRIED_FOR_IF_GONE: Duration = Duration::from_secs(24 * 3600);

/// What a receiver answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiverAnswer {
    /// A status.
    Status {
        /// Which.
        code: u16,
        /// For how long its `Retry-After` asks to wait, if it has one.
        retry_after: Option<Duration>,
    },
    /// Nothing: it cannot be reached, or did not answer in time.
    None,
}

/// Which try it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Try {
    /// How many there were with this one; at least 1.
    pub number: u32,
    /// How long ago the first of them failed; zero for that itself.
    pub failing_for: Duration,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// The receiver has it.
    Delivered,
    /// It is tried again after this wait.
    TryAfter(Duration),
    /// It is not tried again. Says why, in words.
    Park(&'static str),
}

/// What follows from `answer`. `random`, from 0 to below 1, spreads the waits.
pub fn next_step(answer: ReceiverAnswer, this: Try, random: f64) -> NextStep {
    let (code, retry_after) = match answer {
        ReceiverAnswer::Status { code, retry_after } => (Some(code), retry_after),
        ReceiverAnswer::None => (None, None),
    };
    let (first_wait, tried_for, why) = match code {
        Some(200..300) => return NextStep::Delivered,
        Some(300..400) => return NextStep::Park("the receiver redirects: give its new address in the configuration"),
        Some(404 | 410) => (FIRST_WAIT, TRIED_FOR_IF_GONE, "the receiver said for a day that there is nobody"),
        Some(408 | 425 | 429) => (FIRST_WAIT, TRIED_FOR, "the receiver had no time for three days"),
        Some(400..500) => (FIRST_WAIT_IF_REFUSED, TRIED_FOR, "the receiver refused it for three days"),
        Some(_) => (FIRST_WAIT, TRIED_FOR, "the receiver failed for three days"),
        None => (FIRST_WAIT, TRIED_FOR, "the receiver did not answer for three days"),
    };
    let left = tried_for.saturating_sub(this.failing_for);
    if left.is_zero() {
        return NextStep::Park(why);
    }
    let ours = spread(wait(first_wait, this.number), random);
    // The last try is at the very end.
    NextStep::TryAfter(ours.max(retry_after.unwrap_or_default()).min(left))
}

/// The wait after a try, before it is spread.
fn wait(first: Duration, number: u32) -> Duration {
    let factor = 3_u32.saturating_pow(number.saturating_sub(1));
    first.saturating_mul(factor).min(LONGEST_WAIT)
}

fn spread(wait: Duration, random: f64) -> Duration {
    wait.mul_f64(1.0 + SPREAD * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: u64 = 3600;

    fn status(code: u16) -> ReceiverAnswer {
        ReceiverAnswer::Status { code, retry_after: None }
    }

    fn step(answer: ReceiverAnswer, number: u32, failing_for: u64) -> NextStep {
        next_step(answer, Try { number, failing_for: Duration::from_secs(failing_for) }, 0.0)
    }

    fn after(seconds: u64) -> NextStep {
        NextStep::TryAfter(Duration::from_secs(seconds))
    }

    #[test]
    fn every_answer_has_its_consequence() {
        let none = ReceiverAnswer::None;
        let redirects = NextStep::Park("the receiver redirects: give its new address in the configuration");
        let table = [
            (status(200), 1, 0, NextStep::Delivered),
            (status(204), 9, 99 * HOUR, NextStep::Delivered),
            (status(301), 1, 0, redirects),
            (status(307), 1, 0, redirects),
            (status(500), 1, 0, after(1)),
            (status(503), 2, 1, after(3)),
            (none, 3, 4, after(9)),
            (status(429), 4, 13, after(27)),
            (status(500), 9, HOUR, after(6561)),
            (status(500), 10, HOUR, after(19_683)),
            (status(500), 11, HOUR, after(6 * HOUR)),
            (status(500), u32::MAX, HOUR, after(6 * HOUR)),
            (status(400), 1, 0, after(60)),
            (status(401), 2, 60, after(180)),
            (status(404), 1, 0, after(1)),
            (status(410), 20, 23 * HOUR, after(HOUR)),
            (status(404), 21, 24 * HOUR, NextStep::Park("the receiver said for a day that there is nobody")),
            (status(410), 21, 24 * HOUR, NextStep::Park("the receiver said for a day that there is nobody")),
            (status(500), 21, 24 * HOUR, after(6 * HOUR)),
            (status(500), 30, 71 * HOUR, after(HOUR)),
            (status(500), 31, 72 * HOUR, NextStep::Park("the receiver failed for three days")),
            (status(422), 31, 72 * HOUR, NextStep::Park("the receiver refused it for three days")),
            (status(429), 31, 72 * HOUR, NextStep::Park("the receiver had no time for three days")),
            (none, 31, 73 * HOUR, NextStep::Park("the receiver did not answer for three days")),
            (status(100), 1, 0, after(1)),
            (status(0), 1, 0, after(1)),
        ];
        for (answer, number, failing_for, expected) in table {
            assert_eq!(step(answer, number, failing_for), expected, "{answer:?}, try {number}, {failing_for} s");
        }
    }

    #[test]
    fn retry_after_is_obeyed_where_it_asks_for_more() {
        let asks = |code, seconds| ReceiverAnswer::Status { code, retry_after: Some(Duration::from_secs(seconds)) };
        assert_eq!(step(asks(429, 7), 1, 0), after(7));
        assert_eq!(step(asks(503, 7200), 2, 1), after(7200));
        assert_eq!(step(asks(503, 2), 4, 13), after(27));
        assert_eq!(step(asks(500, u64::MAX), 1, 0), after(72 * HOUR));
        assert_eq!(step(asks(404, 30 * HOUR), 5, HOUR), after(23 * HOUR));
    }

    #[test]
    fn a_receiver_that_never_answers_is_tried_a_few_dozen_times_in_three_days() {
        for random in [0.0, 0.5, 0.999] {
            let (mut tries, mut failing_for) = (0, Duration::ZERO);
            loop {
                tries += 1;
                match next_step(ReceiverAnswer::None, Try { number: tries, failing_for }, random) {
                    NextStep::TryAfter(wait) => failing_for += wait,
                    NextStep::Park(_) => break,
                    NextStep::Delivered => unreachable!(),
                }
            }
            assert_eq!(failing_for, TRIED_FOR);
            assert!((15..=30).contains(&tries), "{tries}");
        }
    }

    proptest! {
        #[test]
        fn waits_grow_are_spread_and_end_in_time(number in 1_u32..40, failing_for in 0..80 * HOUR, random in 0.0..1.0) {
            let failing_for = Duration::from_secs(failing_for);
            let at = |number, random| next_step(status(500), Try { number, failing_for }, random);
            match (at(number, 0.0), at(number, random), at(number + 1, 0.0)) {
                (NextStep::TryAfter(least), NextStep::TryAfter(wait), NextStep::TryAfter(later)) => {
                    prop_assert!(!least.is_zero() && least <= wait && wait <= least.mul_f64(1.25));
                    prop_assert!(least <= later);
                    prop_assert!(failing_for + wait <= TRIED_FOR);
                }
                (NextStep::Park(_), NextStep::Park(_), NextStep::Park(_)) => {
                    prop_assert!(TRIED_FOR <= failing_for);
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
