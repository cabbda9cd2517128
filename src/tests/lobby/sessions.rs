//! The sessions, stamps and passwords of the lobby.

use crate::support::{
    TestServer,
    lobby::{BITS, cookie_of, session_stamp},
    status_and_code,
};
use futures::future::join_all;
use serde_json::{Value, json};

#[tokio::test]
async fn session_cookie() {
    let server = TestServer::with_lobby(&[("HASHPASS_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let response = server.ask_for_session(&json!({"nick": "bob"})).await;
    assert_eq!(response.status(), 201);
    let line = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    let (pair, attributes) = line.split_once("; ").unwrap();
    let token = pair.strip_prefix("neoirc_auth=").unwrap();
    assert!(token.len() == 64 && token.bytes().all(|c| c.is_ascii_hexdigit()), "{token}");
    assert_eq!(attributes, "Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict");
    // The body names the session and grants nothing.
    let body: Value = response.json().await.unwrap();
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "nick"]);
    assert_eq!(body["nick"], "bob");
    assert!(!token.contains(body["id"].as_str().unwrap()));

    let bob = server.person_with_cookie(pair.to_owned(), "bob");
    let state = bob.get("/api/v1/state").await;
    assert_eq!((&state["nick"], &state["id"]), (&json!("bob"), &body["id"]));
    // Neither a wrong cookie, nor none, nor the token elsewhere is somebody.
    let forged = server.person_with_cookie(format!("neoirc_auth={}", "0".repeat(64)), "x");
    let response = forged.get_request("/api/v1/state").send().await.unwrap();
    assert_eq!(status_and_code(response).await, (401, "not_logged_in".into()));
    let response = server.client().get("/api/v1/state").await;
    assert_eq!(status_and_code(response).await, (401, "not_logged_in".into()));

    // Behind TLS it is Secure.
    let client = server.client();
    let request = client.http.post(client.url("/api/v1/session")).header("x-forwarded-proto", "https");
    let response = request.header("x-hashcash", session_stamp(BITS)).json(&json!({})).send().await.unwrap();
    assert!(response.headers()["set-cookie"].to_str().unwrap().ends_with("; Secure"));
}

#[tokio::test]
async fn an_authorization_header_is_never_accepted() {
    let server = TestServer::with_lobby(&[]).await;
    let bob = server.person("bob").await;
    for path in ["/api/v1/state", "/api/v1/messages", "/api/v1/server", "/api/v1/history?target=%23lobby"] {
        let response = bob.get_request(path).bearer_auth("anything").send().await.unwrap();
        assert_eq!(status_and_code(response).await, (401, "not_logged_in".into()), "{path}");
    }
    // The implicit session of a Bearer token is for the race alone.
    assert_eq!(server.client_with_bearer("token").get("/api/puzzle").await.status(), 200);
}

#[tokio::test]
async fn nicks_have_rules_are_unique_and_are_made_up_if_missing() {
    let server = TestServer::with_lobby(&[]).await;
    for (nick, detail) in [("", "nick must be 1-32 characters"), (&*"x".repeat(33), "nick must be 1-32 characters")] {
        let response = server.ask_for_session(&json!({"nick": nick})).await;
        assert_eq!(response.status(), 400);
        assert!(!response.headers().contains_key("set-cookie"));
        let error: Value = response.json().await.unwrap();
        assert_eq!((&error["code"], &error["detail"]), (&json!("bad_nick"), &json!(detail)));
    }
    for nick in ["1up", "a b", "é", "#a", "<b>"] {
        assert_eq!(server.ask_for_session(&json!({"nick": nick})).await.status(), 400, "{nick}");
    }
    let made_up: Value = server.ask_for_session(&json!({})).await.json().await.unwrap();
    assert!(made_up["nick"].as_str().unwrap().contains('_'));

    let _bob = server.person("Bob").await;
    let taken = server.ask_for_session(&json!({"nick": "bOB"})).await;
    assert_eq!(taken.status(), 409);
    let taken: Value = taken.json().await.unwrap();
    assert_eq!((&taken["code"], &taken["detail"]), (&json!("nick_taken"), &json!("nick already taken")));

    // Whoever opened a session and does not come may have lost the cookie on the way: it
    // is told when to ask again. Whoever has come keeps the nick.
    let lost = server.ask_for_session(&json!({"nick": "lost"})).await;
    let early = server.ask_for_session(&json!({"nick": "LOST"})).await;
    assert!((1..=10).contains(&early.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap()));
    assert_eq!(status_and_code(early).await, (409, "nick_taken".into()));
    server.person_with_cookie(cookie_of(&lost), "lost").get("/api/v1/state").await;
    let taken = server.ask_for_session(&json!({"nick": "LOST"})).await;
    assert!(!taken.headers().contains_key("retry-after"));
    assert_eq!(status_and_code(taken).await, (409, "nick_taken".into()));

    // Nobody can speak for the server by its name.
    let taken = server.ask_for_session(&json!({"nick": "HashPass"})).await;
    assert_eq!(status_and_code(taken).await, (409, "nick_taken".into()));

    // Of twenty at once one gets it.
    let attempts = (0..20).map(async |_| server.ask_for_session(&json!({"nick": "eve"})).await.status().as_u16());
    let mut statuses = join_all(attempts).await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (201, &[409; 19][..]));
}

