//! What is written into the composer, understood.

/// What the visitor means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing.
    Nothing,
    /// Say it here.
    Say(String),
    /// `/me`.
    Act(String),
    /// `/msg nick text`.
    Whisper(String, String),
    /// Open a conversation without a word.
    Talk(String),
    /// A command for the server: name, first argument, more arguments, text.
    Command(&'static str, Option<String>, Vec<String>, Option<String>),
    /// A command about the channel in front.
    Here(&'static str, Vec<String>, Option<String>),
    /// Start mining.
    Mine,
    /// Stop mining.
    Stop,
    /// How fast this page mines.
    Rate,
    /// What the commands are.
    Help,
    /// Leave every channel.
    Quit,
    /// There is no such command.
    Unknown(String),
    /// The command needs more than that.
    Incomplete(String),
}

/// Understands a line. Two slashes at its beginning are one that is meant as text.
pub(super) fn understand(text: &str) -> Meaning {
    let text = text.trim_end();
    if text.trim().is_empty() {
        return Meaning::Nothing;
    }
    let Some(line) = text.strip_prefix('/').filter(|rest| !rest.starts_with('/')) else {
        let said = if text.starts_with("//") { &text[1..] } else { text };
        return Meaning::Say(said.to_owned());
    };
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let (first, tail) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let tail = tail.trim_start();
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let name = name.to_ascii_lowercase();
    let incomplete = || Meaning::Incomplete(name.clone());
    // A channel may be named; otherwise the one in front is meant.
    let about = |command: &'static str, params: fn(&str) -> Vec<String>, text: bool| {
        let (channel, rest) = if first.starts_with('#') { (some(first), tail) } else { (None, rest) };
        let (params, text) = if text { (Vec::new(), some(rest)) } else { (params(rest), None) };
        match channel {
            Some(channel) => Meaning::Command(command, Some(channel), params, text),
            None => Meaning::Here(command, params, text),
        }
    };
    let split = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    match &*name {
        "join" | "j" if first.is_empty() => incomplete(),
        "join" | "j" => {
            let channel = if first.starts_with('#') { first.to_owned() } else { format!("#{first}") };
            Meaning::Command("JOIN", Some(channel), Vec::new(), None)
        }
        "part" | "leave" => about("PART", split, true),
        "topic" => about("TOPIC", split, true),
        "names" => about("NAMES", split, false),
        "mode" if rest.is_empty() || first.starts_with(['#', '+', '-']) => about("MODE", split, false),
        "mode" => Meaning::Command("MODE", some(first), words(tail), None),
        "kick" if first.is_empty() => incomplete(),
        "kick" if first.starts_with('#') => {
            let (nick, reason) = tail.split_once(char::is_whitespace).unwrap_or((tail, ""));
            Meaning::Command("KICK", some(first), words(nick), some(reason.trim()))
        }
        "kick" => Meaning::Here("KICK", vec![first.to_owned()], some(tail)),
        "invite" if first.is_empty() => incomplete(),
        "invite" if tail.is_empty() => Meaning::Here("INVITE", vec![first.to_owned()], None),
        "invite" => Meaning::Command("INVITE", some(first), words(tail), None),
        "msg" | "query" if first.is_empty() => incomplete(),
        "msg" | "query" if tail.is_empty() => Meaning::Talk(first.to_owned()),
        "msg" | "query" => Meaning::Whisper(first.to_owned(), tail.to_owned()),
        "me" if rest.is_empty() => incomplete(),
        "me" => Meaning::Act(rest.to_owned()),
        "nick" if first.is_empty() => incomplete(),
        "nick" => Meaning::Command("NICK", some(first), Vec::new(), None),
        "whois" if first.is_empty() => incomplete(),
        "whois" => Meaning::Command("WHOIS", some(first), Vec::new(), None),
        "away" => Meaning::Command("AWAY", None, Vec::new(), some(rest)),
        "list" => Meaning::Command("LIST", some(first), Vec::new(), None),
        "motd" => Meaning::Command("MOTD", None, Vec::new(), None),
        "mine" | "start" => Meaning::Mine,
        "stop" => Meaning::Stop,
        "rate" => Meaning::Rate,
        "help" => Meaning::Help,
        "quit" => Meaning::Quit,
        _ => Meaning::Unknown(name),
    }
}

#[cfg(test)]
mod tests {
    use super::{Meaning::*, *};

    fn owned(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn lines_are_text_or_commands() {
        for (line, meaning) in [
            ("", Nothing),
            ("   ", Nothing),
            ("hello there ", Say(owned("hello there"))),
            ("//not a command", Say(owned("/not a command"))),
            ("/me waves  twice", Act(owned("waves  twice"))),
            ("/msg bob hi  you", Whisper(owned("bob"), owned("hi  you"))),
            ("/msg bob", Talk(owned("bob"))),
            ("/join rust", Command("JOIN", Some(owned("#rust")), vec![], None)),
            ("/JOIN #rust", Command("JOIN", Some(owned("#rust")), vec![], None)),
            ("/part", Here("PART", vec![], None)),
            ("/part #rust so long", Command("PART", Some(owned("#rust")), vec![], Some(owned("so long")))),
            ("/topic A fine day", Here("TOPIC", vec![], Some(owned("A fine day")))),
            ("/topic", Here("TOPIC", vec![], None)),
            ("/mode +H 20", Here("MODE", vec![owned("+H"), owned("20")], None)),
            ("/mode #a +o bob", Command("MODE", Some(owned("#a")), vec![owned("+o"), owned("bob")], None)),
            ("/mode bob +w", Command("MODE", Some(owned("bob")), vec![owned("+w")], None)),
            ("/kick bob too loud", Here("KICK", vec![owned("bob")], Some(owned("too loud")))),
            ("/away", Command("AWAY", None, vec![], None)),
            ("/away at lunch", Command("AWAY", None, vec![], Some(owned("at lunch")))),
            ("/whois bob", Command("WHOIS", Some(owned("bob")), vec![], None)),
            ("/list", Command("LIST", None, vec![], None)),
            ("/names", Here("NAMES", vec![], None)),
            ("/mine", Mine),
            ("/stop", Stop),
            ("/rate", Rate),
            ("/help me", Help),
            ("/quit", Quit),
            ("/nick", Incomplete(owned("nick"))),
            ("/dance", Unknown(owned("dance"))),
            ("/", Unknown(owned(""))),
        ] {
            assert_eq!(understand(line), meaning, "{line}");
        }
    }
}
