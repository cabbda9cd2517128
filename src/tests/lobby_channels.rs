//! The lobby's channels, messages and stamps of messages over HTTP and WebSocket,
//! through the real router and a real TCP port.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end where it finds a surprise")]

mod support;

use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use serde_json::{Value, json};
use support::{
    TestServer,
    lobby::{Person, channel_stamp},
    status_and_code,
};

/// Two people in `#a`, the first its operator.
async fn two_in_a_channel(server: &TestServer) -> (Person, Person) {
    let (op, other) = (server.person("op").await, server.person("other").await);
    op.join("#a").await;
    other.join("#a").await;
    (op, other)
}

async fn require_stamps(op: &Person, bits: u8) {
    op.ok(json!({"command": "MODE", "to": "#a", "params": ["+H", bits.to_string()]})).await;
}

async fn modes(person: &Person) -> String {
    let answer = person.ok(json!({"command": "MODE", "to": "#a"})).await;
    assert_eq!((&answer["replies"][0]["command"], &answer["replies"][1]["command"]), (&json!("324"), &json!("329")));
    let params = answer["replies"][0]["params"].as_array().unwrap();
    params[1..].iter().map(|param| param.as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

/// The parameters of every change of modes that `person` has heard of.
async fn mode_changes(person: &Person) -> Vec<Value> {
    let heard = person.heard().await.into_iter().filter(|event| event["command"] == "MODE");
    heard.map(|event| event["params"].clone()).collect()
}

fn message(text: &str, stamp: Option<&str>) -> Value {
    let mut envelope = json!({"command": "PRIVMSG", "to": "#a", "body": [text]});
    if let Some(stamp) = stamp {
        envelope["meta"] = json!({"hashcash": stamp, "color": "green"});
    }
    envelope
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

#[tokio::test]
async fn newcomers_are_welcomed_as_irc_does() {
    let server = TestServer::with_lobby(&[]).await;
    let bob = server.person("bob").await;
    let heard = bob.heard().await;
    let numerics: Vec<&str> = heard.iter().map(|event| event["command"].as_str().unwrap()).collect();
    let expected = ["001", "002", "003", "004", "005", "251", "252", "253", "254", "255", "375", "372", "376"];
    assert_eq!(numerics, expected);
    let first = heard[0].as_object().unwrap();
    let mut fields: Vec<&str> = first.keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["body", "command", "from", "id", "meta", "params", "to", "ts"]);
    assert_eq!((&first["from"], &first["to"], &first["meta"]), (&json!("hashpass"), &json!("bob"), &json!({})));
    assert_eq!(first["id"].as_str().unwrap().len(), 36);

    let joined = bob.ok(json!({"command": "JOIN", "to": "#new"})).await;
    let replies: Vec<&Value> = joined["replies"].as_array().unwrap().iter().map(|reply| &reply["command"]).collect();
    assert_eq!(replies, ["353", "366"]);
    assert_eq!(joined["replies"][0]["body"], json!(["@bob"]));
}

#[tokio::test]
async fn errors_are_numerics_and_change_nothing() {
    let server = TestServer::with_lobby(&[]).await;
    let (op, other) = two_in_a_channel(&server).await;
    let before = op.get("/api/v1/channels/a/members").await;
    for (envelope, numeric) in [
        (json!({"command": "DANCE"}), "421"),
        (json!({"command": "NICK"}), "431"),
        (json!({"command": "NICK", "params": ["1up"]}), "432"),
        (json!({"command": "NICK", "params": ["OP"]}), "433"),
        (json!({"command": "JOIN", "to": "no-channel"}), "403"),
        (json!({"command": "JOIN"}), "461"),
        (json!({"command": "PART", "to": "#nowhere"}), "403"),
        (json!({"command": "KICK", "to": "#a", "params": ["op"]}), "482"),
        (json!({"command": "PRIVMSG", "to": "nobody", "body": ["hi"]}), "401"),
        (json!({"command": "PRIVMSG", "body": ["hi"]}), "411"),
        (json!({"command": "PRIVMSG", "to": "op"}), "412"),
        (json!({"command": "MODE", "to": "#a", "params": ["+o", "other"]}), "482"),
    ] {
        other.refused(envelope, numeric).await;
    }
    for (envelope, numeric) in [
        (json!({"command": "KICK", "to": "#a", "params": ["nobody"]}), "401"),
        (json!({"command": "MODE", "to": "#a", "params": ["+mz"]}), "472"),
        (json!({"command": "MODE", "to": "#a", "params": ["+mo", "nobody"]}), "401"),
        (json!({"command": "MODE", "to": "other"}), "502"),
        (json!({"command": "TOPIC", "to": "#nowhere", "body": ["x"]}), "403"),
        (json!({"command": "WHOIS", "to": "nobody"}), "401"),
    ] {
        op.refused(envelope, numeric).await;
    }
    assert_eq!(op.get("/api/v1/channels/a/members").await, before);
    assert_eq!(modes(&op).await, "+n");
    // What is no envelope is no command.
    for body in [r#"{"command":5}"#, r#"{"command":"PRIVMSG","to":"op","body":"text"}"#, r#"{"body":["x"]}"#] {
        let request = other.http.post(format!("{}/api/v1/messages", other.base)).header("cookie", &other.cookie);
        let response = request.header("content-type", "application/json").body(body).send().await.unwrap();
        assert_eq!(status_and_code(response).await, (400, "malformed".into()), "{body}");
    }
}

#[tokio::test]
async fn operators_rule_their_channel() {
    let server = TestServer::with_lobby(&[]).await;
    let (op, other) = two_in_a_channel(&server).await;
    let third = server.person("third").await;
    // Topic: everybody's until it is locked.
    other.ok(json!({"command": "TOPIC", "to": "#a", "body": ["first"]})).await;
    op.ok(json!({"command": "MODE", "to": "#a", "params": ["+ti"]})).await;
    other.refused(json!({"command": "TOPIC", "to": "#a", "body": ["second"]}), "482").await;
    let topic = other.ok(json!({"command": "TOPIC", "to": "#a"})).await;
    assert_eq!((&topic["replies"][0]["body"], &topic["replies"][1]["params"][1]), (&json!(["first"]), &json!("other")));
    // Only the invited come in, and only operators invite.
    third.refused(json!({"command": "JOIN", "to": "#a"}), "473").await;
    other.refused(json!({"command": "INVITE", "to": "third", "params": ["#a"]}), "482").await;
    op.ok(json!({"command": "INVITE", "to": "third", "params": ["#a"]})).await;
    assert!(third.heard().await.iter().any(|event| event["command"] == "INVITE" && event["params"] == json!(["#a"])));
    third.join("#a").await;
    // Kicked is out.
    op.ok(json!({"command": "KICK", "to": "#a", "params": ["third"], "body": ["enough"]})).await;
    let kicked = third.heard().await;
    let kick = kicked.iter().find(|event| event["command"] == "KICK").unwrap();
    assert_eq!((&kick["params"], &kick["body"], &kick["from"]), (&json!(["third"]), &json!(["enough"]), &json!("op")));
    third.refused(message("still here", None), "404").await;
    let response = third.get_request("/api/v1/history?target=%23a").send().await.unwrap();
    assert_eq!(status_and_code(response).await, (403, "not_on_channel".into()));
    // A secret channel is unknown to others.
    op.ok(json!({"command": "MODE", "to": "#a", "params": ["+s"]})).await;
    assert!(!third.get("/api/v1/channels").await.to_string().contains("#a"));
    let response = third.get_request("/api/v1/channels/a/members").send().await.unwrap();
    assert_eq!(status_and_code(response).await, (404, "not_found".into()));
    third.refused(json!({"command": "MODE", "to": "#a"}), "403").await;
}

#[tokio::test]
async fn people_can_be_asked_about_renamed_and_away() {
    let server = TestServer::with_lobby(&[]).await;
    let (op, other) = two_in_a_channel(&server).await;
    other.ok(json!({"command": "AWAY", "body": ["lunch"]})).await;
    let answer = op.ok(json!({"command": "PRIVMSG", "to": "other", "body": ["hi"]})).await;
    assert_eq!((&answer["replies"][0]["command"], &answer["replies"][0]["body"]), (&json!("301"), &json!(["lunch"])));
    let whois = op.ok(json!({"command": "WHOIS", "to": "OTHER"})).await;
    let text = whois["replies"].to_string();
    assert!(text.contains("\"318\"") && text.contains("lunch") && text.contains("#a"), "{text}");
    assert!(!text.contains("127.0.0.1"), "addresses are never told");
    op.ok(json!({"command": "NICK", "body": ["boss"]})).await;
    let renamed = other.heard().await.into_iter().find(|event| event["command"] == "NICK").unwrap();
    assert_eq!((&renamed["from"], &renamed["params"]), (&json!("op"), &json!(["boss"])));
    assert_eq!(op.get("/api/v1/state").await["nick"], "boss");
    let names = other.ok(json!({"command": "NAMES", "to": "#a"})).await;
    assert_eq!(names["replies"][0]["body"], json!(["@boss other"]));
    let who = other.ok(json!({"command": "WHO", "to": "#a"})).await;
    assert_eq!(who["replies"].as_array().unwrap().len(), 3);
    let list = other.ok(json!({"command": "LIST"})).await;
    assert!(list["replies"].to_string().contains("#lobby"));
    let pong = other.ok(json!({"command": "PING", "params": ["token"]})).await;
    assert_eq!((&pong["replies"][0]["command"], &pong["replies"][0]["body"]), (&json!("PONG"), &json!(["token"])));
    // What was said in private stays between the two.
    let private = op.get("/api/v1/history?target=other").await;
    assert_eq!(private["messages"][0]["body"], json!(["hi"]));
    let third = server.person("third").await;
    assert_eq!(third.get("/api/v1/history?target=other").await["messages"], json!([]));
}

#[tokio::test]
async fn a_page_hears_the_lobby_over_its_live_connection() {
    let server = TestServer::with_lobby(&[]).await;
    let racer = server.client_with_session().await;
    let mut socket = racer.socket().await;
    socket.next_of("PUZZLE").await;
    // The connection was there first: it hears of the lobby once its session comes in.
    let join = racer.post_raw("/api/v1/messages", r##"{"command":"JOIN","to":"#a"}"##).await;
    assert_eq!(join.json::<Value>().await.unwrap()["status"], "ok");
    let bob = server.person("bob").await;
    bob.join("#a").await;
    bob.ok(message("hello page", None)).await;
    let event = loop {
        let event = socket.next_of("LOBBY").await;
        if event["event"]["command"] == "PRIVMSG" {
            break event;
        }
    };
    assert_eq!((&event["event"]["body"], &event["event"]["from"]), (&json!(["hello page"]), &json!("bob")));
    assert!(event["id"].is_u64());
    // One that comes later hears of what happens from then on.
    let mut later = racer.socket().await;
    later.next_of("PUZZLE").await;
    bob.ok(message("hello again", None)).await;
    assert_eq!(later.next_of("LOBBY").await["event"]["body"], json!(["hello again"]));
    // It carries events only: commands are HTTP's.
    for message in [r#"{"type":"lobby"}"#, r#"{"type":"lobby","id":7,"payload":{"command":"LIST"}}"#] {
        socket.say(message).await;
        assert_eq!(socket.next_of("ERROR").await["code"], "unknown_message", "{message}");
    }
}

#[tokio::test]
async fn the_lobby_hears_of_the_race_and_of_no_secrets() {
    let server = TestServer::with_lobby(&[("HASHPASS_HMAC_SECRET", "000102030405060708090a0b0c0d0e0f")]).await;
    let bob = server.person("bob").await;
    bob.join("#lobby").await;
    let racer = server.client_with_session().await;
    let response = racer.post_raw("/api/v1/session", r#"{"nick":"racer"}"#).await;
    assert_eq!(response.status(), 201);
    let win = async || {
        let puzzle = racer.puzzle().await;
        let solution = racer.solve(&puzzle).await;
        let won: Value = racer.verify(&solution).await.json().await.unwrap();
        (won["invite_code"].as_str().unwrap().to_owned(), solution)
    };
    let news = async |count: usize| loop {
        let heard = bob.heard().await;
        let news: Vec<Value> = heard.into_iter().filter(|event| event["meta"]["event"].is_string()).collect();
        if count <= news.iter().filter(|event| event["meta"]["event"] == "win").count() {
            break news;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let (code, solution) = win().await;
    let told = news(1).await;
    let win_event = told.iter().find(|event| event["meta"]["event"] == "win").unwrap();
    assert_eq!((&win_event["body"], &win_event["meta"]["nick"]), (&json!(["a miner won"]), &Value::Null));
    let reset = told.iter().find(|event| event["meta"]["event"] == "reset").unwrap();
    assert_eq!(
        (&reset["command"], &reset["meta"]["round"], &reset["to"]),
        (&json!("NOTICE"), &json!(2), &json!("#lobby"))
    );
    // Who agrees to it is named.
    racer.post_raw("/api/v1/messages", r#"{"command":"MODE","to":"racer","params":["+w"]}"#).await;
    let (other_code, _) = win().await;
    let told = news(2).await;
    assert!(told.iter().any(|event| event["body"] == json!(["racer won"])), "{told:?}");
    let everything = Value::from(told).to_string();
    let (visitor, hash) = (solution["visitorId"].as_str().unwrap(), solution["hash"].as_str().unwrap());
    for secret in [&*code, &other_code, visitor, hash, "127.0.0.1"] {
        assert!(!everything.contains(secret), "{secret} is told");
    }
    // Everybody may read what was said in #lobby, even strangers.
    let history: Value = server.client().get("/api/v1/history?target=%23lobby&limit=200").await.json().await.unwrap();
    assert!(history["messages"].to_string().contains("a miner won"));
    let strange = server.client().get("/api/v1/history?target=bob").await;
    assert_eq!(status_and_code(strange).await, (401, "not_logged_in".into()));
}

#[tokio::test]
async fn whoever_sends_too_fast_is_slowed_down_and_not_thrown_out() {
    let server = TestServer::with_lobby(&[]).await;
    let bob = server.person("bob").await;
    let mut sixty: FuturesUnordered<_> = (0..60)
        .map(async |n: u8| {
            let envelope = json!({"command": "PING", "params": [n.to_string()]});
            bob.post_request("/api/v1/messages", &envelope).send().await.unwrap()
        })
        .collect();
    // The burst is answered at once, and so are those that would wait for too long;
    // the others wait their turn.
    let (mut answered, mut refused) = (0, 0);
    while answered < 10 || refused < 5 {
        match sixty.next().await.unwrap().status().as_u16() {
            200 => answered += 1,
            429 => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert!(20 <= sixty.len(), "{} still wait", sixty.len());
    drop(sixty);
    assert_eq!(bob.get("/api/v1/state").await["nick"], "bob");
}
