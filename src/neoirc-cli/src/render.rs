//! Events in plain words, one line each.
//!
//! Whatever others may have written goes through [`printable`]; that is done at the
//! end, for whole lines, so that no part can be forgotten.

use crate::{
    envelope::Event,
    printable::{printable, printable_json},
};
use jiff::Timestamp;

/// The lines for a person; none for what only programs want to know.
pub(crate) fn lines(event: &Event) -> Vec<String> {
    let time = time_of_day(&event.ts);
    let texts = match &*event.command {
        "PRIVMSG" | "NOTICE" => message(event),
        _ => happening(event).into_iter().map(|text| format!("-- {text}")).collect(),
    };
    texts.into_iter().map(|text| printable(&format!("{time} {text}")).into_owned()).collect()
}

/// The envelope on one line.
pub(crate) fn json(event: &Event) -> String {
    // Strings, and a value that was parsed: serialising them cannot fail.
    let json = serde_json::to_string(event).unwrap_or_default();
    printable_json(&json).into_owned()
}

fn message(event: &Event) -> Vec<String> {
    let Event { from, to, .. } = event;
    let is_notice = event.command == "NOTICE";
    let shown = |line: &String| {
        if let Some(action) = line.strip_prefix("\u{1}ACTION ") {
            let action = action.trim_end_matches('\u{1}');
            return if to.starts_with('#') { format!("{to} * {from} {action}") } else { format!("* {from} {action}") };
        }
        match (to.starts_with('#'), is_notice) {
            (true, false) => format!("{to} <{from}> {line}"),
            (true, true) => format!("{to} -{from}- {line}"),
            (false, false) => format!("<{from} -> {to}> {line}"),
            (false, true) => format!("-{from} -> {to}- {line}"),
        }
    };
    event.body.iter().map(shown).collect()
}

/// Everything that is not said by somebody; `None` for what says nothing to people.
fn happening(event: &Event) -> Option<String> {
    let Event { command, from, to, .. } = event;
    let text = event.text();
    let because = if text.is_empty() { String::new() } else { format!(" ({text})") };
    let (first, second) = (event.param(0), event.param(1));
    Some(match &**command {
        "JOIN" => format!("{from} joined {to}"),
        "PART" => format!("{from} left {to}{because}"),
        "QUIT" => format!("{from} quit{because}"),
        "KICK" => format!("{from} threw {first} out of {to}{because}"),
        "NICK" => format!("{from} is now {first}"),
        "INVITE" => format!("{from} invites {to} to {first}"),
        "TOPIC" if text.is_empty() => format!("{from} took the topic of {to} away"),
        "TOPIC" => format!("{from} set the topic of {to}: {text}"),
        "MODE" => format!("{from} set the modes of {to}: {}", event.params.join(" ")),
        "PONG" => "the server answers".to_owned(),
        // What programs want to know, and the ends of lists.
        "004" | "005" | "252" | "253" | "255" | "315" | "318" | "321" | "323" | "366" | "375" | "376" => return None,
        "221" if first == "+" => "you have no user modes".to_owned(),
        "221" => format!("your user modes: {first}"),
        "254" => format!("there are {first} channels"),
        "301" => format!("{first} is away: {text}"),
        "311" => format!("{first} is here"),
        "312" => format!("{first} is on {second}"),
        "317" => {
            format!("{first} was last heard {} ago, and came {}", duration(second), instant(event.param(2)))
        }
        "319" => format!("{first} is in {text}"),
        "322" if text.is_empty() => format!("{first}, members: {second}"),
        "322" => format!("{first}, members: {second}: {text}"),
        "324" => modes(event),
        "329" => format!("{first} was created {}", instant(second)),
        "331" => format!("{first} has no topic"),
        "332" => format!("the topic of {first}: {text}"),
        "333" => format!("it was set by {second} {}", instant(event.param(2))),
        "341" => format!("{first} is invited to {second}"),
        "352" => {
            let flags = event.param(5);
            let rank = if flags.contains('@') {
                ", operator"
            } else if flags.contains('+') {
                ", has voice"
            } else {
                ""
            };
            let away = if flags.starts_with('G') { ", away" } else { "" };
            format!("{} is in {first}{rank}{away}", event.param(4))
        }
        "353" => format!("in {second}: {text}"),
        "372" => text.strip_prefix("- ").unwrap_or(&text).to_owned(),
        // Errors that are about something name it, and those of a text of their own.
        _ if event.is_error() && !event.params.is_empty() => format!("{}: {text}", event.params.join(" ")),
        _ if !text.is_empty() => text,
        _ if event.params.is_empty() => command.clone(),
        _ => format!("{command} {}", event.params.join(" ")),
    })
}

fn modes(event: &Event) -> String {
    let modes = event.params.get(1..).unwrap_or_default();
    let shown = format!("the modes of {}: {}", event.param(0), modes.join(" "));
    match modes {
        [letters, bits, ..] if letters.contains('H') => format!("{shown} (a message costs a proof of {bits} bits)"),
        _ => shown,
    }
}

