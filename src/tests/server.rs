//! The whole server, through its real router and a real TCP port, as an outside
//! client meets it: written from the protocol alone, except for the hash function.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end where it finds a surprise")]

mod support;

use futures::{SinkExt, future::join_all};
use serde_json::{Value, json};
use support::{TestServer, status_and_code};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest, protocol::frame::coding::CloseCode};

#[tokio::test]
async fn a_client_written_from_the_protocol_wins_a_code_and_a_replay_gets_409() {
    let server = TestServer::start(&[("HASHPASS_HMAC_SECRET", "000102030405060708090a0b0c0d0e0f")]).await;
    let client = server.client_with_session().await;
    let puzzle = client.puzzle().await;
    assert_eq!(puzzle["round"], 1);
    assert_eq!(puzzle["difficulty"], 1);
    assert_eq!(puzzle["expected_hashes"], 16);
    assert_eq!(puzzle["target"], format!("1{}", "0".repeat(63)));

    let solution = client.solve(&puzzle).await;
    let won = client.verify(&solution).await;
    assert_eq!(won.status(), 200);
    let won: Value = won.json().await.unwrap();
    let code = won["invite_code"].as_str().unwrap().to_owned();
    assert!(code.starts_with("HASHPASS-") && code.len() == 21, "{code}");
    assert_eq!((&won["round"], &won["difficulty"]), (&json!(1), &json!(1)));
    assert!(won["solve_time"].is_number() && won["new_difficulty"].is_number());

    // The code can be recomputed from what is public and the secret.
    let recomputed = puzzle::invite_code::InviteCode::derive(
        &puzzle::invite_code::CodeSecret::from_bytes((0..16).collect::<Vec<u8>>()),
        &solution["visitorId"].as_str().unwrap().parse().unwrap(),
        puzzle::Nonce::new(solution["nonce"].as_u64().unwrap()).unwrap(),
        &solution["submittedSeed"].as_str().unwrap().parse().unwrap(),
    );
    assert_eq!(recomputed.as_str(), code);

    let replay = client.verify(&solution).await;
    assert_eq!(replay.status(), 409);
    let replay: Value = replay.json().await.unwrap();
    assert_eq!(replay["code"], "puzzle_already_solved");
    assert_eq!(replay["detail"], "Puzzle already solved by someone else");
    assert_eq!(replay["round"], 2);
    assert_eq!(replay["seed"], client.puzzle().await["seed"]);
    assert_ne!(replay["seed"], puzzle["seed"]);

    // The code outlives a lost answer, for its own session only.
    let wins: Value = client.get("/api/wins").await.json().await.unwrap();
    assert_eq!((&wins[0]["round"], &wins[0]["invite_code"]), (&json!(1), &json!(code)));
    let other = server.client_with_session().await;
    assert_eq!(other.get("/api/wins").await.json::<Value>().await.unwrap(), json!([]));

    // And it is on disk.
    let log: Value = serde_json::from_slice(&std::fs::read(server.data_dir().join("verify.json")).unwrap()).unwrap();
    assert_eq!(log[0]["invite_code"], code);
    assert_eq!(log[0]["real_ip"], "127.0.0.1");
    assert_eq!(log[0].as_object().unwrap().len(), 13);
}

#[tokio::test]
async fn of_fifty_valid_solutions_posted_at_once_one_wins_and_49_get_409() {
    let server = TestServer::start(&[("HASHPASS_VERIFY_WORKERS", "3")]).await;
    let clients = join_all((0..50).map(|_| server.client_with_session())).await;
    let puzzle = clients[0].puzzle().await;
    let solutions = join_all(clients.iter().map(|client| client.solve(&puzzle))).await;
    let attempts = clients.iter().zip(&solutions).map(|(client, solution)| async {
        let response = client.verify(solution).await;
        let status = response.status().as_u16();
        (status, response.json::<Value>().await.unwrap())
    });
    let outcomes = join_all(attempts).await;
    assert_eq!(outcomes.iter().filter(|(status, _)| *status == 200).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|(status, _)| *status == 409).count(), 49, "{outcomes:?}");
    for (_, loser) in outcomes.iter().filter(|(status, _)| *status == 409) {
        assert_eq!((&loser["code"], &loser["round"]), (&json!("puzzle_already_solved"), &json!(2)));
        assert_ne!(loser["seed"], puzzle["seed"], "a loser must be told the new seed");
    }
}

