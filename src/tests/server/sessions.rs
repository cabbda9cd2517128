//! Who may take part, and how a session is opened and recognised.

use crate::support::{TestServer, status_and_code};
use serde_json::{Value, json};
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
