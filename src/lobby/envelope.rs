//! Envelopes: commands as clients send them, checked for what holds for all of them.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// The most lines of a body.
const MOST_LINES: usize = 50;

/// The most bytes of a body.
const LONGEST_BODY: usize = 4096;

/// The most parameters.
const MOST_PARAMETERS: usize = 16;

/// The longest parameter, in bytes.
const LONGEST_PARAMETER: usize = 512;

/// The longest `meta`, in bytes of JSON.
const LONGEST_META: usize = 2048;

/// The deepest `meta`, in levels of objects and arrays.
const DEEPEST_META: usize = 16;

/// A command as a client sends it. `to`, `params` and the lines of `body`, in this
/// order, are the arguments that the same command has in IRC.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Envelope {
    /// The command's name, in any case.
    pub command: String,
    /// The channel or nick it is about.
    #[serde(default)]
    pub to: Option<String>,
    /// More arguments.
    #[serde(default)]
    pub params: Vec<String>,
    /// The text, line by line.
    #[serde(default)]
    pub body: Vec<String>,
    /// A JSON object that reaches receivers as it is.
    #[serde(default)]
    pub meta: Option<Box<RawValue>>,
}

/// Why an envelope is refused before its command is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedEnvelope {
    /// Too much of something.
    #[error(
        "a message has at most 50 lines of 4096 bytes together, 16 params of 512 bytes each, and 2048 bytes of meta"
    )]
    TooLarge,
    /// A line break inside a line or a parameter.
    #[error("a line holds no line break and no NUL")]
    LineBreak,
    /// `meta` is not an object that every receiver can read.
    #[error("meta is a JSON object, at most 16 levels deep")]
    Meta,
}

impl Envelope {
    /// Checks what holds for every command.
    ///
    /// # Errors
    /// [`MalformedEnvelope`].
    pub fn check(&self) -> Result<(), MalformedEnvelope> {
        let parameters = || self.to.iter().chain(&self.params).chain([&self.command]);
        let meta = self.meta.as_deref().map_or("", RawValue::get);
        let too_large = MOST_LINES < self.body.len()
            || LONGEST_BODY < self.body.iter().map(String::len).sum()
            || MOST_PARAMETERS < self.params.len()
            || parameters().any(|parameter| LONGEST_PARAMETER < parameter.len())
            || LONGEST_META < meta.len();
        if too_large {
            return Err(MalformedEnvelope::TooLarge);
        }
        if parameters().chain(&self.body).any(|text| text.contains(['\n', '\r', '\0'])) {
            return Err(MalformedEnvelope::LineBreak);
        }
        if meta.is_empty() || is_readable_object(meta) { Ok(()) } else { Err(MalformedEnvelope::Meta) }
    }

    /// The arguments of the command.
    pub fn arguments(&self) -> Vec<&str> {
        self.to.iter().chain(&self.params).chain(&self.body).map(String::as_str).collect()
    }

    /// The stamp that came with a message.
    pub fn stamp(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Meta {
            hashcash: Option<String>,
        }
        serde_json::from_str::<Meta>(self.meta.as_deref()?.get()).ok()?.hashcash
    }
}

/// True for an object that a usual parser reads. `meta` travels as it came, and
/// must not be able to spoil the answers that others find it in.
fn is_readable_object(meta: &str) -> bool {
    fn is_shallow(value: &Value, levels: usize) -> bool {
        match value {
            Value::Object(fields) => 0 < levels && fields.values().all(|value| is_shallow(value, levels - 1)),
            Value::Array(values) => 0 < levels && values.iter().all(|value| is_shallow(value, levels - 1)),
            _ => true,
        }
    }
    serde_json::from_str(meta).is_ok_and(|value: Value| value.is_object() && is_shallow(&value, DEEPEST_META))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(json: &str) -> Envelope {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn arguments_come_in_the_order_of_irc() {
        let kick = envelope(r##"{"command":"KICK","to":"#a","params":["bob"],"body":["go away"]}"##);
        assert_eq!(kick.arguments(), ["#a", "bob", "go away"]);
        assert!(kick.check().is_ok());
    }

    #[test]
    fn envelopes_are_bounded_and_hold_no_line_breaks() {
        use MalformedEnvelope::{LineBreak, Meta, TooLarge};
        let long = "x".repeat(4097);
        for (json, expected) in [
            (format!(r#"{{"command":"PRIVMSG","body":["{long}"]}}"#), TooLarge),
            (format!(r#"{{"command":"PRIVMSG","to":"{}"}}"#, &long[..513]), TooLarge),
            (format!(r#"{{"command":"PRIVMSG","meta":{{"a":"{}"}}}}"#, &long[..2048]), TooLarge),
            (format!(r#"{{"command":"PRIVMSG","body":[{}]}}"#, [r#""""#; 51].join(",")), TooLarge),
            (r#"{"command":"PRIVMSG","body":["a\nQUIT"]}"#.to_owned(), LineBreak),
            (r#"{"command":"NICK","params":["a\r"]}"#.to_owned(), LineBreak),
            (r#"{"command":"PRIVMSG","meta":[1]}"#.to_owned(), Meta),
            (r#"{"command":"PRIVMSG","meta":"text"}"#.to_owned(), Meta),
        ] {
            assert_eq!(envelope(&json).check(), Err(expected), "{json}");
        }
    }

    #[test]
    fn meta_travels_as_it_came_if_others_can_read_it() {
        let with = |meta: &str| envelope(&format!(r#"{{"command":"PRIVMSG","meta":{meta}}}"#));
        let good = r#"{ "b": 1.50, "a": [12345678901234567890, "\u00e9"] }"#;
        assert_eq!(with(good).meta.as_ref().map(|meta| meta.get()), Some(good));
        assert!(with(good).check().is_ok() && with("null").check().is_ok());
        let deep = |levels: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
        assert!(with(&deep(15)).check().is_ok());
        for bad in [&*deep(16), &deep(200), r#"{"a":1e999}"#, r#"{"a":"\ud800"}"#] {
            assert_eq!(with(bad).check(), Err(MalformedEnvelope::Meta), "{bad}");
        }
    }

    #[test]
    fn the_stamp_is_found_in_meta_and_a_strange_one_is_none() {
        assert_eq!(envelope(r#"{"command":"X","meta":{"a":1,"hashcash":"1:2"}}"#).stamp().as_deref(), Some("1:2"));
        assert_eq!(envelope(r#"{"command":"X","meta":{"hashcash":5}}"#).stamp(), None);
        assert_eq!(envelope(r#"{"command":"X"}"#).stamp(), None);
    }
}
