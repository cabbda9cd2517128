//! The lobby as part of the server: its gate, its ceiling, other origins, restarts and
//! long polls.

use crate::support::{
    TestServer,
    lobby::{self, BITS, cookie_of, session_stamp},
    process::ServerProcess,
    status_and_code,
};
use futures::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn the_ceiling_on_new_sessions_leaves_the_stamp_good() {
    let server = TestServer::with_lobby(&[("HASHPASS_LOBBY_SESSIONS_PER_HOUR", "1")]).await;
    let stamp = session_stamp(BITS);
    let client = server.client();
    let ask = async || {
        let request = client.http.post(client.url("/api/v1/session")).header("x-hashcash", &stamp);
        request.json(&json!({"nick": "bob"})).send().await.unwrap()
    };
    let _first = server.person("alice").await;
    let refused = ask().await;
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 3000);
    assert_eq!(status_and_code(refused).await, (503, "lobby_busy".into()));
    // Had it been spent, the next refusal would be about the stamp.
    assert_eq!(status_and_code(ask().await).await, (503, "lobby_busy".into()));
}

#[tokio::test]
async fn the_gate_can_ask_for_stamps_instead_or_as_well() {
    let server = TestServer::with_lobby(&[("HASHPASS_GATE", "hashcash"), ("TURNSTILE_TEST_MODE", "false")]).await;
    let client = server.client();
    let ask = async |stamp: Option<String>| {
        let mut request = client.http.post(client.url("/api/session")).json(&json!({"turnstileToken": "test"}));
        if let Some(stamp) = stamp {
            request = request.header("x-hashcash", stamp);
        }
        request.send().await.unwrap()
    };
    let refused = ask(None).await;
    assert_eq!(refused.status(), 402);
    assert_eq!(refused.json::<Value>().await.unwrap()["reason"], "missing");
    let stamp = session_stamp(BITS);
    let opened = ask(Some(stamp.clone())).await;
    assert_eq!(opened.status(), 200);
    let racer = server.person_with_cookie(cookie_of(&opened), "racer");
    assert_eq!(racer.get_request("/api/puzzle").send().await.unwrap().status(), 200);
    assert_eq!(ask(Some(stamp)).await.status(), 402);
    // No token passes a gate that asks for none.
    let response = server.client_with_bearer("token").get("/api/puzzle").await;
    assert_eq!(status_and_code(response).await, (402, "stamp_required".into()));
    assert_eq!(server.client().get("/api/turnstile/config").await.json::<Value>().await.unwrap()["testMode"], false);
    // A lobby session of the same stamp may race as well.
    let bob = server.person("bob").await;
    assert_eq!(bob.get_request("/api/puzzle").send().await.unwrap().status(), 200);

    let server = TestServer::with_lobby(&[("HASHPASS_GATE", "both")]).await;
    let client = server.client();
    let ask = async |body: Value, stamp: &str| {
        let request = client.http.post(client.url("/api/session")).json(&body).header("x-hashcash", stamp);
        request.send().await.unwrap()
    };
    let stamp = session_stamp(BITS);
    assert_eq!(status_and_code(ask(json!({}), &stamp).await).await, (403, "missing_token".into()));
    // The stamp was not spent for that.
    assert_eq!(ask(json!({"turnstileToken": "test"}), &stamp).await.status(), 200);
}

#[tokio::test]
async fn origins_that_are_listed_may_use_the_lobby_and_nothing_else() {
    let server = TestServer::with_lobby(&[("HASHPASS_CORS_ORIGINS", "https://chat.example")]).await;
    let client = server.client();
    let from = |method: reqwest::Method, path: &str, origin: &str| {
        client.http.request(method, client.url(path)).header("origin", origin).header("sec-fetch-site", "cross-site")
    };
    let origin = "https://chat.example";
    let preflight = from(reqwest::Method::OPTIONS, "/api/v1/session", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,x-hashcash,authorization");
    let preflight = preflight.send().await.unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-allow-origin"], origin);
    assert_eq!(preflight.headers()["access-control-allow-credentials"], "true");
    assert_eq!(preflight.headers()["access-control-allow-headers"], "Accept, Content-Type, X-Hashcash");
    assert!(preflight.headers().get_all("vary").iter().any(|value| value == "Origin"));

    let response = from(reqwest::Method::GET, "/api/v1/server", origin).send().await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["access-control-allow-origin"]),
        (200.into_status(), &origin.parse().unwrap())
    );
    let request = from(reqwest::Method::POST, "/api/v1/session", origin).header("x-hashcash", session_stamp(BITS));
    assert_eq!(request.json(&json!({})).send().await.unwrap().status(), 201);
    let null = from(reqwest::Method::GET, "/api/v1/server", "null").send().await.unwrap();
    assert!(!null.headers().contains_key("access-control-allow-origin"));
    for path in ["/api/health", "/api/session"] {
        let response = from(reqwest::Method::GET, path, origin).send().await.unwrap();
        assert!(!response.headers().contains_key("access-control-allow-origin"), "{path}");
    }

    for (origin, allowed) in [("https://chat.example", true), ("https://evil.example", false)] {
        let request = client.http.post(client.url("/api/v1/login")).header("origin", origin);
        let response = request.json(&json!({"nick": "a", "password": "b"})).send().await.unwrap();
        assert_eq!(response.headers().contains_key("access-control-allow-origin"), allowed);
        let expected = if allowed { (401, "wrong_password".to_owned()) } else { (403, "cross_site".to_owned()) };
        assert_eq!(status_and_code(response).await, expected);
    }
}