#[tokio::test]
async fn bad_submissions_get_the_documented_status_and_code() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;
    let puzzle = client.puzzle().await;
    let good = client.solve(&puzzle).await;
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let table = [
        (with("visitorId", json!("short")), 400, "malformed", "visitorId"),
        (with("visitorId", json!("<script>alert(1)</script>")), 400, "malformed", "visitorId"),
        (with("visitorId", json!(5)), 400, "malformed", "visitorId"),
        (with("nonce", json!(-1)), 400, "malformed", "nonce"),
        (with("nonce", json!(1.5)), 400, "malformed", "nonce"),
        (with("nonce", json!("1")), 400, "malformed", "nonce"),
        (with("nonce", json!(9_007_199_254_740_992_u64)), 400, "malformed", "nonce"),
        (with("submittedSeed", json!("AB".repeat(16))), 400, "malformed", "seed"),
        (with("submittedSeed", json!("ab")), 400, "malformed", "seed"),
        (with("traceData", json!("")), 400, "malformed", "traceData"),
        (with("traceData", json!("é".repeat(1025))), 400, "malformed", "traceData"),
        (with("hash", json!("zz")), 400, "malformed", "hash"),
        (with("hash", Value::Null), 400, "malformed", "hash"),
        (with("traceData", json!("fl=1\nip=127.0.0.2\n")), 403, "identity_mismatch", "Identity mismatch"),
        (with("traceData", json!("fl=1\nip=127.0.0.11\n")), 403, "identity_mismatch", ""),
        (with("traceData", json!("fl=1\nip=127.0.0.1\nip=127.0.0.1\n")), 403, "identity_mismatch", ""),
        (with("traceData", json!("nothing here")), 403, "identity_mismatch", ""),
        (with("submittedSeed", json!("0".repeat(32))), 409, "puzzle_already_solved", "someone else"),
        (with("hash", json!("f".repeat(64))), 400, "below_difficulty", ""),
        (with("hash", json!(puzzle["target"])), 400, "below_difficulty", ""),
    ];
    for (body, status, code, part) in table {
        let response = client.verify(&body).await;
        assert_eq!(response.headers()["content-type"], "application/json", "{body}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let got_status = response.status().as_u16();
        let error: Value = response.json().await.unwrap();
        assert_eq!((got_status, &error["code"]), (status, &json!(code)), "{body} -> {error}");
        assert!(error["detail"].as_str().unwrap().contains(part), "{error}");
    }
    for raw in ["", "{", "[]", "null", "\"text\"", "{\"visitorId\":\"visitor-1\"}", "\u{0}"] {
        let response = client.post_raw("/api/verify", raw).await;
        assert_eq!(status_and_code(response).await, (400, "malformed".into()), "{raw:?}");
    }

    // A false hash is the only lie that costs us anything, and the liar waits.
    let response = client.verify(&with("hash", json!("0".repeat(64)))).await;
    assert_eq!(status_and_code(response).await, (400, "hash_mismatch".into()));
    let response = client.verify(&good).await;
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(status_and_code(response).await, (429, "too_many_submissions".into()));

    // The visitor id of the session is fixed by now; nothing above was lost.
    let response = client.verify(&with("visitorId", json!("visitor-other"))).await;
    assert_eq!(status_and_code(response).await, (403, "visitor_mismatch".into()));
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(client.verify(&good).await.status(), 200);
}

