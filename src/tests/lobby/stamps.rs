//! Channels that ask for a stamp with every message.

use super::channels::{message, modes, two_in_a_channel};
use crate::support::{
    TestServer,
    lobby::{Person, channel_stamp},
};
use futures::future::join_all;
use serde_json::{Value, json};

async fn require_stamps(op: &Person, bits: u8) {
    op.ok(json!({"command": "MODE", "to": "#a", "params": ["+H", bits.to_string()]})).await;
}

/// The parameters of every change of modes that `person` has heard of.
async fn mode_changes(person: &Person) -> Vec<Value> {
    let heard = person.heard().await.into_iter().filter(|event| event["command"] == "MODE");
    heard.map(|event| event["params"].clone()).collect()
}

#[tokio::test]
async fn channel_hashcash_set() {
    let server = TestServer::with_lobby(&[]).await;
    let (op, other) = two_in_a_channel(&server).await;
    require_stamps(&op, 20).await;
    require_stamps(&op, 8).await;
    assert_eq!(mode_changes(&other).await, [json!(["+H", "20"]), json!(["+H", "8"])]);
    // In 005 it is a mode with a parameter.
    let supported = op.heard().await.into_iter().find(|event| event["command"] == "005").unwrap();
    for token in ["CHANMODES=,H,,imnst", "CHANTYPES=#", "PREFIX=(ov)@+", "CASEMAPPING=ascii", "NICKLEN=32"] {
        assert!(supported["params"].as_array().unwrap().contains(&json!(token)), "{token}: {supported}");
    }
}

#[tokio::test]
async fn channel_hashcash_query() {
    let server = TestServer::with_lobby(&[]).await;
    let (op, other) = two_in_a_channel(&server).await;
    assert_eq!(modes(&op).await, "+n");
    require_stamps(&op, 20).await;
    assert_eq!(modes(&other).await, "+nH 20");
}

#[tokio::test]
async fn channel_hashcash_clear() {
    let server = TestServer::with_lobby(&[]).await;
    let (op, other) = two_in_a_channel(&server).await;
    for (bits, clear) in [(20, json!(["-H"])), (8, json!(["-H", "8"]))] {
        require_stamps(&op, bits).await;
        op.ok(json!({"command": "MODE", "to": "#a", "params": clear})).await;
        assert_eq!(modes(&op).await, "+n");
    }
    // Everybody is told, always with the parameter.
    let told = [json!(["+H", "20"]), json!(["-H", "20"]), json!(["+H", "8"]), json!(["-H", "8"])];
    assert_eq!(mode_changes(&other).await, told);
}

#[tokio::test]
async fn channel_hashcash_reject_without_stamp() {
    let server = TestServer::with_lobby(&[]).await;
    let (op, other) = two_in_a_channel(&server).await;
    require_stamps(&op, 8).await;
    // Nobody is exempt, and NOTICE is no way around.
    for (person, command) in [(&op, "PRIVMSG"), (&op, "NOTICE"), (&other, "PRIVMSG"), (&other, "notice")] {
        let refused = person.refused(json!({"command": command, "to": "#a", "body": ["spam"]}), "404").await;
        let text = refused["message"].as_str().unwrap();
        assert!(text.contains("8 bits") && text.contains("there is none"), "{text}");
        assert_eq!(refused["meta"], json!({"hashcash_bits": 8, "reason": "missing"}));
        assert_eq!(refused["params"], json!(["#a"]));
    }
    for person in [&op, &other] {
        assert!(person.bodies("PRIVMSG").await.is_empty() && person.bodies("NOTICE").await.is_empty());
    }
}

#[tokio::test]
async fn channel_hashcash_accept_valid() {
    let server = TestServer::with_lobby(&[]).await;
    let (op, other) = two_in_a_channel(&server).await;
    require_stamps(&op, 8).await;
    let stamp = channel_stamp(8, "#a", &["hello"]);
    let answer = other.ok(message("hello", Some(&stamp))).await;
    for person in [&op, &other] {
        let heard = person.heard().await;
        let event = heard.iter().find(|event| event["command"] == "PRIVMSG").unwrap();
        assert_eq!(event["id"], answer["id"]);
        // What the sender added reaches receivers unchanged, and the history too.
        assert_eq!(event["meta"], json!({"hashcash": stamp, "color": "green"}));
        let history = person.get("/api/v1/history?target=%23a").await;
        assert_eq!(&history["messages"][0], event);
    }
    // More bits than asked for are good as well, for a NOTICE too.
    let better = channel_stamp(10, "#a", &["more"]);
    let notice = json!({"command": "NOTICE", "to": "#A", "body": ["more"], "meta": {"hashcash": better}});
    op.ok(notice).await;
    assert_eq!(other.bodies("NOTICE").await, [json!(["more"])]);
}