#[tokio::test]
async fn without_a_good_stamp_there_is_no_session_and_the_reason_is_told() {
    let server = TestServer::with_lobby(&[]).await;
    let good = session_stamp(BITS);
    let cheap = good.replacen("1:8:", "1:4:", 1);
    let reasons = [
        (None, "missing"),
        (Some("nonsense".to_owned()), "fields"),
        (Some(good.replacen("1:", "2:", 1)), "version"),
        (Some(cheap), "insufficient_bits"),
        (Some(good.replace("hashpass", "elsewhere")), "resource"),
        (Some("1:8:200101:hashpass::x".to_owned()), "expired"),
        (Some("1:8:990101:hashpass::x".to_owned()), "future"),
        (Some(format!("{}\u{1f}", good)), "counter"),
        (Some(good.replacen("1:8:", "1:60:", 1)), "proof"),
    ];
    let client = server.client();
    for (stamp, reason) in reasons {
        let mut request = client.http.post(client.url("/api/v1/session")).json(&json!({"nick": "bob"}));
        if reason == "counter" {
            // Control characters do not get through a header.
            request = client.http.post(client.url("/api/v1/session")).json(&json!({"pow_token": stamp, "nick": "bob"}));
        } else if let Some(stamp) = &stamp {
            request = request.header("x-hashcash", stamp);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 402, "{reason}");
        assert!(!response.headers().contains_key("set-cookie"));
        let error: Value = response.json().await.unwrap();
        let expected = (&json!("stamp_required"), &json!(BITS), &json!("hashpass"), &json!(reason));
        let got = (&error["code"], &error["hashcash_bits"], &error["resource"], &error["reason"]);
        assert_eq!(got, expected, "{stamp:?} -> {error}");
    }
    // The nick is still free, and the stamp comes in the body as well.
    let body = json!({"nick": "bob", "pow_token": good});
    let response = client.http.post(client.url("/api/v1/session")).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 201);
    let again = client.http.post(client.url("/api/v1/session")).json(&json!({"pow_token": good})).send().await.unwrap();
    assert_eq!(again.status(), 402);
    assert_eq!(again.json::<Value>().await.unwrap()["reason"], "spent");
}

#[tokio::test]
async fn one_stamp_in_twenty_requests_at_once_opens_one_session() {
    let server = TestServer::with_lobby(&[]).await;
    let stamp = session_stamp(BITS);
    let attempts = (0..20).map(async |_| {
        let client = server.client();
        let request = client.http.post(client.url("/api/v1/session")).header("x-hashcash", &stamp).json(&json!({}));
        request.send().await.unwrap().status().as_u16()
    });
    let mut statuses = join_all(attempts).await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (201, &[402; 19][..]));
}

