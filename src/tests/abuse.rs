//! What a client that asks for too much, or leaves things half done, gets; and
//! that the others do not notice.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end where it finds a surprise")]

mod support;

use axum::{Json, Router, extract::State, routing::post};
use futures::{StreamExt, future::join_all};
use hashpass::config::Config;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use support::{Client, TestServer, status_and_code};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::tungstenite::{self, protocol::frame::coding::CloseCode};

/// Everybody comes through a proxy, which names their addresses.
const PROXY: (&str, &str) = ("HASHPASS_TRUSTED_PROXIES", "127.0.0.1");

/// Limits that pass while a test waits.
fn hasty(config: &mut Config) {
    config.connections.head = Duration::from_millis(300);
    config.connections.idle = Duration::from_millis(700);
    config.connections.stall = Duration::from_millis(500);
    config.connections.grace = Duration::from_secs(1);
}

/// All that the server sends until it closes, even if it closes by a reset.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut part).await {
        answer.extend_from_slice(&part[..length]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// What a raw request is answered with.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(request.as_bytes()).await;
    read_to_end(&mut stream).await
}

/// Writes single bytes until the server has closed the connection.
async fn drip(stream: TcpStream, head: &str) {
    let (mut reader, mut writer) = stream.into_split();
    writer.write_all(head.as_bytes()).await.unwrap();
    let closed = async { while let Ok(1..) = reader.read(&mut [0; 64]).await {} };
    let writing = async {
        while writer.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = closed => {}
        () = writing => {}
    }
}

/// The status, the code, and whether a retry is invited.
async fn outcome(response: reqwest::Response) -> (u16, String, bool) {
    let invited = response.headers().get("retry-after").is_some_and(|seconds| {
        let seconds: u64 = seconds.to_str().unwrap().parse().unwrap();
        0 < seconds && seconds <= 3600
    });
    if response.status() == 200 {
        return (200, String::new(), invited);
    }
    let (status, code) = status_and_code(response).await;
    (status, code, invited)
}

fn too_many(code: &str) -> (u16, String, bool) {
    (429, code.to_owned(), true)
}

async fn open_session(client: &Client, token: &str) -> (u16, String, bool) {
    outcome(client.post_raw("/api/session", &json!({"turnstileToken": token}).to_string()).await).await
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let server = TestServer::start_with(&[], hasty).await;
    for head in ["", "GET / HT", "GET /api/health HTTP/1.1\r\nhost: a\r\nx-drip: "] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(read_to_end(&mut stream).await, "", "{head:?}");
    }
    drip(TcpStream::connect(server.address()).await.unwrap(), "GET / HTTP/1.1\r\nhost: a\r\nx-drip: ").await;
}

#[tokio::test]
async fn a_connection_is_kept_between_requests_for_a_while_only() {
    let server = TestServer::start_with(&[], |config| {
        hasty(config);
        config.connections.idle = Duration::from_secs(3);
    })
    .await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET /api/turnstile/config HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut part = [0; 4096];
        let length = stream.read(&mut part).await.unwrap();
        assert!(part[..length].starts_with(b"HTTP/1.1 200 OK"));
        // Longer than a head may take, shorter than a rest may.
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    assert_eq!(read_to_end(&mut stream).await, "");
    // The head of a later request has no more time than that of the first.
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(b"GET /api/turnstile/config HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
    drip(stream, "GET / HTTP/1.1\r\nx-drip: ").await;
}

#[tokio::test]
async fn heads_have_a_size_and_paths_have_a_length() {
    let server = TestServer::start(&[]).await;
    let ask = async |path: &str, headers: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n");
        let answer = exchange(server.address(), &request).await;
        answer.lines().next().unwrap_or_default().to_owned()
    };
    let lines = |count: usize| (0..count).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    let path = |length: usize| format!("/api/turnstile/config?{}", "a".repeat(length - 22));
    assert_eq!(ask("/api/turnstile/config", &lines(98)).await, "HTTP/1.1 200 OK");
    assert!(ask("/api/turnstile/config", &lines(99)).await.starts_with("HTTP/1.1 431"));
    assert_eq!(ask("/api/turnstile/config", &format!("x: {}\r\n", "a".repeat(8000))).await, "HTTP/1.1 200 OK");
    assert!(ask("/api/turnstile/config", &format!("x: {}\r\n", "a".repeat(17_000))).await.starts_with("HTTP/1.1 431"));
    assert_eq!(ask(&path(8192), "").await, "HTTP/1.1 200 OK");
    assert!(ask(&path(8193), "").await.starts_with("HTTP/1.1 414"));
    assert!(ask(&path(100_000), "").await.starts_with("HTTP/1.1 431"));
    let long = server.client().get(&path(9000)).await;
    assert!(long.headers().contains_key("content-security-policy"));
    assert_eq!(status_and_code(long).await, (414, "uri_too_long".into()));
}