#[tokio::test]
async fn missing_fields_are_named() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;
    let good = client.solve(&client.puzzle().await).await;
    for field in ["visitorId", "nonce", "submittedSeed", "traceData", "hash"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(field);
        let error: Value = client.verify(&body).await.json().await.unwrap();
        assert_eq!(error["code"], "malformed");
        assert!(error["detail"].as_str().unwrap().contains(field), "{error}");
    }
}

#[tokio::test]
async fn who_has_not_passed_the_check_may_not_take_part() {
    let server = TestServer::start(&[]).await;
    let nobody = server.client();
    for path in ["/api/puzzle", "/api/wins"] {
        let response = nobody.get(path).await;
        let error: Value = response.json().await.unwrap();
        assert_eq!(error["code"], "missing_token", "{path}");
        assert_eq!(error["detail"], "Missing Turnstile token in Authorization header");
    }
    let well_formed = json!({
        "visitorId": "visitor-1", "nonce": 1, "submittedSeed": "0".repeat(32), "traceData": "ip=127.0.0.1\n",
        "hash": "0".repeat(64)
    });
    assert_eq!(status_and_code(nobody.verify(&well_formed).await).await, (403, "missing_token".into()));
    // Malformed comes first, and a body that is too large before that.
    assert_eq!(status_and_code(nobody.post_raw("/api/verify", "{").await).await, (400, "malformed".into()));
    let large = format!("{{\"visitorId\":\"{}\"}}", "x".repeat(9000));
    assert_eq!(status_and_code(nobody.post_raw("/api/verify", &large).await).await, (413, "body_too_large".into()));
    let forged = nobody.http.get(nobody.url("/api/puzzle")).header("cookie", format!("neoirc_auth={}", "0".repeat(64)));
    assert_eq!(forged.send().await.unwrap().status(), 403);
    for token in ["", " "] {
        let response = nobody.http.get(nobody.url("/api/puzzle")).header("authorization", format!("Bearer {token}"));
        assert_eq!(response.send().await.unwrap().status(), 403);
    }
}

#[tokio::test]
async fn a_bearer_token_stands_for_a_session() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_bearer("any-token");
    let solution = client.solve(&client.puzzle().await).await;
    assert_eq!(client.verify(&solution).await.status(), 200);
    let wins: Value = client.get("/api/wins").await.json().await.unwrap();
    assert_eq!(wins.as_array().unwrap().len(), 1);
    let other = server.client_with_bearer("another-token");
    assert_eq!(other.get("/api/wins").await.json::<Value>().await.unwrap(), json!([]));
}