/// `HH:MM`, UTC, of an RFC 3339 time.
fn time_of_day(ts: &str) -> String {
    let time = ts.get(11..16).filter(|time| time.bytes().all(|c| c.is_ascii_digit() || c == b':'));
    time.unwrap_or("--:--").to_owned()
}

/// `2026-11-21 22:33 UTC`, of seconds since 1970.
fn instant(seconds: &str) -> String {
    let time = seconds.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| "at some time".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// The largest whole unit of a number of seconds.
fn duration(seconds: &str) -> String {
    let Ok(seconds) = seconds.parse::<u64>() else { return "some time".to_owned() };
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printable::is_dangerous;
    use proptest::prelude::*;
    use serde_json::json;

    fn shown(event: serde_json::Value) -> Vec<String> {
        let mut event: Event = serde_json::from_value(event).unwrap();
        event.ts = "2026-11-21T22:33:44.123Z".into();
        lines(&event)
    }

    #[test]
    fn everything_is_told_in_plain_words() {
        for (event, line) in [
            (json!({"command": "PRIVMSG", "from": "bob", "to": "#a", "body": ["hi"]}), "#a <bob> hi"),
            (json!({"command": "PRIVMSG", "from": "bob", "to": "eve", "body": ["hi"]}), "<bob -> eve> hi"),
            (json!({"command": "NOTICE", "from": "bob", "to": "#a", "body": ["hi"]}), "#a -bob- hi"),
            (
                json!({"command": "PRIVMSG", "from": "bob", "to": "#a", "body": ["\u{1}ACTION waves\u{1}"]}),
                "#a * bob waves",
            ),
            (json!({"command": "JOIN", "from": "bob", "to": "#a"}), "-- bob joined #a"),
            (json!({"command": "PART", "from": "bob", "to": "#a", "body": ["bye"]}), "-- bob left #a (bye)"),
            (
                json!({"command": "KICK", "from": "op", "to": "#a", "params": ["bob"], "body": ["no"]}),
                "-- op threw bob out of #a (no)",
            ),
            (json!({"command": "NICK", "from": "bob", "to": "rob", "params": ["rob"]}), "-- bob is now rob"),
            (
                json!({"command": "MODE", "from": "op", "to": "#a", "params": ["+H", "20"]}),
                "-- op set the modes of #a: +H 20",
            ),
            (
                json!({"command": "324", "params": ["#a", "+nH", "20"], "body": ["+nH 20"]}),
                "-- the modes of #a: +nH 20 (a message costs a proof of 20 bits)",
            ),
            (
                json!({"command": "329", "params": ["#a", "1795300424"], "body": ["1795300424"]}),
                "-- #a was created 2026-11-21 22:33 UTC",
            ),
            (json!({"command": "353", "params": ["=", "#a"], "body": ["@op bob"]}), "-- in #a: @op bob"),
            (json!({"command": "322", "params": ["#a", "3"], "body": ["t"]}), "-- #a, members: 3: t"),
            (
                json!({"command": "352", "params": ["#a", "bob", "h", "h", "bob", "G@"], "body": ["0 bob"]}),
                "-- bob is in #a, operator, away",
            ),
            (json!({"command": "401", "params": ["bob"], "body": ["No such nick"]}), "-- bob: No such nick"),
            (json!({"command": "306", "body": ["You are away"]}), "-- You are away"),
            (json!({"command": "372", "body": ["- Welcome"]}), "-- Welcome"),
            (json!({"command": "FUTURE", "params": ["a"]}), "-- FUTURE a"),
        ] {
            assert_eq!(shown(event.clone()), [format!("22:33 {line}")], "{event}");
        }
        assert!(shown(json!({"command": "005", "params": ["CHANTYPES=#"], "body": ["are supported"]})).is_empty());
        let two = shown(json!({"command": "PRIVMSG", "from": "bob", "to": "#a", "body": ["one", "two"]}));
        assert_eq!(two, ["22:33 #a <bob> one", "22:33 #a <bob> two"]);
    }

    proptest! {
        /// Whatever any part of it is: nothing that a terminal would obey is shown.
        #[test]
        fn hostile_events_are_harmless(
            command in "[A-Z]{3,7}|[0-9]{3}|\\PC*\u{1b}",
            parts in prop::collection::vec("(\\PC|\\pC){0,12}", 5),
            from in any::<String>(),
            ts in any::<String>(),
        ) {
            let event = Event {
                command,
                from,
                to: parts[0].clone(),
                params: parts[1..3].to_vec(),
                body: parts[3..].to_vec(),
                ts,
                meta: json!({"color": parts[4]}),
                ..Event::default()
            };
            for line in lines(&event) {
                prop_assert!(!line.contains(is_dangerous), "{line:?}");
            }
            let json = json(&event);
            prop_assert!(!json.contains(is_dangerous));
            prop_assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
        }
    }
}
