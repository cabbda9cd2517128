//! Through what a request comes: proxies with and without TLS, and clients that send
//! what the server does not take.

use super::limits::PROXY;
use crate::support::{TestServer, tls_proxy::TlsProxy};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const FORWARDED: &str = "X-Forwarded-For: 203.0.113.7:4711\r\nX-Forwarded-Proto: https,http\r\n";

/// The value of a header in a raw answer.
fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = answer.split_once("\r\n\r\n")?;
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: race.test\r\nconnection: close\r\n\r\n")
}

fn post(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: race.test:443\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn behind_tls_browsers_are_told_to_insist_on_it() {
    const HSTS: &str = "strict-transport-security";
    let server = TestServer::start(&[PROXY]).await;
    let proxy = TlsProxy::start(server.address(), FORWARDED).await;
    let long = format!("/api/health?{}", "a".repeat(9000));
    for path in ["/", "/lobby", "/api/health", "/api/puzzle", "/api/nothing", "/api/v1/server", "/nothing", &*long] {
        let answer = proxy.exchange(&get(path)).await;
        assert_eq!(header(&answer, HSTS), Some("max-age=31536000"), "{path}");
    }
    let trace = proxy.exchange(&get("/cdn-cgi/trace")).await;
    assert!(trace.contains("\nip=203.0.113.7\n") && trace.contains("visit_scheme=https"), "{trace}");
    // Without TLS it would mean nothing.
    assert!(!server.client().get("/api/health").await.headers().contains_key(HSTS));

    for (setting, expected) in [("off", None), ("60; includeSubDomains", Some("max-age=60; includeSubDomains"))] {
        let server = TestServer::start(&[PROXY, ("HASHPASS_HSTS", setting)]).await;
        let proxy = TlsProxy::start(server.address(), FORWARDED).await;
        assert_eq!(header(&proxy.exchange(&get("/api/health")).await, HSTS), expected);
    }
    // Whoever is no trusted proxy says nothing of TLS.
    let server = TestServer::start(&[]).await;
    let proxy = TlsProxy::start(server.address(), FORWARDED).await;
    assert_eq!(header(&proxy.exchange(&get("/api/health")).await, HSTS), None);
}

#[tokio::test]
async fn behind_tls_the_cookie_is_the_hosts_own() {
    let server = TestServer::start(&[PROXY]).await;
    let proxy = TlsProxy::start(server.address(), FORWARDED).await;
    let headers = "content-type: application/json\r\norigin: https://race.test\r\n";
    let answer = proxy.exchange(&post("/api/session", headers, r#"{"turnstileToken":"test"}"#)).await;
    let cookie = header(&answer, "set-cookie").unwrap_or_else(|| panic!("{answer}"));
    assert!(cookie.starts_with("__Host-neoirc_auth=") && cookie.contains("; Secure"), "{cookie}");
    assert!(cookie.contains("; Path=/;") && !cookie.contains("Domain"), "{cookie}");
    let good = cookie.split(';').next().unwrap();
    // A sibling domain's cookie of the plain name changes nothing, and neither does one
    // that is no text.
    let forged = format!("neoirc_auth={}", "0".repeat(64));
    let request = get("/api/puzzle").replace("\r\n\r\n", &format!("\r\ncookie: a=\u{fc}; {forged}; {good}\r\n\r\n"));
    let answer = proxy.exchange(&request).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // A page of another origin is refused still.
    for origin in ["https://evil.test", "http://race.test", "https://race.test:444"] {
        let headers = format!("content-type: application/json\r\norigin: {origin}\r\n");
        let answer = proxy.exchange(&post("/api/session", &headers, r#"{"turnstileToken":"test"}"#)).await;
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("cross_site"), "{origin}: {answer}");
    }
}

#[tokio::test]
async fn whatever_fails_under_api_says_so_in_json() {
    let server = TestServer::start(&[]).await;
    let client = server.client();
    for (method, path, status, code) in [
        ("GET", "/api/ws", 400, "malformed"),
        ("GET", "/ws", 400, "malformed"),
        ("GET", "/api/ws?token=a&token=b", 400, "malformed"),
        ("GET", "/api/v1/channels/%FF/members", 400, "malformed"),
        ("GET", "/api/v1/%FF", 404, "not_found"),
        ("GET", "/api/nothing", 404, "not_found"),
        ("GET", "/api/", 404, "not_found"),
        ("GET", "/api", 404, "not_found"),
        ("DELETE", "/api", 404, "not_found"),
        ("GET", "/api/verify", 405, "method_not_allowed"),
    ] {
        let response = client.http.request(method.parse().unwrap(), client.url(path)).send().await.unwrap();
        assert_eq!((response.status().as_u16(), path), (status, path));
        assert_eq!(response.headers()["content-type"], "application/json", "{method} {path}");
        let error: Value = response.json().await.unwrap();
        assert_eq!(error["code"], code, "{method} {path}");
        assert!(error["detail"].is_string(), "{method} {path}");
    }
}

/// Sends a whole request, as a proxy does that has buffered it, and reads only then.
async fn send_then_read(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.expect("the server reads along");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the connection is not reset");
    answer
}

#[tokio::test]
async fn a_body_that_is_not_wanted_is_read_along_so_that_the_answer_arrives() {
    let server = TestServer::start(&[]).await;
    for size in [9_000, 60_000, 300_000, 900_000] {
        let body = "x".repeat(size);
        for _ in 0..3 {
            for (path, headers, expected) in [
                ("/api/verify", "content-type: application/json\r\n", "HTTP/1.1 413"),
                ("/api/v1/messages", "content-type: application/json\r\n", "HTTP/1.1 413"),
                ("/api/verify", "content-type: text/plain\r\n", "HTTP/1.1 415"),
                ("/api/verify", "content-type: application/json\r\norigin: https://evil.test\r\n", "HTTP/1.1 403"),
            ] {
                let answer = send_then_read(server.address(), &post(path, headers, &body)).await;
                assert!(answer.starts_with(expected), "{size} bytes to {path}: {answer}");
                assert!(answer.contains("\"code\""), "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn the_live_connection_has_an_older_name() {
    let server = TestServer::start(&[]).await;
    let url = format!("ws://{}/ws?token=any", server.address());
    let (mut stream, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let first = futures::StreamExt::next(&mut stream).await.unwrap().unwrap().into_text().unwrap();
    assert_eq!(serde_json::from_str::<Value>(&first).unwrap()["type"], json!("PUZZLE"));
}
