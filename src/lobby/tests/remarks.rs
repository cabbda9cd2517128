//! Texts beside the messages of a channel: none is a way around `+m` and `+H`.

use super::*;
use serde_json::{Value, json};

/// What a command brought to `who`: the body, or for NICK the parameters.
async fn told(bench: &Bench, who: &Session, command: &str) -> Vec<Value> {
    let heard: Value = serde_json::from_str(&bench.heard(who).await).unwrap();
    let events = heard["messages"].as_array().unwrap().iter().filter(|event| event["command"] == command);
    events.map(|event| event[if command == "NICK" { "params" } else { "body" }].clone()).collect()
}

/// A channel of three with these modes: `op`, `other`, who is to speak, and `ear`.
async fn channel_with(modes: &str) -> (Bench, [Session; 3]) {
    let bench = Bench::new().await;
    let people = [bench.person("op").await, bench.person("other").await, bench.person("ear").await];
    for person in &people {
        bench.ok(person, r##"{"command":"JOIN","to":"#a"}"##).await;
    }
    let parameters: Vec<&str> = modes.split(' ').collect();
    let envelope = json!({"command": "MODE", "to": "#a", "params": parameters});
    bench.ok(&people[0], &envelope.to_string()).await;
    (bench, people)
}

fn stamp(bench: &Bench, text: &str) -> String {
    let now = Timestamp(bench.lobby.moment().seconds());
    let mut minter = Minter::new(&channel::prefix(Bits::new(4).unwrap(), "#a", &[text.to_owned()], now), 1);
    std::iter::repeat_with(|| minter.advance(64)).flatten().next().unwrap()
}

#[tokio::test]
async fn no_text_reaches_a_channel_where_its_sender_may_not_speak_or_has_not_paid() {
    let secret = "buy-this";
    let commands = [
        ("PART", json!({"command": "PART", "to": "#a", "body": [secret]})),
        ("PART", json!({"command": "PART", "params": ["#a", secret]})),
        ("PART", json!({"command": "part", "to": "#A", "params": [secret]})),
        ("QUIT", json!({"command": "QUIT", "body": [secret]})),
        ("QUIT", json!({"command": "QUIT", "params": [secret]})),
        ("TOPIC", json!({"command": "TOPIC", "to": "#a", "body": [secret]})),
        ("TOPIC", json!({"command": "TOPIC", "params": ["#a", secret]})),
        ("NICK", json!({"command": "NICK", "params": [secret]})),
        ("NICK", json!({"command": "NICK", "to": secret})),
        ("AWAY", json!({"command": "AWAY", "body": [secret]})),
        ("NOTICE", json!({"command": "NOTICE", "to": "#a", "body": [secret]})),
    ];
    for modes in ["+m", "+H 4", "+mH 4"] {
        for (name, envelope) in &commands {
            let (bench, [_, other, ear]) = channel_with(modes).await;
            let answer = bench.say(&other, &envelope.to_string()).await;
            assert!(!bench.heard(&ear).await.contains(secret), "{modes} {envelope}");
            let refused = answer.refused.map(|numeric| numeric.code);
            let is_refused = ["TOPIC", "NICK", "NOTICE"].contains(name);
            assert_eq!(refused, is_refused.then_some("404"), "{modes} {envelope}");
            // They leave all the same, and their nick stands where the reason was.
            if ["PART", "QUIT"].contains(name) {
                assert_eq!(told(&bench, &ear, name).await, [json!(["other"])], "{modes} {envelope}");
            }
        }
    }
    // Whoever has voice or where nothing is asked for is heard.
    for (name, envelope) in &commands[..9] {
        for modes in ["+n", "+mv other"] {
            let (bench, [_, other, ear]) = channel_with(modes).await;
            bench.say(&other, &envelope.to_string()).await;
            assert_eq!(told(&bench, &ear, name).await, [json!([secret])], "{modes} {envelope}");
        }
    }
}

#[tokio::test]
async fn operators_pay_as_well_for_the_reason_of_a_kick() {
    let kick =
        |meta: Value| json!({"command": "KICK", "to": "#a", "params": ["other"], "body": ["spam"], "meta": meta});
    let (bench, [op, _, ear]) = channel_with("+mH 4").await;
    bench.ok(&op, &kick(json!({})).to_string()).await;
    assert_eq!(told(&bench, &ear, "KICK").await, [json!(["op"])]);
    let (bench, [op, _, ear]) = channel_with("+mH 4").await;
    bench.ok(&op, &kick(json!({"hashcash": stamp(&bench, "spam")})).to_string()).await;
    assert_eq!(told(&bench, &ear, "KICK").await, [json!(["spam"])]);
}

#[tokio::test]
async fn a_stamp_pays_for_one_text_and_stays_good_where_it_was_not_needed() {
    for (name, mut envelope) in [
        ("PART", json!({"command": "PART", "to": "#a", "body": ["bye"]})),
        ("QUIT", json!({"command": "QUIT", "body": ["bye"]})),
        ("TOPIC", json!({"command": "TOPIC", "to": "#a", "body": ["bye"]})),
        ("NICK", json!({"command": "NICK", "params": ["bye"]})),
    ] {
        let (bench, [op, other, ear]) = channel_with("+H 4").await;
        let stamp = stamp(&bench, "bye");
        envelope["meta"] = json!({"hashcash": stamp});
        // Locked for a moment: what is refused costs nothing.
        bench.ok(&op, r##"{"command":"MODE","to":"#a","params":["+t"]}"##).await;
        if name == "TOPIC" {
            assert_eq!(bench.say(&other, &envelope.to_string()).await.refused.unwrap().code, "482");
        }
        bench.ok(&op, r##"{"command":"MODE","to":"#a","params":["-t"]}"##).await;
        assert!(bench.say(&other, &envelope.to_string()).await.refused.is_none(), "{name}");
        assert_eq!(told(&bench, &ear, name).await, [json!(["bye"])], "{name}");
        let hash = StampHash::of(&stamp);
        assert_eq!(bench.store.spend(StampKind::Channel, hash, 1).await, Ok(false), "{name}: it is spent");
        let again = json!({"command": "TOPIC", "to": "#a", "body": ["bye"], "meta": {"hashcash": stamp}});
        let refused = bench.say(&ear, &again.to_string()).await.refused.unwrap();
        assert_eq!((refused.code, &refused.meta["reason"]), ("404", &json!("spent")), "{name}");
    }
    // Who quits two channels that ask cannot pay both with one.
    let (bench, [op, other, ear]) = channel_with("+H 4").await;
    bench.ok(&other, r##"{"command":"JOIN","to":"#b"}"##).await;
    bench.ok(&other, r##"{"command":"MODE","to":"#b","params":["+H","4"]}"##).await;
    let stamp = stamp(&bench, "bye");
    let quit = json!({"command": "QUIT", "body": ["bye"], "meta": {"hashcash": stamp}});
    bench.say(&other, &quit.to_string()).await;
    assert_eq!(told(&bench, &ear, "QUIT").await, [json!(["other"])]);
    let topic = json!({"command": "TOPIC", "to": "#a", "body": ["bye"], "meta": {"hashcash": stamp}});
    bench.ok(&ear, &topic.to_string()).await;
    // Operators set topics without one.
    bench.ok(&op, r##"{"command":"TOPIC","to":"#a","body":["mine"]}"##).await;
}
