//! What the user types, understood: text to say, or a command after a slash.

use crate::envelope::Envelope;

/// What `/help` says.
pub(crate) const HELP: &str = "\
/join #channel          enter a channel; text goes there from now on
/part [#channel] [why]  leave it
/query NAME             text goes to NAME, a nick or a channel, from now on
/msg NAME text          say something to a nick or a channel
/notice NAME text       the same, as a notice
/me text                say what you do
/nick NAME              take another nick
/topic [#channel] [text]   show or set the topic
/mode [#channel] [modes]   show or set modes, such as +H 20 or +o bob
/kick [#channel] nick [why]   /invite nick [#channel]
/names [#channel]  /list  /who [#channel]  /whois nick  /motd  /lusers
/away [text]            be away; without a text, be back
/pass PASSWORD          set this session's password, so that others of your clients can /login
/login nick PASSWORD    go on in the session of nick
/raw COMMAND args :text    send any command; /raw {…} sends an envelope
/quit [why]             end the session and leave; Ctrl-D leaves it open for next time
//text                  says /text";

/// What a line asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Nothing.
    Nothing,
    /// Send this.
    Send(Envelope),
    /// From now on text goes there.
    Target(String),
    /// Enter the session of a nick.
    Login {
        /// Whose.
        nick: String,
        /// Its password.
        password: String,
    },
    /// Say what can be done.
    Help,
    /// End the session.
    Quit(Option<String>),
}

/// Why a line asks for nothing that can be done, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Misunderstood(String);

/// True for lines that hold a password: they are not to be remembered.
pub(crate) fn is_secret(line: &str) -> bool {
    let (word, rest) = split(line.trim_start());
    let of = |name: &str| word.eq_ignore_ascii_case(name);
    of("/pass") || of("/login") || of("/raw") && rest.to_ascii_lowercase().contains("pass")
}

/// Understands a line; text goes to `target`.
///
/// # Errors
/// [`Misunderstood`].
pub(crate) fn parse(line: &str, target: Option<&str>) -> Result<Action, Misunderstood> {
    let line = line.trim_end_matches(['\r', '\n']);
    if line.trim().is_empty() {
        return Ok(Action::Nothing);
    }
    match line.strip_prefix('/') {
        Some(text) if text.starts_with('/') => say(text, target),
        Some(command) => run(command, target),
        None => say(line, target),
    }
}

/// A line as text, whatever it begins with.
///
/// # Errors
/// [`Misunderstood`] without a target.
pub(crate) fn say(text: &str, target: Option<&str>) -> Result<Action, Misunderstood> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.trim().is_empty() {
        return Ok(Action::Nothing);
    }
    let target = target.ok_or_else(|| Misunderstood("nobody would hear that: /join a channel first".into()))?;
    Ok(Action::Send(Envelope::new("PRIVMSG", Some(target)).saying(text)))
}

fn run(line: &str, target: Option<&str>) -> Result<Action, Misunderstood> {
    let (word, rest) = split(line);
    let name = word.to_ascii_lowercase();
    let usage = |text: &str| Err(Misunderstood(format!("usage: /{name} {text}")));
    let channel = target.filter(|target| target.starts_with('#'));
    let send = |envelope| Ok(Action::Send(envelope));
    // A channel in front, or else the one that text goes to.
    let about = |rest| match split(rest) {
        (first, more) if first.starts_with('#') => (Some(first), more),
        _ => (channel, rest),
    };
    match &*name {
        "help" | "?" => Ok(Action::Help),
        "join" | "j" if rest.is_empty() => usage("#channel"),
        "join" | "j" => send(Envelope::new("JOIN", Some(split(rest).0))),
        "part" | "leave" => match about(rest) {
            (None, _) => usage("#channel [why]"),
            (channel, "") => send(Envelope::new("PART", channel)),
            (channel, why) => send(Envelope::new("PART", channel).saying(why)),
        },
        "query" | "q" if rest.is_empty() => usage("NAME"),
        "query" | "q" => Ok(Action::Target(split(rest).0.to_owned())),
        "msg" | "notice" => match split(rest) {
            (_, "") => usage("NAME text"),
            (to, text) => {
                let command = if name == "msg" { "PRIVMSG" } else { "NOTICE" };
                send(Envelope::new(command, Some(to)).saying(text))
            }
        },
        "me" if rest.is_empty() => usage("text"),
        // As IRC has it: CTCP ACTION.
        "me" => say(&format!("\u{1}ACTION {rest}\u{1}"), target),
        "nick" if rest.is_empty() => usage("NAME"),
        "nick" => send(Envelope::new("NICK", None).with([split(rest).0])),
        "topic" => match about(rest) {
            (None, _) => usage("#channel [text]"),
            (channel, "") => send(Envelope::new("TOPIC", channel)),
            (channel, text) => send(Envelope::new("TOPIC", channel).saying(text)),
        },
        "mode" => match split(rest) {
            // A nick's own modes.
            (first, more) if !first.is_empty() && !first.starts_with(['#', '+', '-']) => {
                send(Envelope::new("MODE", Some(first)).with(more.split_whitespace()))
            }
            _ => match about(rest) {
                (None, _) => usage("#channel [modes]"),
                (channel, modes) => send(Envelope::new("MODE", channel).with(modes.split_whitespace())),
            },
        },
        "kick" => match about(rest) {
            (Some(channel), rest) if !rest.is_empty() => {
                let (nick, why) = split(rest);
                let kick = Envelope::new("KICK", Some(channel)).with([nick]);
                send(if why.is_empty() { kick } else { kick.saying(why) })
            }
            _ => usage("[#channel] nick [why]"),
        },
        "invite" => {
            let (nick, to) = split(rest);
            match Some(to).filter(|to| !to.is_empty()).or(channel) {
                Some(to) if !nick.is_empty() => send(Envelope::new("INVITE", Some(nick)).with([to])),
                _ => usage("nick [#channel]"),
            }
        }
        "names" | "who" => match Some(split(rest).0).filter(|about| !about.is_empty()).or(channel) {
            Some(about) => send(Envelope::new(&name.to_ascii_uppercase(), Some(about))),
            None => usage("#channel"),
        },
        "list" if !rest.is_empty() => send(Envelope::new("LIST", Some(split(rest).0))),
        "list" | "motd" | "lusers" => send(Envelope::new(&name.to_ascii_uppercase(), None)),
        "whois" if rest.is_empty() => usage("nick"),
        "whois" => send(Envelope::new("WHOIS", Some(split(rest).0))),
        "away" if rest.is_empty() => send(Envelope::new("AWAY", None)),
        "away" => send(Envelope::new("AWAY", None).saying(rest)),
        "pass" if rest.is_empty() => usage("PASSWORD"),
        "pass" => send(Envelope::new("PASS", None).with([rest])),
        "login" => match split(rest) {
            (_, "") => usage("nick PASSWORD"),
            (nick, password) => Ok(Action::Login { nick: nick.to_owned(), password: password.to_owned() }),
        },
        "raw" | "quote" => raw(rest),
        "quit" | "exit" => Ok(Action::Quit((!rest.is_empty()).then(|| rest.to_owned()))),
        "mine" | "stop" | "rate" => {
            Err(Misunderstood(format!("/{name} is for the web page: this program does not mine")))
        }
        _ => Err(Misunderstood(format!("there is no command /{name}: /help lists them"))),
    }
}

/// A line of IRC, `COMMAND middle … :trailing`, or an envelope in JSON.
fn raw(line: &str) -> Result<Action, Misunderstood> {
    if line.starts_with('{') {
        return serde_json::from_str(line)
            .map(Action::Send)
            .map_err(|error| Misunderstood(format!("that is no envelope: {error}")));
    }
    let (head, trailing) = match line.split_once(" :") {
        Some((head, trailing)) => (head, Some(trailing)),
        None => (line, None),
    };
    let mut words = head.split_whitespace();
    let Some(command) = words.next() else { return Err(Misunderstood("usage: /raw COMMAND args :text".into())) };
    if command.eq_ignore_ascii_case("QUIT") {
        return Ok(Action::Quit(trailing.map(str::to_owned).or_else(|| words.next().map(str::to_owned))));
    }
    let envelope = Envelope::new(command, words.next()).with(words);
    Ok(Action::Send(match trailing {
        Some(text) => envelope.saying(text),
        None => envelope,
    }))
}

/// The first word and what follows it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim()),
        None => (text, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn sent(line: &str) -> Value {
        match parse(line, Some("#here")) {
            Ok(Action::Send(envelope)) => serde_json::to_value(envelope).unwrap(),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn every_command_becomes_what_irc_means_by_it() {
        for (line, envelope) in [
            ("hello  there", json!({"command": "PRIVMSG", "to": "#here", "body": ["hello  there"]})),
            ("//etc/hosts", json!({"command": "PRIVMSG", "to": "#here", "body": ["/etc/hosts"]})),
            ("/msg bob hi :)", json!({"command": "PRIVMSG", "to": "bob", "body": ["hi :)"]})),
            ("/notice #a now", json!({"command": "NOTICE", "to": "#a", "body": ["now"]})),
            ("/me waves", json!({"command": "PRIVMSG", "to": "#here", "body": ["\u{1}ACTION waves\u{1}"]})),
            ("/JOIN #a", json!({"command": "JOIN", "to": "#a"})),
            ("/part", json!({"command": "PART", "to": "#here"})),
            ("/part #a so long", json!({"command": "PART", "to": "#a", "body": ["so long"]})),
            ("/part so long", json!({"command": "PART", "to": "#here", "body": ["so long"]})),
            ("/nick alice", json!({"command": "NICK", "params": ["alice"]})),
            ("/topic", json!({"command": "TOPIC", "to": "#here"})),
            ("/topic new one", json!({"command": "TOPIC", "to": "#here", "body": ["new one"]})),
            ("/topic #a new", json!({"command": "TOPIC", "to": "#a", "body": ["new"]})),
            ("/mode", json!({"command": "MODE", "to": "#here"})),
            ("/mode +H 20", json!({"command": "MODE", "to": "#here", "params": ["+H", "20"]})),
            ("/mode #a -o bob", json!({"command": "MODE", "to": "#a", "params": ["-o", "bob"]})),
            ("/mode bob +w", json!({"command": "MODE", "to": "bob", "params": ["+w"]})),
            ("/kick bob", json!({"command": "KICK", "to": "#here", "params": ["bob"]})),
            ("/kick #a bob be nice", json!({"command": "KICK", "to": "#a", "params": ["bob"], "body": ["be nice"]})),
            ("/invite bob", json!({"command": "INVITE", "to": "bob", "params": ["#here"]})),
            ("/invite bob #a", json!({"command": "INVITE", "to": "bob", "params": ["#a"]})),
            ("/names", json!({"command": "NAMES", "to": "#here"})),
            ("/who bob", json!({"command": "WHO", "to": "bob"})),
            ("/list", json!({"command": "LIST"})),
            ("/whois bob", json!({"command": "WHOIS", "to": "bob"})),
            ("/away", json!({"command": "AWAY"})),
            ("/away at lunch", json!({"command": "AWAY", "body": ["at lunch"]})),
            ("/motd", json!({"command": "MOTD"})),
            ("/pass correct horse", json!({"command": "PASS", "params": ["correct horse"]})),
            ("/raw TOPIC #a :a b", json!({"command": "TOPIC", "to": "#a", "body": ["a b"]})),
            ("/raw MODE #a +H 9", json!({"command": "MODE", "to": "#a", "params": ["+H", "9"]})),
            (r#"/raw {"command":"PING","to":"x"}"#, json!({"command": "PING", "to": "x"})),
        ] {
            assert_eq!(sent(line), envelope, "{line}");
        }
        let action = |line| parse(line, None).unwrap();
        assert_eq!(action("  \t"), Action::Nothing);
        assert_eq!(action("/quit"), Action::Quit(None));
        assert_eq!(action("/quit good night"), Action::Quit(Some("good night".into())));
        assert_eq!(action("/raw QUIT :bye"), Action::Quit(Some("bye".into())));
        assert_eq!(action("/query bob"), Action::Target("bob".into()));
        assert_eq!(action("/login bob pass word"), Action::Login { nick: "bob".into(), password: "pass word".into() });
        assert_eq!(action("/help"), Action::Help);
    }

    #[test]
    fn what_lacks_something_says_what() {
        for (line, part) in [
            ("hello", "/join a channel first"),
            ("/me", "usage: /me text"),
            ("/join", "usage: /join #channel"),
            ("/part", "usage: /part"),
            ("/msg bob", "usage: /msg NAME text"),
            ("/kick #a", "usage: /kick"),
            ("/invite", "usage: /invite"),
            ("/login bob", "usage: /login nick PASSWORD"),
            ("/raw", "usage: /raw"),
            ("/raw {", "that is no envelope"),
            ("/mine", "does not mine"),
            ("/frobnicate", "there is no command /frobnicate"),
        ] {
            let sentence = parse(line, None).unwrap_err().to_string();
            assert!(sentence.contains(part), "{line}: {sentence}");
        }
    }

    #[test]
    fn lines_with_passwords_are_known() {
        for line in ["/pass x", " /PASS x", "/login bob x", "/raw PASS x", r#"/raw {"command":"pass"}"#] {
            assert!(is_secret(line), "{line}");
        }
        for line in ["/me passes", "pass", "/raw TOPIC #a"] {
            assert!(!is_secret(line), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_surprises(line in "/?[a-z]{0,6} ?\\PC{0,40}") {
            let _ = parse(&line, None);
            let _ = parse(&line, Some("#here"));
        }

        #[test]
        fn text_is_said_as_it_is(text in "[^/\\s\\pC]\\PC{0,40}") {
            let expected = Action::Send(Envelope::new("PRIVMSG", Some("#here")).saying(&text));
            prop_assert_eq!(parse(&text, Some("#here")).unwrap(), expected);
        }
    }
}
