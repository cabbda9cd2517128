//! The drop: how much is given out, when, and to whom.

use super::{
    problem::{Problem, Problems},
    reader::Reader,
    variable::{Optional, Variable, WithDefault},
};
use crate::prize::codes::CodeSettings;
use puzzle::{drop::DropRules, invite_code::CodePrefix};
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    time::Duration,
};

pub(super) const SUPPLY: WithDefault = WithDefault::new("HASHPASS_SUPPLY", "0", "codes in all; 0 for any number");

pub(super) const OPENS_AT: Optional = Optional::new(
    "HASHPASS_OPENS_AT",
    "when the drop opens: a date and a time with their zone, such as 2026-12-24T20:00:00+01:00",
);

pub(super) const CLOSES_AT: Optional =
    Optional::new("HASHPASS_CLOSES_AT", "when the drop closes, written like the time at which it opens");

pub(super) const WINS_PER_PERSON: WithDefault = WithDefault::new(
    "HASHPASS_WINS_PER_PERSON",
    "0",
    "codes that one person may win: a session, or the same device in the same network; 0 for any number",
);

pub(super) const WIN_COOLDOWN: WithDefault =
    WithDefault::new("HASHPASS_WIN_COOLDOWN", "0", "seconds after a win in which that person wins nothing");

pub(super) const WINS_PER_NETWORK: WithDefault = WithDefault::new(
    "HASHPASS_WINS_PER_NETWORK",
    "0",
    "codes that one IPv4 address or one IPv6 network (/64) may win; 0 for any number",
);

pub(super) const MIN_ROUND: WithDefault =
    WithDefault::new("HASHPASS_MIN_ROUND", "0", "seconds after a win in which nobody wins");

pub(super) const CODES_FILE: Optional = Optional::new(
    "HASHPASS_CODES_FILE",
    "file of codes, one a line, that are handed out in this order, each once; without it codes are derived",
);

pub(super) const CODE_PREFIX: WithDefault = WithDefault::new(
    "HASHPASS_CODE_PREFIX",
    "HASHPASS-",
    "what stands before a derived code: up to 32 printable ASCII characters without spaces",
);

pub(super) const CODE_TTL: WithDefault = WithDefault::new(
    "HASHPASS_CODE_TTL",
    "0",
    "seconds from a win until its code cannot be redeemed any more; 0: never",
);

pub(super) const CODE_RECLAIM: WithDefault = WithDefault::new(
    "HASHPASS_CODE_RECLAIM",
    "false",
    "whether a code that expired unused counts as not given out, so that another one can be won",
);

/// The most codes that can be limited to: as many as a double counts one by one.
const MOST_CODES: u64 = 1 << 53;

/// The longest time between wins: a year.
const LONGEST_WAIT: f64 = 366.0 * 86_400.0;

/// The longest life of a code: a hundred years.
const LONGEST_LIFE: f64 = 100.0 * LONGEST_WAIT;

/// The rules of the drop.
pub(super) fn rules(reader: &mut Reader<'_>) -> DropRules {
    let rules = read(reader);
    complain_of_contradictions(reader, &rules);
    rules
}

/// The rules that hold when some of `current` are given anew: by the names of the
/// variables, with or without `HASHPASS_`, and values as the environment would have them.
/// An empty value stands for the default.
///
/// # Errors
/// Everything that is wrong with what is given; nothing of it holds then.
pub fn changed_rules(current: DropRules, given: &BTreeMap<String, String>) -> Result<DropRules, Problems> {
    let mut values = HashMap::new();
    let mut unknown = Vec::new();
    for (name, value) in given {
        let full = if name.starts_with(PREFIX) { name.clone() } else { format!("{PREFIX}{name}") };
        if !RULES.iter().any(|variable| variable.name == full) {
            unknown.push(Problem::of_name(name.escape_debug().to_string(), not_a_rule()));
        } else if values.insert(full, value.clone()).is_some() {
            unknown.push(Problem::of_name(name.clone(), "is given twice"));
        }
    }
    let mut reader = Reader::new(&values);
    reader.complain_of_all(unknown);
    let read = read(&mut reader);
    let is_given = |variable: &Variable| values.contains_key(variable.name);
    let rules = DropRules {
        supply: if is_given(&SUPPLY.variable) { read.supply } else { current.supply },
        opens_at: if is_given(&OPENS_AT.variable) { read.opens_at } else { current.opens_at },
        closes_at: if is_given(&CLOSES_AT.variable) { read.closes_at } else { current.closes_at },
        wins_per_person: if is_given(&WINS_PER_PERSON.variable) {
            read.wins_per_person
        } else {
            current.wins_per_person
        },
        win_cooldown: if is_given(&WIN_COOLDOWN.variable) { read.win_cooldown } else { current.win_cooldown },
        wins_per_network: if is_given(&WINS_PER_NETWORK.variable) {
            read.wins_per_network
        } else {
            current.wins_per_network
        },
        min_round: if is_given(&MIN_ROUND.variable) { read.min_round } else { current.min_round },
    };
    complain_of_contradictions(&mut reader, &rules);
    reader.finish(rules)
}

