//! What goes to the server and what comes from it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A command on its way to the server. `to`, `params` and the lines of `body`, in
/// this order, are the arguments that the same command has in IRC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub(crate) command: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) params: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) body: Vec<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) meta: Map<String, Value>,
}

impl Envelope {
    /// A command about `to`, if anything.
    pub(crate) fn new(command: &str, to: Option<&str>) -> Self {
        Self { command: command.to_owned(), to: to.map(str::to_owned), ..Self::default() }
    }

    /// The same with parameters.
    pub(crate) fn with<'a>(self, params: impl IntoIterator<Item = &'a str>) -> Self {
        Self { params: params.into_iter().map(str::to_owned).collect(), ..self }
    }

    /// The same with a line of text.
    pub(crate) fn saying(self, text: &str) -> Self {
        Self { body: vec![text.to_owned()], ..self }
    }

    /// True for what somebody says, as opposed to what they do.
    pub(crate) fn is_message(&self) -> bool {
        self.command.eq_ignore_ascii_case("PRIVMSG") || self.command.eq_ignore_ascii_case("NOTICE")
    }

    /// The channel that a message is for.
    pub(crate) fn channel(&self) -> Option<&str> {
        self.to.as_deref().filter(|to| self.is_message() && to.starts_with('#'))
    }

    /// The lines that the server hashes for a stamp: without a body the parameters
    /// are the one line.
    pub(crate) fn lines(&self) -> Vec<String> {
        if self.body.is_empty() && !self.params.is_empty() { vec![self.params.join(" ")] } else { self.body.clone() }
    }
}

/// Something that happened, as the server tells it. Fields that a server leaves out
/// are empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Event {
    pub(crate) id: String,
    /// A command, or the three digits of a numeric.
    pub(crate) command: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) params: Vec<String>,
    pub(crate) body: Vec<String>,
    pub(crate) ts: String,
    pub(crate) meta: Value,
}

impl Event {
    /// The parameter at a place; empty if there is none.
    pub(crate) fn param(&self, at: usize) -> &str {
        self.params.get(at).map_or("", String::as_str)
    }

    /// The body in one line.
    pub(crate) fn text(&self) -> String {
        self.body.join(" ")
    }

    /// True for the numerics of errors: 400 and above.
    pub(crate) fn is_error(&self) -> bool {
        self.command.len() == 3
            && self.command.bytes().all(|c| c.is_ascii_digit())
            && ("400"..="599").contains(&&*self.command)
            || self.command == "696"
    }

    /// True if this says that a message needs a better stamp: its sender mints
    /// one and sends it again.
    pub(crate) fn asks_for_stamp(&self) -> bool {
        self.command == "404" && self.meta.get("hashcash_bits").is_some()
    }
}

/// What the server answers to a command.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Answer {
    status: String,
    pub(crate) message: String,
    meta: Value,
}

impl Answer {
    /// The answer to a command that was carried out.
    pub(crate) fn done() -> Self {
        Self { status: "ok".to_owned(), ..Self::default() }
    }

    /// True if the command was carried out.
    pub(crate) fn is_ok(&self) -> bool {
        self.status == "ok"
    }

    /// The bits of the stamp that was missing or not good enough.
    pub(crate) fn demanded_bits(&self) -> Option<u8> {
        self.meta.get("hashcash_bits")?.as_u64()?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_there_travels() {
        let plain = serde_json::to_string(&Envelope::new("MOTD", None)).unwrap();
        assert_eq!(plain, r#"{"command":"MOTD"}"#);
        let kick = Envelope::new("KICK", Some("#a")).with(["bob"]).saying("go away");
        let json = r##"{"command":"KICK","to":"#a","params":["bob"],"body":["go away"]}"##;
        assert_eq!(serde_json::to_string(&kick).unwrap(), json);
        assert_eq!(serde_json::from_str::<Envelope>(json).unwrap(), kick);
    }

    #[test]
    fn the_hashed_lines_are_those_that_the_server_hashes() {
        assert_eq!(Envelope::new("privmsg", Some("#a")).saying("hi there").lines(), ["hi there"]);
        assert_eq!(Envelope::new("PRIVMSG", Some("#a")).with(["hi", "there"]).lines(), ["hi there"]);
        assert_eq!(Envelope::new("notice", Some("#a")).channel(), Some("#a"));
        assert_eq!(Envelope::new("PRIVMSG", Some("bob")).channel(), None);
        assert_eq!(Envelope::new("TOPIC", Some("#a")).channel(), None);
    }

    #[test]
    fn errors_are_told_from_replies() {
        let event = |command: &str| Event { command: command.into(), ..Event::default() };
        for (command, is_error) in [("404", true), ("696", true), ("376", false), ("4040", false), ("KICK", false)] {
            assert_eq!(event(command).is_error(), is_error, "{command}");
        }
    }
}
