//! The live connection where WebSockets are blocked: polls that tell the same.

use crate::support::{Client, TestServer, status_and_code};
use serde_json::{Value, json};
use std::time::Duration;

/// A client that polls.
struct Poller {
    client: Client,
    last_id: Option<String>,
}

impl Poller {
    fn new(client: Client) -> Self {
        Self { client, last_id: None }
    }

    fn path(&self, wait: u64) -> String {
        let after = self.last_id.as_ref().map(|last_id| format!("&after={last_id}")).unwrap_or_default();
        format!("/api/events?wait={wait}{after}")
    }

    /// One answer's messages, which are not confirmed yet.
    async fn look(&self, wait: u64) -> (Vec<Value>, String) {
        let response = self.client.get(&self.path(wait)).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"application/json".parse().unwrap())
        );
        let answer: Value = response.json().await.unwrap();
        (answer["messages"].as_array().unwrap().clone(), answer["last_id"].as_str().unwrap().to_owned())
    }

    async fn next(&mut self, wait: u64) -> Vec<Value> {
        let (messages, last_id) = self.look(wait).await;
        self.last_id = Some(last_id);
        messages
    }

    async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let messages = self.next(25).await;
            if let Some(message) = messages.into_iter().find(|message| message["type"] == kind) {
                return message;
            }
        }
    }

    /// Which stream the last answer was of.
    fn stream(&self) -> Option<String> {
        Some(self.last_id.as_ref()?.split_once('-')?.0.to_owned())
    }

    async fn say(&self, message: &Value) -> reqwest::Response {
        self.client.post_raw(&self.path(0), &message.to_string()).await
    }
}