#[tokio::test]
async fn where_none_is_listed_no_other_origin_may() {
    let server = TestServer::with_lobby(&[]).await;
    let client = server.client();
    // A sibling of the same site: the browser would send and keep its cookies.
    let sibling = |path: &str| {
        let request = client.http.post(client.url(path)).header("origin", "https://sibling.race.example");
        request.header("sec-fetch-site", "same-site").header("x-hashcash", session_stamp(BITS))
    };
    for (path, body) in [
        ("/api/v1/session", json!({})),
        ("/api/v1/login", json!({"nick": "a", "password": "b"})),
        ("/api/v1/logout", json!({})),
        ("/api/v1/messages", json!({"command": "JOIN", "to": "#a"})),
    ] {
        let response = sibling(path).json(&body).send().await.unwrap();
        assert!(!response.headers().contains_key("access-control-allow-origin"), "{path}");
        assert!(!response.headers().contains_key("set-cookie"), "{path}");
        assert_eq!(status_and_code(response).await, (403, "cross_site".to_owned()), "{path}");
    }
    let own_origin = client.url("").trim_end_matches('/').to_owned();
    let own = client.http.post(client.url("/api/v1/session")).header("origin", own_origin);
    let own = own.header("x-hashcash", session_stamp(BITS)).json(&json!({})).send().await.unwrap();
    assert_eq!(own.status(), 201);
}

trait IntoStatus {
    fn into_status(self) -> reqwest::StatusCode;
}

impl IntoStatus for u16 {
    fn into_status(self) -> reqwest::StatusCode {
        reqwest::StatusCode::from_u16(self).unwrap()
    }
}

