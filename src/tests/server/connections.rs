//! Clients that are slow, silent or too many, below HTTP; and that the others do not
//! notice.

use super::limits::PROXY;
use crate::support::{TestServer, status_and_code};
use futures::{StreamExt, future::join_all};
use hashpass::config::Config;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

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
    let server = TestServer::start_with(&[], |config| {
        hasty(config);
        config.connections.head = Duration::from_secs(2);
        config.connections.per_peer = 5;
    })
    .await;
    let held = join_all((0..5).map(|_| TcpStream::connect(server.address()))).await;
    let answer = exchange(server.address(), "").await;
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("too_many_requests"), "{answer}");
    assert!(answer.contains("retry-after: 5"), "{answer}");
    let honest = server.client();
    while honest.try_get("/api/health").await.map_or(0, |answer| answer.status().as_u16()) != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(held);
}

#[tokio::test]
async fn a_full_house_closes_a_connection_that_is_not_used_for_one_that_comes() {
    let server = TestServer::start_with(&[], |config| config.connections.in_all = 5).await;
    let mut held = join_all((0..5).map(|_| TcpStream::connect(server.address()))).await;
    let honest = server.client();
    assert_eq!(honest.get("/api/health").await.status(), 200, "at once");
    assert_eq!(read_to_end(held[0].as_mut().unwrap()).await, "", "who came first and did nothing is closed");
    // Who comes and does nothing is closed for the next such, and keeps nobody out.
    for _ in 0..20 {
        held.push(TcpStream::connect(server.address()).await);
        assert_eq!(server.client().get("/api/turnstile/config").await.status(), 200);
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