#[tokio::test]
async fn whoever_passed_the_human_check_needs_no_stamp() {
    let server = TestServer::with_lobby(&[]).await;
    let racer = server.client_with_session().await;
    let response = racer.post_raw("/api/v1/session", r#"{"nick":"racer"}"#).await;
    assert_eq!(response.status(), 201);
    assert!(!response.headers().contains_key("set-cookie"), "it has its cookie already");
    assert_eq!(response.json::<Value>().await.unwrap()["nick"], "racer");
    assert_eq!(racer.get("/api/puzzle").await.status(), 200);

    // A stamp alone does not open the race where humans are asked for.
    let bob = server.person("bob").await;
    let response = bob.get_request("/api/puzzle").send().await.unwrap();
    assert_eq!(status_and_code(response).await, (403, "missing_token".into()));
    // The check completes the session that is there.
    let upgraded = bob.post_request("/api/session", &json!({"turnstileToken": "test"})).send().await.unwrap();
    assert_eq!(upgraded.json::<Value>().await.unwrap()["nick"], "bob");
    assert_eq!(bob.get_request("/api/puzzle").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn pass_command() {
    let server = TestServer::with_lobby(&[]).await;
    let bob = server.person("bob").await;
    bob.join("#a").await;
    bob.ok(json!({"command": "PASS", "body": ["correct horse"]})).await;
    assert_eq!(bob.get("/api/v1/state").await["has_password"], true);

    let client = server.client();
    let login = async |nick: &str, password: &str| {
        let body = json!({"nick": nick, "password": password});
        client.http.post(client.url("/api/v1/login")).json(&body).send().await.unwrap()
    };
    // Unknown nick and wrong password are told in the same words.
    let (unknown, wrong) = (login("nobody", "correct horse").await, login("bob", "wrong horse").await);
    let (unknown, wrong): (Value, Value) = (unknown.json().await.unwrap(), wrong.json().await.unwrap());
    assert_eq!((&unknown, &unknown["code"]), (&wrong, &json!("wrong_password")));
    let response = login("BOB", "correct horse").await;
    assert_eq!(response.status(), 200);
    let cookie = cookie_of(&response);
    assert_ne!(cookie, bob.cookie);
    assert_eq!(response.json::<Value>().await.unwrap()["nick"], "bob");
    let other = server.person_with_cookie(cookie, "bob");
    let heard = other.heard().await;
    assert_eq!(heard[0]["command"], "001");
    assert!(heard.iter().any(|event| event["command"] == "JOIN" && event["to"] == "#a"), "it learns its channels");

    // Both clients hear everything, each from its own queue.
    let eve = server.person("eve").await;
    eve.join("#a").await;
    eve.ok(json!({"command": "PRIVMSG", "to": "#a", "body": ["hi"]})).await;
    bob.ok(json!({"command": "PRIVMSG", "to": "eve", "body": ["psst"]})).await;
    for client in [&bob, &other] {
        assert_eq!(client.bodies("PRIVMSG").await, [json!(["hi"]), json!(["psst"])]);
    }

    // Logging out ends one client; the nick stays with the other.
    let response = other.post_request("/api/v1/logout", &json!({})).send().await.unwrap();
    assert_eq!(response.headers()["set-cookie"], "neoirc_auth=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    let response = other.get_request("/api/v1/state").send().await.unwrap();
    assert_eq!(status_and_code(response).await, (401, "not_logged_in".into()));
    assert_eq!(server.ask_for_session(&json!({"nick": "bob"})).await.status(), 409);
    // The last one quits the session: others see it and the nick is free.
    bob.post_request("/api/v1/logout", &json!({})).send().await.unwrap();
    assert!(eve.heard().await.iter().any(|event| event["command"] == "QUIT" && event["from"] == "bob"));
    assert_eq!(server.ask_for_session(&json!({"nick": "bob"})).await.status(), 201);
}

#[tokio::test]
async fn pass_command_short_password() {
    let server = TestServer::with_lobby(&[]).await;
    let bob = server.person("bob").await;
    let answer = bob.refused(json!({"command": "PASS", "body": ["1234567"]}), "461").await;
    assert!(answer["message"].as_str().unwrap().contains("8 characters"), "{answer}");
    assert_eq!(bob.get("/api/v1/state").await["has_password"], false);
}

#[tokio::test]
async fn pass_command_empty() {
    let server = TestServer::with_lobby(&[]).await;
    let bob = server.person("bob").await;
    for envelope in [json!({"command": "PASS"}), json!({"command": "PASS", "body": [""]})] {
        bob.refused(envelope, "461").await;
    }
    assert_eq!(bob.get("/api/v1/state").await["has_password"], false);
}

#[tokio::test]
async fn guesses_at_passwords_are_rationed_by_address() {
    let server = TestServer::with_lobby(&[]).await;
    let client = server.client();
    let guess = async || client.post_raw("/api/v1/login", r#"{"nick":"bob","password":"guess"}"#).await;
    let mut statuses = Vec::new();
    for response in join_all((0..8).map(async |_| guess().await)).await {
        if response.status() == 429 {
            assert!(response.headers().contains_key("retry-after"));
        }
        statuses.push(response.status().as_u16());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 3, "{statuses:?}");
}

#[tokio::test]
async fn quit_clears_the_cookie_and_is_seen() {
    let server = TestServer::with_lobby(&[]).await;
    let (bob, eve) = (server.person("bob").await, server.person("eve").await);
    bob.join("#a").await;
    eve.join("#a").await;
    let envelope = json!({"command": "QUIT", "body": ["good night"]});
    let response = bob.post_request("/api/v1/messages", &envelope).send().await.unwrap();
    assert!(response.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(response.json::<Value>().await.unwrap()["status"], "ok");
    assert_eq!(bob.get_request("/api/v1/state").send().await.unwrap().status(), 401);
    assert_eq!(eve.bodies("QUIT").await, [json!(["good night"])]);
    assert_eq!(server.ask_for_session(&json!({"nick": "bob"})).await.status(), 201);
}