#[tokio::test]
async fn the_server_tells_what_it_is_and_there_is_no_registration() {
    let server =
        TestServer::with_lobby(&[("HASHPASS_SERVER_NAME", "race.example"), ("HASHPASS_LOBBY_MOTD", "Hello")]).await;
    let client = server.client();
    let view: Value = client.get("/api/v1/server").await.json().await.unwrap();
    assert_eq!((&view["name"], &view["motd"], &view["users"]), (&json!("race.example"), &json!("Hello"), &json!(0)));
    assert_eq!((&view["hashcash_bits"], &view["gate"]), (&json!(BITS), &json!("turnstile")));
    assert!(view["version"].is_string());
    let response = client.post_raw("/api/v1/register", r#"{"nick":"a","password":"b"}"#).await;
    assert_eq!(status_and_code(response).await, (404, "not_found".into()));
    assert_eq!(status_and_code(client.get("/api/v1/login").await).await, (405, "method_not_allowed".into()));
    for (path, body) in [("/api/v1/login", "{"), ("/api/v1/login", "{}"), ("/api/v1/session", "[]")] {
        assert_eq!(
            status_and_code(client.post_raw(path, body).await).await,
            (400, "malformed".into()),
            "{path} {body}"
        );
    }
    let form = client.http.post(client.url("/api/v1/login")).body("nick=a").send().await.unwrap();
    assert_eq!(status_and_code(form).await, (415, "unsupported_media_type".into()));

    let server = TestServer::with_lobby(&[("NEOIRC_HASHCASH_BITS", "0")]).await;
    let view: Value = server.client().get("/api/v1/server").await.json().await.unwrap();
    assert!(view.get("hashcash_bits").is_none());
    assert_eq!(server.client().post_raw("/api/v1/session", "{}").await.status(), 201);
}

#[tokio::test]
async fn the_race_runs_without_a_lobby() {
    let server = TestServer::with_lobby(&[("HASHPASS_LOBBY_DB", "/proc/nowhere/lobby.db")]).await;
    let racer = server.client_with_session().await;
    let puzzle = racer.puzzle().await;
    let solution = racer.solve(&puzzle).await;
    assert_eq!(racer.verify(&solution).await.status(), 200);
    for path in ["/api/v1/server", "/api/v1/state", "/api/v1/history?target=%23lobby"] {
        assert_eq!(status_and_code(racer.get(path).await).await, (503, "lobby_closed".into()), "{path}");
    }
    // Stamps can be spent all the same, where the gate asks for them.
    let settings = [("HASHPASS_LOBBY_DB", "/proc/nowhere/lobby.db"), ("HASHPASS_GATE", "hashcash")];
    let server = TestServer::with_lobby(&settings).await;
    let (client, stamp) = (server.client(), session_stamp(BITS));
    let ask = async || {
        let request = client.http.post(client.url("/api/session")).header("x-hashcash", &stamp).json(&json!({}));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((ask().await, ask().await), (200, 402));
}

/// How the server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// By SIGTERM, in good order.
    Stopped,
    /// By SIGKILL, without warning.
    Killed,
}

#[tokio::test]
async fn a_restart_keeps_what_matters() {
    what_matters_is_kept(End::Stopped).await;
}

#[tokio::test]
async fn a_crash_keeps_what_matters() {
    what_matters_is_kept(End::Killed).await;
}

/// The real server as a process, twice in one directory.
async fn what_matters_is_kept(end: End) {
    let directory = tempfile::tempdir().unwrap();
    let bits = BITS.to_string();
    let start = || ServerProcess::start(directory.path(), &[("NEOIRC_HASHCASH_BITS", &bits)]);
    let stamp = session_stamp(BITS);
    let (bob_cookie, eve_cookie, queued) = {
        let server = start();
        let client = server.client();
        let person = async |nick: &str, stamp: &str| {
            let response = client.ask_for_lobby_session(&json!({"nick": nick}), stamp).await;
            client.as_person(cookie_of(&response), nick)
        };
        let (bob, eve) = (person("bob", &stamp).await, person("eve", &session_stamp(BITS)).await);
        bob.join("#a").await;
        eve.join("#a").await;
        bob.ok(json!({"command": "PASS", "body": ["correct horse"]})).await;
        bob.ok(json!({"command": "MODE", "to": "#a", "params": ["+Hmv", "9", "eve"]})).await;
        bob.ok(json!({"command": "TOPIC", "to": "#a", "body": ["about a"]})).await;
        let proof = lobby::channel_stamp(9, "#a", &["kept"]);
        let envelope = json!({"command": "PRIVMSG", "to": "#a", "body": ["kept"], "meta": {"hashcash": proof, "n": 1}});
        bob.ok(envelope).await;
        let queued = eve.heard().await;
        assert_eq!(bob.get("/api/v1/history?target=%23a").await["messages"][0]["body"], json!(["kept"]));
        let cookies = (bob.cookie.clone(), eve.cookie.clone(), queued);
        match end {
            End::Stopped => assert!(server.terminate().0.success()),
            End::Killed => server.kill(),
        }
        cookies
    };
    // Cookies and passwords are there as hashes only.
    let token = bob_cookie.split_once('=').unwrap().1;
    let files = std::fs::read_dir(directory.path().join("data")).unwrap().map(|entry| entry.unwrap().path());
    // A crash leaves the socket of the operators behind, which is no file.
    let stored: Vec<u8> = files.filter(|path| path.is_file()).flat_map(|path| std::fs::read(path).unwrap()).collect();
    let holds = |text: &str| stored.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("$argon2id$") && !holds("correct horse") && !holds(token));
    let server = start();
    let client = server.client();
    let (bob, eve) = (client.as_person(bob_cookie, "bob"), client.as_person(eve_cookie, "eve"));
    // Sessions, memberships, modes, topics, history …
    let state = bob.get("/api/v1/state").await;
    let channel = &state["channels"][0];
    assert_eq!(
        (&state["nick"], &channel["name"], &channel["modes"], &channel["topic"], &channel["prefix"]),
        (&json!("bob"), &json!("#a"), &json!("+mnH 9"), &json!("about a"), &json!("@"))
    );
    assert_eq!(eve.get("/api/v1/state").await["channels"][0]["prefix"], "+");
    let history = bob.get("/api/v1/history?target=%23a").await;
    assert_eq!(history["messages"][0]["body"], json!(["kept"]));
    assert_eq!(history["messages"][0]["meta"]["n"], 1);
    // … what was not fetched, which is in memory until the server stops …
    if end == End::Stopped {
        assert_eq!(eve.heard().await, queued);
    }
    // … passwords …
    let login = async |password: &str| {
        let body = json!({"nick": "bob", "password": password});
        client.http.post(client.url("/api/v1/login")).json(&body).send().await.unwrap().status().as_u16()
    };
    assert_eq!((login("wrong horse").await, login("correct horse").await), (401, 200));
    // … spent stamps of both kinds.
    let again = client.ask_for_lobby_session(&json!({}), &stamp).await;
    assert_eq!(again.json::<Value>().await.unwrap()["reason"], "spent");
    let spent = history["messages"][0]["meta"]["hashcash"].clone();
    let replay = json!({"command": "PRIVMSG", "to": "#a", "body": ["kept"], "meta": {"hashcash": spent}});
    assert_eq!(bob.refused(replay, "404").await["meta"]["reason"], "spent");
    // Numbers of events only grow.
    let last = eve.get("/api/v1/state").await["last_id"].as_u64().unwrap();
    bob.ok(json!({"command": "TOPIC", "to": "#a", "body": ["new"]})).await;
    let news = eve.get(&format!("/api/v1/messages?after={last}&timeout=5")).await;
    assert_eq!(news["messages"][0]["command"], "TOPIC");
    let before = queued.last().and_then(|event| event["ts"].as_str()).unwrap();
    assert!(before < news["messages"][0]["ts"].as_str().unwrap());
    server.kill();
}

