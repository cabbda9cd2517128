//! Who may take part, and how a session is opened and recognised.

use crate::support::{Client, TestServer, process::ServerProcess, status_and_code};
use axum::{Json, Router, routing::post};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

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
async fn a_good_cookie_is_answered_with_its_own_session() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;
    let first = client.post_raw("/api/session", r#"{"turnstileToken":"test"}"#).await;
    let again = client.post_raw("/api/session", "{}").await;
    let mut ids = Vec::new();
    for response in [first, again] {
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("set-cookie"));
        ids.push(response.json::<Value>().await.unwrap()["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    // One that was refused somewhere gets a successor.
    let renewed = client.post_raw("/api/session", r#"{"turnstileToken":"test","renew":true}"#).await;
    assert!(renewed.headers().contains_key("set-cookie"));
    assert_ne!(renewed.json::<Value>().await.unwrap()["id"], ids[0]);
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
async fn a_human_check_that_cannot_be_asked_lets_nobody_in() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
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

/// A human check that says the same whatever it is asked.
async fn human_check(answer: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/siteverify", listener.local_addr().unwrap());
    let app = Router::new().route("/siteverify", post(async move || Json(answer.clone())));
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

fn in_production(url: &str) -> [(&str, &str); 5] {
    [
        ("TURNSTILE_TEST_MODE", "false"),
        ("TURNSTILE_SITE_KEY", "site-key"),
        ("TURNSTILE_SECRET_KEY", "secret-key"),
        ("TURNSTILE_VERIFY_URL", url),
        ("HASHPASS_HMAC_SECRET", "f3a91c07d25be8460f7e2b9d8c61a354"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_and_what_was_given_for_it_outlive_a_crash_together() {
    // It would take every token again.
    let url = human_check(json!({"success": true})).await;
    let directory = tempfile::tempdir().unwrap();
    let start = || ServerProcess::start(directory.path(), &in_production(&url));
    let open = async |client: &Client, token: &str| {
        client.post_raw("/api/session", &json!({"turnstileToken": token}).to_string()).await
    };
    let server = start();
    let response = open(&server.client(), "token-1").await;
    let cookie = response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(server.client().with_bearer("token-2").get("/api/puzzle").await.status(), 200);
    server.kill();

    let server = start();
    let client = server.client();
    let puzzle = client.http.get(client.url("/api/puzzle")).header("cookie", cookie);
    assert_eq!(puzzle.send().await.unwrap().status(), 200, "the cookie is good");
    assert_eq!(
        server.client().with_bearer("token-2").get("/api/puzzle").await.status(),
        200,
        "it stands for a session"
    );
    for token in ["token-1", "token-2"] {
        let refused: Value = open(&client, token).await.json().await.unwrap();
        assert_eq!(
            (&refused["code"], &refused["error-codes"][0]),
            (&json!("turnstile_failed"), &json!("timeout-or-duplicate"))
        );
    }
    assert_eq!(open(&client, "token-3").await.status(), 200);
    server.kill();
}

#[tokio::test]
async fn a_secret_key_that_the_human_check_does_not_know_is_no_good_health() {
    for (code, status, word) in [("invalid-input-response", 200, "ok"), ("invalid-input-secret", 503, "failed")] {
        let url = human_check(json!({"success": false, "error-codes": [code]})).await;
        let server = TestServer::start(&in_production(&url)).await;
        let client = server.client();
        // Nobody has come with a token.
        while client.get("/api/health").await.status() != status {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let health: Value = client.get("/api/health").await.json().await.unwrap();
        assert_eq!(health["checks"]["human_check"], word);
    }
}
