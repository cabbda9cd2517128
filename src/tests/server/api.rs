//! What holds for all answers, and the routes that tell about the server.

use crate::support::{TestServer, status_and_code};
use serde_json::{Value, json};

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
               "checks": {"verifier": "ok", "audit": "ok", "storage": "ok"}})
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
