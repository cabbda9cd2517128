//! Reads variables and gathers what is wrong with them.
//!
//! Every value passes through [`Reader::value`]. A wrong value is noted and reading
//! goes on with the default, so that all problems are found in one pass.

use super::{
    problem::{Problem, Problems},
    variable::{Optional, Variable, WithDefault},
};
use puzzle::Difficulty;
use std::{collections::HashMap, time::Duration};

/// The highest count of anything that can be limited.
const HIGHEST_LIMIT: u32 = 1_000_000;

/// The values of variables by name, and what is wrong with those read so far.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    values: &'a HashMap<String, String>,
    problems: Vec<Problem>,
    /// The names of all variables that were asked for.
    #[cfg(test)]
    pub(super) asked: std::collections::BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    /// Nothing has been read yet.
    pub(super) fn new(values: &'a HashMap<String, String>) -> Self {
        Self {
            values,
            problems: Vec::new(),
            #[cfg(test)]
            asked: std::collections::BTreeSet::new(),
        }
    }

    /// What was read, or what was wrong.
    ///
    /// # Errors
    /// [`Problems`] if there is any.
    pub(super) fn finish<T>(self, read: T) -> Result<T, Problems> {
        if self.problems.is_empty() { Ok(read) } else { Err(Problems(self.problems)) }
    }

    /// The value that is set; one that is empty counts as not set.
    fn value(&mut self, variable: &Variable) -> Option<&'a str> {
        #[cfg(test)]
        self.asked.insert(variable.name);
        self.values.get(variable.name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Notes that the variable breaks a rule; the rule ends a sentence that its
    /// name and value begin.
    pub(super) fn complain(&mut self, variable: &Variable, rule: impl Into<String>) {
        let value = self.value(variable);
        self.problems.push(Problem::of_variable(variable, value, rule));
    }

    /// Notes problems that were found elsewhere.
    pub(super) fn complain_of_all(&mut self, problems: Vec<Problem>) {
        self.problems.extend(problems);
    }

    /// The text that is set, or the default.
    pub(super) fn text(&mut self, declared: &WithDefault) -> &'a str {
        self.value(&declared.variable).unwrap_or(declared.default)
    }

    /// The text that is set, if any.
    pub(super) fn text_if_set(&mut self, declared: &Optional) -> Option<&'a str> {
        self.value(&declared.variable)
    }

    /// What `parse` makes of the value that is set; of the default, if none is set
    /// or `parse` refuses it. That is noted: it "must be" what the rule says.
    pub(super) fn parse<T>(&mut self, declared: &WithDefault, rule: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        self.parse_value(&declared.variable, rule, &parse).unwrap_or_else(|| default(declared, parse))
    }

    /// What `parse` makes of the value that is set; nothing if none is set or
    /// `parse` refuses it, which is noted.
    pub(super) fn parse_if_set<T>(
        &mut self,
        declared: &Optional,
        rule: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.parse_value(&declared.variable, rule, parse)
    }

    /// What `parse` makes of one setting that has two names. If both are set they
    /// must agree; if none is, the default holds.
    pub(super) fn parse_one_of<T: PartialEq>(
        &mut self,
        declared: &WithDefault,
        other: &Optional,
        rule: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        let first = self.parse_value(&declared.variable, rule, &parse);
        let second = self.parse_value(&other.variable, rule, &parse);
        if first.is_some() && second.is_some() && first != second {
            self.complain(&other.variable, format!("must equal {} when both are set", declared.variable.name));
        }
        first.or(second).unwrap_or_else(|| default(declared, parse))
    }

    fn parse_value<T>(&mut self, variable: &Variable, rule: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let parsed = parse(self.value(variable)?);
        if parsed.is_none() {
            self.complain(variable, format!("must be {rule}"));
        }
        parsed
    }

    /// One of a few words, each with what it means.
    pub(super) fn choice<T: Copy>(&mut self, declared: &WithDefault, choices: &[(&str, T)]) -> T {
        self.parse(declared, &alternatives(choices), |text| {
            choices.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning)
        })
    }

    /// A finite number of at least `least` and at most `most`.
    fn number<T>(&mut self, declared: &WithDefault, least: f64, most: f64, make: impl Fn(f64) -> Option<T>) -> T {
        self.parse(declared, &format!("a number from {least} to {most}"), |text| {
            text.parse().ok().filter(|number| (least..=most).contains(number)).and_then(&make)
        })
    }

    /// A time in seconds, of at least `least` and at most `most`.
    pub(super) fn seconds(&mut self, declared: &WithDefault, least: f64, most: f64) -> Duration {
        self.number(declared, least, most, |seconds| Duration::try_from_secs_f64(seconds).ok())
    }

    /// A difficulty in leading zero hex digits, from 1 to 6.
    pub(super) fn difficulty(&mut self, declared: &WithDefault) -> Difficulty {
        self.number(declared, 1.0, 6.0, |digits| Difficulty::new(digits).ok())
    }

    /// An integer of at least `least` and at most `most`.
    pub(super) fn integer(&mut self, declared: &WithDefault, least: u32, most: u32) -> u32 {
        self.parse(declared, &integer_rule(least, most), |text| integer(text, least, most))
    }

    /// The same for a variable that may have no value.
    pub(super) fn integer_if_set(&mut self, declared: &Optional, least: u32, most: u32) -> Option<u32> {
        self.parse_if_set(declared, &integer_rule(least, most), |text| integer(text, least, most))
    }

    /// How many of something there may be; 0 for any number.
    pub(super) fn limit(&mut self, declared: &WithDefault) -> u32 {
        self.integer(declared, 0, HIGHEST_LIMIT)
    }

    /// True or false.
    pub(super) fn flag(&mut self, declared: &WithDefault) -> bool {
        self.parse(declared, "true or false", |text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        })
    }
}

/// What the parser makes of a variable's default.
fn default<T>(declared: &WithDefault, parse: impl Fn(&str) -> Option<T>) -> T {
    // A test reads every default, so that no server that passed it comes here.
    parse(declared.default).unwrap_or_else(|| unreachable!("{}: the default is wrong", declared.variable.name))
}

fn integer_rule(least: u32, most: u32) -> String {
    format!("an integer from {least} to {most}")
}

fn integer(text: &str, least: u32, most: u32) -> Option<u32> {
    text.parse().ok().filter(|number| (least..=most).contains(number))
}

/// The words as "one, two or three".
fn alternatives<T>(choices: &[(&str, T)]) -> String {
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