#[tokio::test]
async fn channel_hashcash_reject_replayed() {
    let server = TestServer::with_lobby(&[]).await;
    let (op, other) = two_in_a_channel(&server).await;
    require_stamps(&op, 8).await;
    let stamp = channel_stamp(8, "#a", &["once"]);
    let twenty = join_all((0..20).map(async |_| other.say(message("once", Some(&stamp))).await)).await;
    assert_eq!(twenty.iter().filter(|answer| answer["status"] == "ok").count(), 1);
    assert_eq!(twenty.iter().filter(|answer| answer["meta"]["reason"] == "spent").count(), 19);
    // It is spent for everybody.
    let refused = op.refused(message("once", Some(&stamp)), "404").await;
    assert_eq!(refused["meta"]["reason"], "spent");
    assert_eq!(op.bodies("PRIVMSG").await, [json!(["once"])]);
}

#[tokio::test]
async fn channel_hashcash_no_requirement_works() {
    let server = TestServer::with_lobby(&[]).await;
    let (op, other) = two_in_a_channel(&server).await;
    other.ok(message("free", None)).await;
    other.ok(message("with nonsense", Some("not looked at"))).await;
    assert_eq!(op.bodies("PRIVMSG").await, [json!(["free"]), json!(["with nonsense"])]);
}

#[tokio::test]
async fn channel_hashcash_invalid_range() {
    let server = TestServer::with_lobby(&[]).await;
    let (op, _) = two_in_a_channel(&server).await;
    require_stamps(&op, 7).await;
    for bits in ["0", "41", "-1", "many", "8.5"] {
        // Together with something right: nothing changes.
        op.refused(json!({"command": "MODE", "to": "#a", "params": ["+mH", bits]}), "696").await;
    }
    assert_eq!(modes(&op).await, "+nH 7");
}

#[tokio::test]
async fn channel_hashcash_missing_argument() {
    let server = TestServer::with_lobby(&[]).await;
    let (op, _) = two_in_a_channel(&server).await;
    op.refused(json!({"command": "MODE", "to": "#a", "params": ["+H"]}), "461").await;
    assert_eq!(modes(&op).await, "+n");
}

#[tokio::test]
async fn channel_hashcash_needs_an_operator() {
    let server = TestServer::with_lobby(&[]).await;
    let (op, other) = two_in_a_channel(&server).await;
    other.refused(json!({"command": "MODE", "to": "#a", "params": ["+H", "8"]}), "482").await;
    require_stamps(&op, 8).await;
    other.refused(json!({"command": "MODE", "to": "#a", "params": ["-H"]}), "482").await;
    assert_eq!(modes(&op).await, "+nH 8");
}

#[tokio::test]
async fn channel_hashcash_stamp_for_another_channel() {
    let server = TestServer::with_lobby(&[]).await;
    let (op, other) = two_in_a_channel(&server).await;
    require_stamps(&op, 8).await;
    let good = channel_stamp(8, "#a", &["hello"]);
    let (head, _) = good.rsplit_once(':').unwrap();
    for (stamp, reason) in [
        (channel_stamp(8, "#b", &["hello"]), "channel"),
        (channel_stamp(8, "#a", &["other words"]), "body_hash"),
        (channel_stamp(7, "#a", &["hello"]), "insufficient_bits"),
        (good.replacen("1:8:", "1:64:", 1), "proof"),
        (good.replacen("1:8:", "2:8:", 1), "version"),
        (format!("1:8:200101{}", &head[10..]) + ":x", "expired"),
        (head.to_owned(), "fields"),
    ] {
        let refused = other.refused(message("hello", Some(&stamp)), "404").await;
        assert_eq!(refused["meta"]["reason"], reason, "{stamp}");
    }
    assert!(op.bodies("PRIVMSG").await.is_empty());
    // None of that has spent the good one.
    other.ok(message("hello", Some(&good))).await;
}

#[tokio::test]
async fn a_stamp_is_spent_only_if_the_message_can_be_delivered() {
    let server = TestServer::with_lobby(&[]).await;
    let (op, other) = two_in_a_channel(&server).await;
    let outsider = server.person("outsider").await;
    require_stamps(&op, 8).await;
    let stamp = channel_stamp(8, "#a", &["hello"]);
    let refused = outsider.refused(message("hello", Some(&stamp)), "404").await;
    assert!(refused["message"].as_str().unwrap().contains("join"), "{refused}");
    op.ok(json!({"command": "MODE", "to": "#a", "params": ["+m"]})).await;
    let refused = other.refused(message("hello", Some(&stamp)), "404").await;
    assert!(refused["message"].as_str().unwrap().contains("voice"), "{refused}");
    let empty = json!({"command": "PRIVMSG", "to": "#a", "body": [""], "meta": {"hashcash": stamp}});
    other.refused(empty, "412").await;
    op.ok(json!({"command": "MODE", "to": "#a", "params": ["+v", "other"]})).await;
    other.ok(message("hello", Some(&stamp))).await;
    assert_eq!(op.bodies("PRIVMSG").await, [json!(["hello"])]);
}