#[tokio::test]
async fn polls_tell_what_a_live_connection_tells() {
    let server = TestServer::start(&[]).await;
    let mut poller = Poller::new(server.client_with_session().await);
    let mut socket = server.client_with_session().await.socket().await;
    let first = poller.next(25).await;
    let told = socket.next_of("PUZZLE").await;
    assert_eq!(first[0]["type"], "PUZZLE");
    for field in ["round", "seed", "difficulty", "target", "memory_cost", "proof_interval"] {
        assert_eq!(first[0][field], told[field], "{field}");
    }
    let winner = server.client_with_session().await;
    let solution = winner.solve(&winner.puzzle().await).await;
    let waiting = tokio::spawn(async move { (poller.next_of("PUZZLE_RESET").await, poller) });
    assert_eq!(winner.verify(&solution).await.status(), 200);
    let (reset, poller) = waiting.await.unwrap();
    let told = socket.next_of("PUZZLE_RESET").await;
    for field in ["round", "seed", "reason", "difficulty"] {
        assert_eq!(reset[field], told[field], "{field}");
    }
    // Whoever polls wins like everybody else.
    let solution = poller.client.solve(&poller.client.puzzle().await).await;
    assert_eq!(poller.client.verify(&solution).await.status(), 200);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_given_again_and_a_place_that_is_gone_begins_anew() {
    let server = TestServer::start(&[]).await;
    let mut poller = Poller::new(server.client_with_session().await);
    poller.next(0).await;
    let winner = server.client_with_session().await;
    let solution = winner.solve(&winner.puzzle().await).await;
    assert_eq!(winner.verify(&solution).await.status(), 200);
    let (mut lost, _) = poller.look(25).await;
    while lost.iter().all(|message| message["type"] != "PUZZLE_RESET") {
        lost = poller.look(25).await.0;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (again, _) = poller.look(25).await;
    assert_eq!(again[..lost.len()], lost[..]);
    let (begun, _) = {
        let mut stale = Poller::new(poller.client);
        stale.last_id = Some("0-5".to_owned());
        stale.look(0).await
    };
    assert_eq!((&begun[0]["type"], &begun[0]["round"]), (&json!("PUZZLE"), &json!(2)));
}

#[tokio::test]
async fn who_polls_mines_and_is_told_what_is_wrong() {
    let server = TestServer::start(&[("HASHPASS_DIFFICULTY", "6")]).await;
    let mut poller = Poller::new(server.client_with_session().await);
    assert_eq!(status_and_code(poller.say(&json!({"type": "ping"})).await).await, (400, "malformed".into()));
    poller.next(0).await;
    for message in [json!({"type": "mining_start"}), json!({"type": "hashrate", "payload": {"rate": 12.5}})] {
        assert_eq!(poller.say(&message).await.status(), 200);
    }
    let figures = loop {
        let figures = poller.next_of("NETWORK_HASHRATE").await;
        if figures["total_hashrate"] != 0.0 {
            break figures;
        }
    };
    assert_eq!((&figures["active_miners"], &figures["total_hashrate"]), (&json!(1), &json!(12.5)));
    let pong: Value = poller.say(&json!({"type": "ping"})).await.json().await.unwrap();
    assert_eq!(pong, json!({"type": "PONG", "online": 1}));
    let share = poller.client.share(&poller.client.puzzle().await, 0).await;
    assert_eq!(poller.say(&share).await.status(), 200);
    let mut wrong = poller.client.share(&poller.client.puzzle().await, 1_000_000).await;
    wrong["payload"]["visitorId"] = json!("somebody-else");
    for (message, code) in [
        (wrong, "bad_share"),
        (json!({"type": "hashrate", "payload": {"rate": -1}}), "bad_hashrate"),
        (json!({"type": "admin"}), "unknown_message"),
    ] {
        assert_eq!(status_and_code(poller.say(&message).await).await, (400, code.into()));
    }
    let gone = poller.client.post_raw("/api/events?after=0-1", r#"{"type":"ping"}"#).await;
    assert_eq!(status_and_code(gone).await, (404, "not_found".into()));
    for path in ["/api/events?after=nonsense", "/api/events?wait=long", "/api/events?wait=1&wait=2"] {
        assert_eq!(status_and_code(poller.client.get(path).await).await, (400, "malformed".into()), "{path}");
    }
    // Another session is not told where this one is.
    let other = server.client_with_session().await;
    let foreign = other.post_raw(&poller.path(0), r#"{"type":"mining_stop"}"#).await;
    assert_eq!(status_and_code(foreign).await, (404, "not_found".into()));
    let nobody = server.client().get("/api/events").await;
    assert_eq!(status_and_code(nobody).await, (403, "missing_token".into()));
}

#[tokio::test]
async fn polls_have_the_limits_of_live_connections() {
    let server = TestServer::start(&[("HASHPASS_LIMIT_SOCKETS_PER_ADDRESS", "1")]).await;
    let mut poller = Poller::new(server.client_with_session().await);
    poller.next(0).await;
    let other = server.client_with_session().await;
    assert_eq!(status_and_code(other.get("/api/events").await).await, (429, "too_many_requests".into()));
    let mut answers = Vec::new();
    for _ in 0..60 {
        answers.push(poller.client.get(&poller.path(0)).await.status().as_u16());
    }
    assert!(answers.contains(&429) && answers[..20].iter().all(|status| *status == 200), "{answers:?}");
}

#[tokio::test]
async fn a_stream_lives_as_long_as_somebody_polls_and_no_longer() {
    // In place of forty seconds.
    const LIFE: Duration = Duration::from_millis(1500);
    let settings = [("HASHPASS_DIFFICULTY", "6")];
    let server = TestServer::start_with(&settings, |config| config.edge.poll_life = LIFE).await;
    let mut watcher = server.client_with_session().await.socket().await;
    let mut poller = Poller::new(server.client_with_session().await);
    poller.next(0).await;
    assert_eq!(poller.say(&json!({"type": "mining_start"})).await.status(), 200);
    let stream = poller.stream();
    // Four of its lives in short polls, and as many in polls that wait for longer than one.
    for wait in [[0; 16].as_slice(), &[25; 2]].concat() {
        tokio::time::sleep(LIFE / 4).await;
        let messages = poller.next(wait).await;
        assert!(messages.iter().all(|message| message["type"] != "PUZZLE"), "it begins anew: {messages:?}");
        assert_eq!(poller.stream(), stream);
    }
    let figures = poller.next_of("NETWORK_HASHRATE").await;
    assert_eq!((&figures["active_miners"], &figures["online"]), (&json!(1), &json!(2)));

    while watcher.say_and_hear(&json!({"type": "ping"})).await["online"] != 1 {
        tokio::time::sleep(LIFE / 10).await;
    }
    assert_eq!(poller.say(&json!({"type": "ping"})).await.status(), 404);
    assert_eq!(poller.next(0).await[0]["type"], "PUZZLE");
    assert_ne!(poller.stream(), stream);
}

#[tokio::test]
async fn a_newer_poll_ends_an_older_one_and_a_stop_ends_all() {
    let server = TestServer::start(&[]).await;
    let mut poller = Poller::new(server.client_with_session().await);
    poller.next(0).await;
    let poll = |poller: &Poller| {
        let request = poller.client.http.get(poller.client.url(&poller.path(25)));
        let request = request.header("cookie", poller.client.cookie().unwrap());
        tokio::spawn(async move { request.send().await.unwrap() })
    };
    let older = poll(&poller);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let newer = poll(&poller);
    assert_eq!(older.await.unwrap().status(), 200);
    newer.await.unwrap();
    let waiting = poll(&poller);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stopped = server.stop();
    let status = waiting.await.unwrap().status().as_u16();
    assert!(status == 503 || status == 200, "the figures may have come first: {status}");
    tokio::time::timeout(Duration::from_secs(8), stopped).await.expect("nobody who polls holds the stop up");
}

#[tokio::test]
async fn polls_tell_of_the_lobby() {
    let server = TestServer::with_lobby(&[("HASHPASS_GATE", "hashcash")]).await;
    let ann = server.person("ann").await;
    let first = ann.get("/api/events?wait=0").await;
    assert_eq!(first["messages"][0]["type"], "PUZZLE");
    ann.ok(json!({"command": "JOIN", "to": "#a"})).await;
    let mut last_id = first["last_id"].as_str().unwrap().to_owned();
    loop {
        let answer = ann.get(&format!("/api/events?wait=25&after={last_id}")).await;
        last_id = answer["last_id"].as_str().unwrap().to_owned();
        let messages = answer["messages"].as_array().unwrap();
        if let Some(message) = messages.iter().find(|message| message["type"] == "LOBBY") {
            assert!(message["id"].is_number() && message["event"].is_object(), "{message}");
            break;
        }
    }
}