/// What the names of the variables begin with.
const PREFIX: &str = "HASHPASS_";

/// What an operator can give anew while the server runs.
const RULES: [&Variable; 7] = [
    &SUPPLY.variable,
    &OPENS_AT.variable,
    &CLOSES_AT.variable,
    &WINS_PER_PERSON.variable,
    &WINS_PER_NETWORK.variable,
    &WIN_COOLDOWN.variable,
    &MIN_ROUND.variable,
];

fn not_a_rule() -> String {
    let names = RULES.map(|variable| variable.name.trim_start_matches(PREFIX)).join(", ");
    format!("cannot be set while the server runs; these can: {names}")
}

fn read(reader: &mut Reader<'_>) -> DropRules {
    DropRules {
        supply: count(reader, &SUPPLY),
        opens_at: reader.parse_if_set(&OPENS_AT, TIME_RULE, time),
        closes_at: reader.parse_if_set(&CLOSES_AT, TIME_RULE, time),
        wins_per_person: count(reader, &WINS_PER_PERSON),
        win_cooldown: whole_milliseconds(reader.seconds(&WIN_COOLDOWN, 0.0, LONGEST_WAIT)),
        wins_per_network: count(reader, &WINS_PER_NETWORK),
        min_round: whole_milliseconds(reader.seconds(&MIN_ROUND, 0.0, LONGEST_WAIT)),
    }
}

fn complain_of_contradictions(reader: &mut Reader<'_>, rules: &DropRules) {
    if let Err(error) = rules.validate() {
        reader.complain(&CLOSES_AT.variable, format!("must be after HASHPASS_OPENS_AT: {error}"));
    }
}