#[tokio::test]
async fn a_session_is_a_cookie_with_the_right_attributes() {
    let server = TestServer::start(&[]).await;
    let client = server.client();
    let response = client.post_raw("/api/session", r#"{"turnstileToken":"test"}"#).await;
    assert_eq!(response.status(), 200);
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["neoirc_auth=", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "plain HTTP");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["verified"], true);
    assert!(!body.to_string().contains(&cookie["neoirc_auth=".len()..][..64]), "the token must not be in the body");

    for (body, status, code) in [
        ("{}", 403, "missing_token"),
        (r#"{"turnstileToken":""}"#, 403, "missing_token"),
        (r#"{"turnstileToken":5}"#, 400, "malformed"),
        ("nonsense", 400, "malformed"),
    ] {
        let response = client.post_raw("/api/session", body).await;
        assert!(!response.headers().contains_key("set-cookie"));
        assert_eq!(status_and_code(response).await, (status, code.into()), "{body}");
    }
}

#[tokio::test]
async fn other_sites_and_other_content_types_are_refused() {
    let server = TestServer::start(&[]).await;
    let client = server.client();
    let post = |headers: &[(&'static str, &str)]| {
        let mut request = client.http.post(client.url("/api/session")).body(r#"{"turnstileToken":"test"}"#);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        async move {
            let response = request.send().await.unwrap();
            if response.status() == 200 { (200, String::new()) } else { status_and_code(response).await }
        }
    };
    let json = ("content-type", "application/json");
    assert_eq!(post(&[json, ("sec-fetch-site", "cross-site")]).await, (403, "cross_site".into()));
    assert_eq!(post(&[json, ("origin", "https://evil.test")]).await, (403, "cross_site".into()));
    assert_eq!(post(&[("content-type", "text/plain")]).await, (415, "unsupported_media_type".into()));
    assert_eq!(post(&[]).await, (415, "unsupported_media_type".into()));
    assert_eq!(post(&[("content-type", "application/x-www-form-urlencoded")]).await.0, 415);
    let own_origin = client.url("").trim_end_matches('/').to_owned();
    assert_eq!(post(&[("content-type", "application/json; charset=utf-8"), ("origin", &own_origin)]).await.0, 200);
}

#[tokio::test]
async fn the_api_answers_json_whatever_is_asked() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;
    assert_eq!(status_and_code(client.get("/api/nothing").await).await, (404, "not_found".into()));
    assert_eq!(status_and_code(client.get("/api/verify").await).await, (405, "method_not_allowed".into()));
    assert_eq!(status_and_code(client.post_raw("/api/puzzle", "{}").await).await, (405, "method_not_allowed".into()));
    // A browser's form post would be redirected by the framework.
    let response = client
        .http
        .post(client.url("/api/verify"))
        .header("content-type", "application/json")
        .header("accept", "text/html")
        .header("referer", client.url("/"))
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(status_and_code(response).await, (400, "malformed".into()));
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let server = TestServer::start(&[]).await;
    let client = server.client();
    for path in ["/", "/api/health", "/api/nothing", "/cdn-cgi/trace", "/nothing"] {
        let response = client.get(path).await;
        for name in ["content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy"] {
            assert!(response.headers().contains_key(name), "{path} lacks {name}");
        }
    }
    let page = client.get("/").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("'nonce-") && policy.contains("worker-src 'self'") && !policy.contains("unsafe-inline"));
    assert!(!policy.contains("blob:"), "{policy}");
}

#[tokio::test]
async fn the_page_lets_in_the_human_check_in_production_alone() {
    let production = [
        ("TURNSTILE_TEST_MODE", "false"),
        ("TURNSTILE_SITE_KEY", "site-key"),
        ("TURNSTILE_SECRET_KEY", "secret-key"),
        ("TURNSTILE_SCRIPT_URL", "https://check.example:8443/v0/api.js"),
    ];
    let server = TestServer::start(&production).await;
    let page = server.client().get("/").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let directive = |name: &str| policy.split("; ").find(|directive| directive.starts_with(name)).map(str::to_owned);
    assert_eq!(directive("frame-src").unwrap(), "frame-src https://check.example:8443");
    assert!(directive("script-src").unwrap().ends_with(" 'wasm-unsafe-eval' https://check.example:8443"), "{policy}");
    assert_eq!(policy.matches("check.example").count(), 2, "{policy}");
    let text = page.text().await.unwrap();
    assert!(text.contains("render=explicit") && !text.contains("secret-key"));
    assert!(text.contains(r#"data-check="loading""#), "its room is kept from the first sight on");
    let config: Value = server.client().get("/api/turnstile/config").await.json().await.unwrap();
    assert_eq!(config, json!({"siteKey": "site-key", "testMode": false}));
    for path in ["/api/health", "/nothing"] {
        let other = server.client().get(path).await;
        let policy = other.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(!policy.contains("check.example"), "{path}: {policy}");
    }

    let test_mode = TestServer::start(&[("TURNSTILE_SCRIPT_URL", "https://check.example/api.js")]).await;
    let page = test_mode.client().get("/").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(!policy.contains("check.example") && !policy.contains("frame-src"), "{policy}");
    assert!(!page.text().await.unwrap().contains("check.example"));
}

#[tokio::test]
async fn a_human_check_that_cannot_be_asked_lets_nobody_in() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/siteverify", listener.local_addr().unwrap());
    drop(listener);
    let production = [
        ("TURNSTILE_TEST_MODE", "false"),
        ("TURNSTILE_SITE_KEY", "site-key"),
        ("TURNSTILE_SECRET_KEY", "secret-key"),
        ("TURNSTILE_VERIFY_URL", url.as_str()),
    ];
    let server = TestServer::start(&production).await;
    let response = server.client().post_raw("/api/session", r#"{"turnstileToken":"a-token"}"#).await;
    assert!(!response.headers().contains_key("set-cookie"));
    assert_eq!(response.headers()["retry-after"], "10");
    assert_eq!(status_and_code(response).await, (503, "turnstile_unavailable".into()));
    let bearer = server.client_with_bearer("a-token");
    assert_eq!(status_and_code(bearer.get("/api/puzzle").await).await, (503, "turnstile_unavailable".into()));
    let mut socket = server.client().socket_with_token("a-token").await;
    assert_eq!(socket.next_json().await["code"], "turnstile_unavailable");
    assert_eq!(socket.close_code().await, CloseCode::Policy);
}

#[tokio::test]
async fn the_page_is_readable_before_any_script_runs() {
    let server = TestServer::start(&[("HASHPASS_DIFFICULTY", "2")]).await;
    let page = server.client().get("/").await.text().await.unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"), "{}", &page[..100]);
    assert!(page.contains("HashPass") && page.contains("256"), "one in 256 tries wins");
    assert!(!page.contains("style=\""), "the policy forbids inline styles");
}

#[tokio::test]
async fn health_tells_whether_the_parts_work() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;
    let response = client.get("/api/health").await;
    assert_eq!(response.status(), 200);
    let health: Value = response.json().await.unwrap();
    let seed = client.puzzle().await["seed"].as_str().unwrap().to_owned();
    assert_eq!(
        health,
        json!({"status": "ok", "current_seed": format!("{}...", &seed[..8]), "round": 1,
               "checks": {"verifier": "ok", "audit": "ok"}})
    );
}

#[tokio::test]
async fn the_trace_says_what_the_server_will_compare() {
    let server = TestServer::start(&[("HASHPASS_TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let client = server.client();
    for path in ["/api/dev/trace", "/cdn-cgi/trace"] {
        let response = client
            .http
            .get(client.url(path))
            .header("x-forwarded-for", "203.0.113.9")
            .header("user-agent", "nasty\tip=6.6.6.6")
            .send()
            .await
            .unwrap();
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
        let trace = response.text().await.unwrap();
        let lines: Vec<&str> = trace.lines().collect();
        assert_eq!(lines.iter().filter(|line| line.starts_with("ip=")).collect::<Vec<_>>(), [&"ip=203.0.113.9"]);
        for key in [
            "fl",
            "h",
            "ts",
            "visit_scheme",
            "uag",
            "colo",
            "sliver",
            "http",
            "loc",
            "tls",
            "sni",
            "warp",
            "gateway",
            "rbi",
            "kex",
        ] {
            assert!(lines.iter().any(|line| line.starts_with(&format!("{key}="))), "{key}");
        }
        assert!(lines.contains(&"colo=DEV"));
    }
    // Not believed from anybody who is not a proxy.
    let server = TestServer::start(&[]).await;
    let client = server.client();
    let trace = client.http.get(client.url("/cdn-cgi/trace")).header("x-forwarded-for", "203.0.113.9");
    assert!(trace.send().await.unwrap().text().await.unwrap().contains("ip=127.0.0.1\n"));
}

#[tokio::test]
async fn the_full_queue_answers_503_with_retry_after() {
    // A quarter of a second per hash, one thread, one place to wait.
    let server = TestServer::start(&[
        ("HASHPASS_VERIFY_WORKERS", "1"),
        ("HASHPASS_VERIFY_QUEUE", "1"),
        ("HASHPASS_ARGON2_MEMORY_COST", "65536"),
        ("HASHPASS_ARGON2_TIME_COST", "3"),
    ])
    .await;
    let clients = join_all((0..8).map(|_| server.client_with_session())).await;
    let puzzle = clients[0].puzzle().await;
    let lie = json!({
        "visitorId": "visitor-1", "nonce": 1, "submittedSeed": puzzle["seed"],
        "traceData": "ip=127.0.0.1\n", "hash": "0".repeat(64)
    });
    let outcomes = join_all(clients.iter().map(|client| async {
        let response = client.verify(&lie).await;
        let retry = response.headers().contains_key("retry-after");
        let (status, code) = status_and_code(response).await;
        (status, code, retry)
    }))
    .await;
    let busy = (503, "verification_busy".to_owned(), true);
    assert!(outcomes.contains(&busy), "{outcomes:?}");
    assert!(outcomes.contains(&(400, "hash_mismatch".to_owned(), false)), "{outcomes:?}");
}

#[tokio::test]
async fn a_session_may_have_one_submission_in_flight() {
    let server = TestServer::start(&[
        ("HASHPASS_VERIFY_WORKERS", "1"),
        ("HASHPASS_ARGON2_MEMORY_COST", "65536"),
        ("HASHPASS_ARGON2_TIME_COST", "3"),
    ])
    .await;
    let client = server.client_with_session().await;
    let lie = json!({
        "visitorId": "visitor-1", "nonce": 1, "submittedSeed": client.puzzle().await["seed"],
        "traceData": "ip=127.0.0.1\n", "hash": "0".repeat(64)
    });
    let outcomes = join_all((0..4).map(|_| async { status_and_code(client.verify(&lie).await).await })).await;
    assert_eq!(outcomes.iter().filter(|(status, _)| *status == 429).count(), 3, "{outcomes:?}");
}

// ------------------------------------------------------------- live messages

#[tokio::test]
async fn the_first_message_is_the_whole_state() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;
    let mut socket = client.socket().await;
    let first = socket.next_json().await;
    let puzzle = client.puzzle().await;
    assert_eq!(first["type"], "PUZZLE");
    for field in ["round", "seed", "difficulty", "target", "memory_cost", "time_cost", "parallelism"] {
        assert_eq!(first[field], puzzle[field], "{field}");
    }
    assert_eq!((&first["online"], &first["active_miners"]), (&json!(1), &json!(0)));
    assert!(first["mining_time"].is_number() && first["total_hashrate"].is_number());
}

#[tokio::test]
async fn a_win_resets_everybody_at_once() {
    let server = TestServer::start(&[]).await;
    let winner = server.client_with_session().await;
    let watcher = server.client_with_bearer("watcher");
    let mut sockets = [winner.socket().await, watcher.socket_with_token("watcher").await];
    let puzzle = winner.puzzle().await;
    let solution = winner.solve(&puzzle).await;
    assert_eq!(winner.verify(&solution).await.status(), 200);
    for socket in &mut sockets {
        let reset = socket.next_of("PUZZLE_RESET").await;
        assert_eq!((&reset["round"], &reset["reason"]), (&json!(2), &json!("solved")));
        assert_ne!(reset["seed"], puzzle["seed"]);
        assert!(reset["solve_time"].is_number());
        assert_eq!(reset["clock_running"], false, "nobody has said that they mine");
        for field in ["difficulty", "target", "memory_cost", "time_cost", "parallelism"] {
            assert!(!reset[field].is_null(), "{field}");
        }
    }
}

#[tokio::test]
async fn an_unsolved_round_ends_after_its_mining_time_and_everybody_hears_of_it() {
    let server = TestServer::start(&[
        ("HASHPASS_DIFFICULTY", "6"),
        ("HASHPASS_TARGET_TIME_MIN", "0.1"),
        ("HASHPASS_TARGET_TIME_MAX", "0.5"),
    ])
    .await;
    let client = server.client_with_session().await;
    let mut socket = client.socket().await;
    socket.say(r#"{"type":"mining_start"}"#).await;
    let reset = socket.next_of("PUZZLE_RESET").await;
    assert_eq!((&reset["reason"], &reset["solve_time"]), (&json!("timeout"), &Value::Null));
    assert_eq!(reset["difficulty"], 5);
}

#[tokio::test]
async fn figures_follow_what_miners_say() {
    let server = TestServer::start(&[("HASHPASS_DIFFICULTY", "6")]).await;
    let client = server.client_with_session().await;
    let mut socket = client.socket().await;
    socket.say("ping").await;
    assert_eq!(socket.next_of("PONG").await, json!({"type": "PONG", "online": 1}));
    socket.say(r#"{"type":"mining_start"}"#).await;
    socket.say(r#"{"type":"hashrate","payload":{"rate":123.5}}"#).await;
    let figures = loop {
        let figures = socket.next_of("NETWORK_HASHRATE").await;
        // They may be gathered between the two messages.
        if figures["total_hashrate"] != 0.0 {
            break figures;
        }
    };
    assert_eq!((&figures["total_hashrate"], &figures["active_miners"]), (&json!(123.5), &json!(1)));
    assert_eq!(figures["online"], 1);
    // Whoever comes in is told what everybody knows, and how many there are now.
    let first = client.socket().await.next_of("PUZZLE").await;
    assert_eq!((&first["total_hashrate"], &first["active_miners"]), (&json!(123.5), &json!(1)));
    assert_eq!(first["online"], 2);
    assert!(1e9 < figures["timestamp"].as_f64().unwrap());
    let puzzle = client.puzzle().await;
    assert_eq!(puzzle["clock_running"], true);
    assert!(0.0 < puzzle["mining_time"].as_f64().unwrap());
    drop(socket);
    // The clock stops with the last miner, however it leaves.
    loop {
        if client.puzzle().await["clock_running"] == false {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn bad_messages_are_answered_and_the_connection_lives() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;
    let mut socket = client.socket().await;
    for (message, code) in [
        ("nonsense", "unknown_message"),
        (r#"{"type":"admin"}"#, "unknown_message"),
        (r#"{"type":"hashrate","payload":{"rate":-5}}"#, "bad_hashrate"),
        (r#"{"type":"hashrate","payload":{"rate":1e300}}"#, "bad_hashrate"),
    ] {
        socket.say(message).await;
        let error = socket.next_of("ERROR").await;
        assert_eq!(error["code"], code, "{message}");
    }
    socket.stream.send(Message::Binary(vec![1, 2, 3].into())).await.unwrap();
    assert_eq!(socket.next_of("ERROR").await["code"], "unknown_message");
    socket.say("ping").await;
    assert_eq!(socket.next_of("PONG").await["online"], 1);
}

#[tokio::test]
async fn connections_that_misbehave_are_closed_with_the_right_code() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;

    let mut nobody = server.client().socket().await;
    let rejected = nobody.next_json().await;
    assert_eq!((&rejected["type"], &rejected["code"]), (&json!("REJECTED"), &json!("missing_token")));
    assert_eq!(nobody.close_code().await, CloseCode::Policy);

    let mut loud = client.socket().await;
    loud.say(&"x".repeat(4097)).await;
    assert_eq!(loud.close_code().await, CloseCode::Size);
    let mut louder = client.socket().await;
    louder.say(&"x".repeat(100_000)).await;
    assert_eq!(louder.close_code().await, CloseCode::Size);

    let mut hasty = client.socket().await;
    for _ in 0..60 {
        if hasty.stream.send(Message::Text("ping".into())).await.is_err() {
            break;
        }
    }
    assert_eq!(hasty.close_code().await, CloseCode::Policy);

    let mut foreign = client.socket_url().into_client_request().unwrap();
    foreign.headers_mut().insert("origin", "https://evil.test".parse().unwrap());
    assert!(tokio_tungstenite::connect_async(foreign).await.is_err());
}

#[tokio::test]
async fn stopping_closes_connections_with_1012_and_ends() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;
    let mut socket = client.socket().await;
    socket.next_of("PUZZLE").await;
    let stopped = server.stop();
    assert_eq!(socket.close_code().await, CloseCode::Restart);
    stopped.await;
}

#[tokio::test]
async fn a_reader_that_never_reads_delays_no_winner() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;
    let mut deaf = Vec::new();
    for _ in 0..20 {
        deaf.push(client.socket().await);
    }
    for round in 1..=3 {
        let solution = client.solve(&client.puzzle().await).await;
        let won: Value = client.verify(&solution).await.json().await.unwrap();
        assert_eq!(won["round"], round);
    }
    // Whoever comes back to reading finds the newest state.
    let mut last = deaf.pop().unwrap();
    while last.next_of("PUZZLE_RESET").await["round"] != 4 {}
}

#[tokio::test]
async fn the_page_comes_in_the_visitors_language() {
    let server = TestServer::start(&[]).await;
    let client = server.client();
    // path, Accept-Language, cookie: language
    let table: &[(&str, &[u8], &[u8], &str)] = &[
        ("/", b"", b"", "en"),
        ("/", b"zh-CN,zh;q=0.9,en;q=0.8", b"", "zh-Hans"),
        ("/", b"en-US,zh;q=0.5", b"", "en"),
        ("/", b"en", b"hashpass_language=zh-Hans", "zh-Hans"),
        ("/", b"zh", b"hashpass_language=en", "en"),
        ("/?language=en", b"zh", b"hashpass_language=zh-Hans", "en"),
        ("/", b"zh;q=\"><script>alert(1)</script>", b"hashpass_language=\"><script>alert(1)</script>", "en"),
        ("/", b"\xff\xfe,zh", b"hashpass_language=\xff", "en"),
        ("/?language=%22%3E%3Cscript%3E%0d%0aset-cookie:%20a=b", b"zh", b"", "zh-Hans"),
        ("/nothing", b"zh", b"", "zh-Hans"),
        ("/nothing", b"zh", b"hashpass_language=en", "en"),
    ];
    for (path, wish, cookie, language) in table {
        let value = |bytes: &[u8]| reqwest::header::HeaderValue::from_bytes(bytes).unwrap();
        let request = client.http.get(client.url(path));
        let request = request.header("accept-language", value(wish)).header("cookie", value(cookie));
        let response = request.send().await.unwrap();
        let case = format!("{path} {}", String::from_utf8_lossy(wish));
        assert_eq!(response.status(), if *path == "/nothing" { 404 } else { 200 }, "{case}");
        assert_eq!(response.headers()["vary"], "accept-language, cookie", "{case}");
        assert_eq!(response.headers()["content-language"], *language, "{case}");
        let remembered = response.headers().get("set-cookie").map(|line| line.to_str().unwrap().to_owned());
        let expected = (*path == "/?language=en")
            .then(|| "hashpass_language=en; Path=/; Max-Age=31536000; SameSite=Lax".to_owned());
        assert_eq!(remembered, expected, "{case}");
        let page = response.text().await.unwrap();
        assert!(page.contains(&format!("<html lang=\"{language}\">")), "{case}");
        assert!(!page.contains("alert(1)"), "{case}");
        if *path != "/nothing" {
            let (title, notice) = match *language {
                "en" => ("A fair race for invite codes · HashPass", "Taking part needs JavaScript"),
                _ => ("公平的邀请码竞赛 · HashPass", "参与竞赛需要 JavaScript"),
            };
            assert!(page.contains(&format!("<title>{title}</title>")) && page.contains(notice), "{case}");
        }
    }
}