#[tokio::test]
async fn a_client_that_never_reads_is_dropped() {
    let server = TestServer::start_with(&[], hasty).await;
    // Many requests in a row, so that their answers fill every buffer on the way.
    let request = "GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(3000);
    let mut deaf = TcpStream::connect(server.address()).await.unwrap();
    let mut written = 0;
    // The server takes no more requests than it can answer, and then cuts.
    let failure = loop {
        match deaf.write(&request.as_bytes()[written % request.len()..]).await {
            Ok(length) => written += length,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(failure.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe),
        "{failure:?}"
    );
    assert_eq!(server.client().get("/api/health").await.status(), 200);
}

#[tokio::test]
async fn a_body_that_stalls_is_answered_with_408() {
    let server = TestServer::start(&[]).await;
    let answer = exchange(
        server.address(),
        "POST /api/session HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{\"turn",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("request_timeout"), "{answer}");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_honest_clients_come_back_when_the_abusers_are_dropped() {
    for (per_peer, in_all, status, code) in
        [(5, 0, "HTTP/1.1 429", "too_many_requests"), (0, 5, "HTTP/1.1 503", "server_full")]
    {
        let server = TestServer::start_with(&[], |config| {
            hasty(config);
            config.connections.head = Duration::from_secs(2);
            config.connections.per_peer = per_peer;
            config.connections.in_all = in_all;
        })
        .await;
        let held = join_all((0..5).map(|_| TcpStream::connect(server.address()))).await;
        let answer = exchange(server.address(), "").await;
        assert!(answer.starts_with(status) && answer.contains(code) && answer.contains("retry-after: 5"), "{answer}");
        let honest = server.client();
        while honest.try_get("/api/health").await.map_or(0, |answer| answer.status().as_u16()) != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        drop(held);
    }
}

#[tokio::test]
async fn trusted_proxies_have_as_many_connections_as_they_need() {
    let server = TestServer::start_with(&[PROXY], |config| config.connections.per_peer = 2).await;
    let held = join_all((0..10).map(|_| TcpStream::connect(server.address()))).await;
    assert_eq!(server.client().get("/api/health").await.status(), 200);
    drop(held);
}

#[tokio::test]
async fn a_websocket_keeps_its_place_among_the_connections() {
    let server = TestServer::start_with(&[], |config| config.connections.per_peer = 2).await;
    let client = server.client_with_bearer("token");
    let mut sockets = vec![client.socket_with_token("token").await, client.socket_with_token("token").await];
    for socket in &mut sockets {
        socket.next_of("PUZZLE").await;
    }
    assert!(exchange(server.address(), "").await.starts_with("HTTP/1.1 429"));
    sockets.pop();
    while server.client().try_get("/api/health").await.map_or(0, |answer| answer.status().as_u16()) != 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_address_opens_so_many_sessions_and_others_are_not_affected() {
    let server = TestServer::start(&[PROXY, ("HASHPASS_LIMIT_SESSIONS_PER_HOUR", "3")]).await;
    let here = server.client_from("192.0.2.1");
    for n in 0..3 {
        assert_eq!(open_session(&here, "").await.0, 403, "what is refused is not counted");
        assert_eq!(open_session(&here, "test").await.0, 200, "{n}");
    }
    assert_eq!(open_session(&here, "test").await, too_many("too_many_requests"));
    assert_eq!(open_session(&server.client_from("::ffff:192.0.2.1"), "test").await, too_many("too_many_requests"));
    // Tokens as Bearer open sessions too.
    let bearer = |address: &str, token: &str| server.client_from(address).with_bearer(token);
    assert_eq!(outcome(bearer("192.0.2.1", "a").get("/api/puzzle").await).await, too_many("too_many_requests"));
    for address in ["192.0.2.2", "2001:db8:0:1::1"] {
        assert_eq!(open_session(&server.client_from(address), "test").await.0, 200, "{address}");
    }
    // One implicit session, however often its token is shown, also at once.
    let again = bearer("192.0.2.3", "b");
    let answers = join_all((0..20).map(|_| again.get("/api/puzzle"))).await;
    let passed = answers.iter().filter(|answer| answer.status() == 200).count();
    assert!(1 <= passed, "{passed}");
    for _ in 0..20 {
        assert_eq!(again.get("/api/puzzle").await.status(), 200);
    }
    assert_eq!(open_session(&again, "test").await.0, 200);
    // All addresses of one /64 are one.
    for n in 2..=3 {
        assert_eq!(open_session(&server.client_from(&format!("2001:db8:0:1::{n}")), "test").await.0, 200);
    }
    let neighbour = server.client_from("2001:db8:0:1:ffff::1");
    assert_eq!(open_session(&neighbour, "test").await, too_many("too_many_requests"));
    assert_eq!(open_session(&server.client_from("2001:db8:0:2::1"), "test").await.0, 200);
}

/// A human check that passes the token `good` and counts what it is asked.
async fn human_check() -> (String, Arc<AtomicUsize>) {
    async fn siteverify(State(asked): State<Arc<AtomicUsize>>, form: String) -> Json<Value> {
        asked.fetch_add(1, Ordering::SeqCst);
        Json(json!({"success": form.contains("response=good"), "error-codes": ["invalid-input-response"]}))
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/siteverify", listener.local_addr().unwrap());
    let app = Router::new().route("/siteverify", post(siteverify)).with_state(asked.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, asked)
}

#[tokio::test]
async fn unknown_tokens_do_not_become_a_flood_of_calls_to_the_human_check() {
    let (url, asked) = human_check().await;
    let server = TestServer::start(&[
        PROXY,
        ("TURNSTILE_TEST_MODE", "false"),
        ("TURNSTILE_SITE_KEY", "site"),
        ("TURNSTILE_SECRET_KEY", "secret"),
        ("TURNSTILE_VERIFY_URL", &url),
        ("HASHPASS_LIMIT_FAILED_CHECKS_PER_MINUTE", "5"),
    ])
    .await;
    let here = server.client_from("192.0.2.1");
    // Checks that pass cost nothing.
    for n in 0..20 {
        assert_eq!(open_session(&here, &format!("good-{n}")).await.0, 200);
    }
    let forged = (0..30).map(|n| format!("forged-{n}")).collect::<Vec<_>>();
    let answers = join_all(forged.iter().map(|token| open_session(&here, token))).await;
    let failed = answers.iter().filter(|answer| **answer == (403, "turnstile_failed".into(), false)).count();
    assert_eq!(failed, 5, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| **answer == too_many("too_many_requests")).count(), 25);
    assert_eq!(asked.load(Ordering::SeqCst), 25);
    let bearer = server.client_from("192.0.2.1").with_bearer("forged");
    assert_eq!(outcome(bearer.get("/api/puzzle").await).await, too_many("too_many_requests"));
    let mut socket = server.client_from("192.0.2.1").socket_with_token("forged").await;
    assert_eq!(socket.next_json().await["code"], "too_many_requests");
    assert_eq!(socket.close_code().await, CloseCode::Policy);
    assert_eq!(asked.load(Ordering::SeqCst), 25, "nobody was asked");
    assert_eq!(open_session(&server.client_from("192.0.2.2"), "good").await.0, 200);
}

#[tokio::test]
async fn an_address_has_so_many_sockets_and_a_place_that_is_given_up_is_free() {
    let server = TestServer::start(&[PROXY, ("HASHPASS_LIMIT_SOCKETS_PER_ADDRESS", "2")]).await;
    let here = server.client_from("192.0.2.1").try_with_session().await.unwrap();
    let there = server.client_from("192.0.2.2").try_with_session().await.unwrap();
    let mut open = vec![here.socket().await, here.socket().await];
    for socket in &mut open {
        socket.next_of("PUZZLE").await;
    }
    let mut refused = here.socket().await;
    let told = refused.next_json().await;
    assert_eq!((&told["type"], &told["code"]), (&json!("REJECTED"), &json!("too_many_requests")));
    assert!(told["retry_after"].is_u64(), "{told}");
    assert_eq!(refused.close_code().await, CloseCode::Policy);
    there.socket().await.next_of("PUZZLE").await;
    open.pop();
    while here.socket().await.next_json().await["type"] != "PUZZLE" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn there_are_so_many_sockets_over_all_and_the_next_is_refused_before_the_upgrade() {
    let server = TestServer::start(&[PROXY, ("HASHPASS_LIMIT_SOCKETS", "2")]).await;
    let client = server.client_from("192.0.2.1").try_with_session().await.unwrap();
    let other = server.client_from("192.0.2.2").try_with_session().await.unwrap();
    let mut first = client.socket().await;
    let mut second = other.socket().await;
    first.next_of("PUZZLE").await;
    second.next_of("PUZZLE").await;
    let Err(tungstenite::Error::Http(answer)) = other.try_socket().await else { panic!("no place is left") };
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    drop(first);
    while other.try_socket().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_address_has_so_many_verifications_and_every_cheaper_answer_stays_what_it_was() {
    let server = TestServer::start(&[PROXY, ("HASHPASS_LIMIT_SUBMISSIONS_PER_MINUTE", "2")]).await;
    let session = async |address: &str| server.client_from(address).try_with_session().await.unwrap();
    let client = session("192.0.2.1").await;
    for round in 1..=2 {
        let solution = client.solve(&client.puzzle().await).await;
        // None of these is counted.
        for (field, value, status) in [
            ("traceData", "ip=192.0.2.9\n", 403),
            ("hash", &"f".repeat(64), 400),
            ("submittedSeed", &"0".repeat(32), 409),
        ] {
            let mut wrong = solution.clone();
            wrong[field] = json!(value);
            assert_eq!(client.verify(&wrong).await.status(), status, "{field}");
        }
        let won: Value = client.verify(&solution).await.json().await.unwrap();
        assert_eq!(won["round"], round);
    }
    let neighbour = session("192.0.2.1").await;
    let puzzle = neighbour.puzzle().await;
    let solution = neighbour.solve(&puzzle).await;
    assert_eq!(outcome(neighbour.verify(&solution).await).await, too_many("too_many_submissions"));
    for (field, value, status, code) in [
        ("visitorId", "short", 400, "malformed"),
        ("traceData", "ip=192.0.2.9\n", 403, "identity_mismatch"),
        ("visitorId", "somebody-else", 403, "visitor_mismatch"),
        ("submittedSeed", &"0".repeat(32), 409, "puzzle_already_solved"),
        ("hash", &"f".repeat(64), 400, "below_difficulty"),
    ] {
        let mut wrong = solution.clone();
        wrong[field] = json!(value);
        assert_eq!(outcome(neighbour.verify(&wrong).await).await, (status, code.into(), false), "{field}");
    }
    // The refusal is not held against the session, and nobody else is concerned.
    assert_eq!(outcome(neighbour.verify(&solution).await).await, too_many("too_many_submissions"));
    let stranger = session("192.0.2.2").await;
    let solution = stranger.solve(&puzzle).await;
    assert_eq!(stranger.verify(&solution).await.status(), 200);
}

#[tokio::test]
async fn zero_switches_a_limit_off() {
    let off = [
        "HASHPASS_LIMIT_SESSIONS_PER_HOUR",
        "HASHPASS_LIMIT_FAILED_CHECKS_PER_MINUTE",
        "HASHPASS_LIMIT_SUBMISSIONS_PER_MINUTE",
        "HASHPASS_LIMIT_SOCKETS_PER_ADDRESS",
        "HASHPASS_LIMIT_SOCKETS",
        "HASHPASS_LIMIT_CONNECTIONS_PER_PEER",
        "HASHPASS_LIMIT_CONNECTIONS",
    ];
    let server = TestServer::start(&off.map(|name| (name, "0"))).await;
    let client = server.client_with_session().await;
    for _ in 0..3 {
        assert_eq!(open_session(&client, "test").await.0, 200);
        let solution = client.solve(&client.puzzle().await).await;
        assert_eq!(client.verify(&solution).await.status(), 200);
    }
    let mut sockets = join_all((0..3).map(|_| client.socket())).await;
    for socket in &mut sockets {
        socket.next_of("PUZZLE").await;
    }
}

#[tokio::test]
async fn stopping_waits_for_nobody_who_is_idle_and_not_for_ever_for_those_who_stall() {
    let server = TestServer::start_with(&[], |config| config.connections.grace = Duration::from_millis(500)).await;
    let address = server.address();
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /api/turnstile/config HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert_ne!(idle.read(&mut [0; 4096]).await.unwrap(), 0);
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(b"POST /api/session HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{")
        .await
        .unwrap();
    let mut socket = server.client_with_session().await.socket().await;
    socket.next_of("PUZZLE").await;
    // No other limit is near: what ends these is the stop.
    let stopped = server.stop();
    assert_eq!(socket.close_code().await, CloseCode::Restart);
    while socket.stream.next().await.is_some_and(|message| message.is_ok()) {}
    assert_eq!(read_to_end(&mut idle).await, "");
    assert_eq!(read_to_end(&mut silent).await, "");
    read_to_end(&mut half).await;
    tokio::time::timeout(Duration::from_secs(8), stopped).await.expect("the stop must not wait for the idle limit");
    assert!(TcpStream::connect(address).await.is_err());
}