/// The ledger keeps the rules in whole milliseconds: what is less would be another rule
/// after a restart.
fn whole_milliseconds(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Where the codes are that are handed out, if they are the operator's own.
pub(super) fn codes_file(reader: &mut Reader<'_>) -> Option<PathBuf> {
    reader.text_if_set(&CODES_FILE).map(PathBuf::from)
}

/// What stands before a derived code.
pub(super) fn code_prefix(reader: &mut Reader<'_>) -> CodePrefix {
    reader.parse(&CODE_PREFIX, "up to 32 printable ASCII characters without spaces", CodePrefix::new)
}

/// For how long a code can be redeemed, if that has an end.
pub(super) fn code_life(reader: &mut Reader<'_>) -> Option<Duration> {
    let life = reader.seconds(&CODE_TTL, 0.0, LONGEST_LIFE);
    Some(life).filter(|life| !life.is_zero())
}

/// What becomes of codes after they were won; `prefix` stands before those that are
/// derived.
pub(super) fn codes(reader: &mut Reader<'_>, prefix: CodePrefix) -> CodeSettings {
    CodeSettings { prefix, reclaims: reader.flag(&CODE_RECLAIM) }
}

const TIME_RULE: &str = "a date and a time with their zone, such as 2026-12-24T20:00:00+01:00 or 2026-12-24T19:00:00Z";

/// A moment after 1970, in whole milliseconds. A time without a zone is none: it would be
/// another moment on another machine.
fn time(text: &str) -> Option<Duration> {
    let milliseconds = text.parse::<jiff::Timestamp>().ok()?.as_millisecond();
    u64::try_from(milliseconds).ok().map(Duration::from_millis)
}

fn count(reader: &mut Reader<'_>, declared: &WithDefault) -> u64 {
    reader.parse(declared, "an integer from 0 to 9007199254740992", |text| {
        text.parse().ok().filter(|count| *count <= MOST_CODES)
    })
}

#[cfg(test)]
mod tests {
    use super::changed_rules;
    use crate::config::tests::{problems, read};
    use puzzle::drop::DropRules;
    use std::{collections::BTreeMap, time::Duration};

    fn changed(current: DropRules, given: &[(&str, &str)]) -> Result<DropRules, String> {
        let given: BTreeMap<_, _> =
            given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        changed_rules(current, &given).map_err(|problems| problems.to_string())
    }

    #[test]
    fn rules_are_given_anew_by_their_names_and_the_others_stay() {
        let minute = Duration::from_secs(60);
        let current = DropRules {
            supply: 5,
            opens_at: Some(minute),
            wins_per_person: 1,
            min_round: minute,
            ..Default::default()
        };
        let given = [("SUPPLY", "200"), ("HASHPASS_MIN_ROUND", "0.5"), ("OPENS_AT", ""), ("WINS_PER_NETWORK", "3")];
        let expected = DropRules {
            supply: 200,
            opens_at: None,
            min_round: Duration::from_millis(500),
            wins_per_network: 3,
            ..current
        };
        assert_eq!(changed(current, &given), Ok(expected));
        assert_eq!(changed(current, &[]), Ok(current));
        // What the ledger could not keep as it is would be another rule after a restart.
        let tiny = changed(current, &[("WIN_COOLDOWN", "0.0019")]).unwrap();
        assert_eq!(tiny.win_cooldown, Duration::from_millis(1));
    }

    #[test]
    fn rules_that_are_wrong_in_one_place_are_refused_whole_and_everything_is_told() {
        let current = DropRules { opens_at: Some(Duration::from_secs(1_798_138_800)), ..Default::default() };
        let given = [("SUPPLY", "many"), ("MIN_ROUND", "-1"), ("PORT", "80"), ("HASHPASS_SUPPLY", "7")];
        let told = changed(current, &given).unwrap_err();
        for part in ["HASHPASS_MIN_ROUND=\"-1\" must be", "PORT cannot be set while", "SUPPLY is given twice"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        // What is given is held against what stays.
        let told = changed(current, &[("CLOSES_AT", "2026-12-24T19:00:00Z")]).unwrap_err();
        assert!(told.contains("HASHPASS_CLOSES_AT") && told.contains("must be after HASHPASS_OPENS_AT"), "{told}");
        assert!(changed(current, &[("CLOSES_AT", "2026-12-24T19:00:01Z")]).is_ok());
    }

    #[test]
    fn times_are_moments_whatever_their_zone() {
        let of = |text: &str| {
            read(&[("TURNSTILE_TEST_MODE", "true"), ("HASHPASS_OPENS_AT", text)])
                .map(|config| config.race.drop.opens_at)
        };
        let moment = Some(Duration::from_secs(1_798_138_800));
        for same in [
            "2026-12-24T20:00:00+01:00",
            "2026-12-24T19:00:00Z",
            "2026-12-24t14:00:00-05:00",
            "2026-12-24 19:00:00.000Z",
        ] {
            assert_eq!(of(same), Ok(moment), "{same}");
        }
        for wrong in [
            "2026-12-24T20:00:00",
            "2026-12-24",
            "20:00",
            "tomorrow",
            "1798138800",
            "2026-02-30T00:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            let text = of(wrong).unwrap_err().to_string();
            assert!(text.contains("HASHPASS_OPENS_AT") && text.contains("with their zone"), "{wrong}: {text}");
        }
    }

    #[test]
    fn a_drop_that_closes_before_it_opens_is_refused() {
        let with = |opens_at, closes_at| {
            [("TURNSTILE_TEST_MODE", "true"), ("HASHPASS_OPENS_AT", opens_at), ("HASHPASS_CLOSES_AT", closes_at)]
        };
        let text = problems(&with("2026-12-24T20:00:00Z", "2026-12-24T21:00:00+01:00"));
        assert!(text.contains("HASHPASS_CLOSES_AT") && text.contains("must be after HASHPASS_OPENS_AT"), "{text}");
        assert!(read(&with("2026-12-24T20:00:00Z", "2026-12-24T22:00:00+01:00")).is_ok());
    }

    #[test]
    fn limits_are_whole_numbers_and_prefixes_printable() {
        for (name, value) in [
            ("HASHPASS_SUPPLY", "-1"),
            ("HASHPASS_SUPPLY", "1.5"),
            ("HASHPASS_WINS_PER_PERSON", "one"),
            ("HASHPASS_WIN_COOLDOWN", "-1"),
            ("HASHPASS_MIN_ROUND", "1e12"),
            ("HASHPASS_CODE_PREFIX", "a b"),
            ("HASHPASS_CODE_TTL", "-1"),
            ("HASHPASS_CODE_TTL", "1 day"),
            ("HASHPASS_CODE_RECLAIM", "perhaps"),
        ] {
            let text = problems(&[("TURNSTILE_TEST_MODE", "true"), (name, value)]);
            assert!(text.contains(name), "{name}={value}: {text}");
        }
    }
}