#[tokio::test]
async fn who_only_reads_is_sent_what_is_new() {
    let server = TestServer::with_lobby(&[]).await;
    let bob = server.person("bob").await;
    bob.join("#lobby").await;
    let say = async |text: &str| bob.ok(json!({"command": "PRIVMSG", "to": "#lobby", "body": [text]})).await;
    say("first").await;
    let reader = server.client();
    let read = async |known: Option<&str>| {
        let mut request = reader.http.get(reader.url("/api/v1/history?target=%23LOBBY&limit=50"));
        if let Some(known) = known {
            request = request.header("if-none-match", known);
        }
        let response = request.send().await.unwrap();
        let tag = response.headers()["etag"].to_str().unwrap().to_owned();
        (response.status().as_u16(), tag, response.text().await.unwrap())
    };
    let (status, tag, lines) = read(None).await;
    assert!(status == 200 && lines.contains("first"), "{status} {lines}");
    let (status, same, lines) = read(Some(&tag)).await;
    assert_eq!((status, &*same, &*lines), (304, &*tag, ""));
    say("second").await;
    let (status, newer, lines) = read(Some(&tag)).await;
    assert!(status == 200 && newer != tag && lines.contains("second"), "{status} {newer} {lines}");
    // The tag opens nothing else.
    let request = reader.http.get(reader.url("/api/v1/history?target=bob")).header("if-none-match", &newer);
    assert_eq!(status_and_code(request.send().await.unwrap()).await, (401, "not_logged_in".into()));
}

#[tokio::test]
async fn a_long_poll_waits_for_the_next_message_and_a_stop_ends_it() {
    let server = TestServer::with_lobby(&[]).await;
    let (bob, eve) = (server.person("bob").await, server.person("eve").await);
    let last = eve.get("/api/v1/state").await["last_id"].as_u64().unwrap();
    let empty = eve.get(&format!("/api/v1/messages?after={last}&timeout=0")).await;
    assert_eq!(empty, json!({"messages": [], "last_id": last}));
    let path = format!("/api/v1/messages?after={last}&timeout=30");
    let (heard, _) = tokio::join!(eve.get(&path), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        bob.ok(json!({"command": "PRIVMSG", "to": "eve", "body": ["hello"]})).await
    });
    assert_eq!(heard["messages"][0]["body"], json!(["hello"]));
    let last = heard["last_id"].as_u64().unwrap();

    let response = eve.get_request("/api/v1/messages?after=minus").send().await.unwrap();
    assert_eq!(status_and_code(response).await, (400, "malformed".into()));
    // Only so many may wait on one queue.
    let waiting = (0..10).map(async |_| {
        let path = format!("/api/v1/messages?after={last}&timeout=30");
        eve.get_request(&path).send().await.unwrap().status().as_u16()
    });
    let (mut statuses, ()) = tokio::join!(join_all(waiting), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.stop().await;
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 200, 429, 429]);
}
