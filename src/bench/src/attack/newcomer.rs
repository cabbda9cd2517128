//! Somebody who has never been here, and how long it takes until they mine.
//!
//! They open the page, pass the gate, ask for a trace and the puzzle and open a live
//! connection, as a browser does; they mine when that has told them the puzzle. Whoever is
//! told to wait waits, and comes again.

use super::honest;
use crate::{
    BenchError, Result,
    client::{Answer, Connection, Visitor},
    stamp::StampDemand,
};
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::{
    Request, StatusCode,
    header::{self, HeaderValue},
};
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use tokio_tungstenite::tungstenite::Message;

/// When a newcomer gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How soon a connection that could not be opened is tried again.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// How soon a live connection that was refused is tried again, as the page does.
const SOCKET_RETRY_DELAY: Duration = Duration::from_secs(1);

/// How somebody came in.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// From the first connection until they mined; `None` if they gave up.
    pub took: Option<Duration>,
    /// How many bits the stamp had that they were asked for; 0 for none.
    pub stamp_bits: u8,
}

/// Comes from an address that nobody had before.
///
/// # Errors
/// [`BenchError`] if the server gives an answer that is none of the protocol's.
pub async fn arrive(server: SocketAddr) -> Result<Arrival> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // The networks that are set aside for benchmarks (RFC 2544).
    let address = format!("198.{}.{}.{}", 18 + number / 62_500 % 2, number / 250 % 250, 1 + number % 250);
    let mut newcomer = Newcomer { server, connection: None, stamp_bits: 0 };
    let began = Instant::now();
    let took = match tokio::time::timeout(PATIENCE, newcomer.come_in(&address)).await {
        Ok(came) => came.map(|()| Some(began.elapsed()))?,
        Err(_) => None,
    };
    Ok(Arrival { took, stamp_bits: newcomer.stamp_bits })
}

#[derive(Debug)]
struct Newcomer {
    server: SocketAddr,
    /// Opened anew after whatever went wrong with it.
    connection: Option<Connection>,
    stamp_bits: u8,
}

impl Newcomer {
    async fn come_in(&mut self, address: &str) -> Result<()> {
        let visitor = Visitor::new(self.server, Some(address))?;
        let page = || {
            let mut request = visitor.get("/");
            request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("br"));
            request
        };
        self.insist(page).await?.ok()?;
        let visitor = self.pass_gate(visitor).await?;
        self.insist(|| visitor.get("/cdn-cgi/trace")).await?.ok()?;
        self.insist(|| visitor.get("/api/puzzle")).await?.ok()?;
        loop {
            match begin_to_mine(self.server, &visitor, address).await {
                Ok(true) => return Ok(()),
                Ok(false) => tokio::time::sleep(SOCKET_RETRY_DELAY).await,
                Err(_) => tokio::time::sleep(RETRY_DELAY).await,
            }
        }
    }

    async fn pass_gate(&mut self, mut visitor: Visitor) -> Result<Visitor> {
        let mut stamp: Option<String> = None;
        loop {
            let answer = self.insist(|| visitor.session_request(stamp.as_deref())).await?;
            if answer.status != StatusCode::PAYMENT_REQUIRED {
                visitor.keep_cookie(&answer)?;
                return Ok(visitor);
            }
            let demand: StampDemand = serde_json::from_slice(&answer.body)?;
            self.stamp_bits = demand.hashcash_bits;
            let minted = tokio::task::spawn_blocking(move || demand.mint(0)).await;
            stamp = Some(minted.map_err(|error| BenchError::Answer(error.to_string()))??);
        }
    }

    /// Asks until the answer is another one than to come later.
    async fn insist(&mut self, question: impl Fn() -> Request<Full<Bytes>>) -> Result<Answer> {
        loop {
            let Ok(answer) = self.ask(question()).await else {
                self.connection = None;
                tokio::time::sleep(RETRY_DELAY).await;
                continue;
            };
            if !matches!(answer.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
                return Ok(answer);
            }
            tokio::time::sleep(answer.retry_after()).await;
        }
    }

    async fn ask(&mut self, question: Request<Full<Bytes>>) -> Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(self.server).await?,
        };
        let answer = connection.send(question).await?;
        self.connection = Some(connection);
        Ok(answer)
    }
}

/// False if the live connection was refused.
async fn begin_to_mine(server: SocketAddr, visitor: &Visitor, address: &str) -> Result<bool> {
    let mut stream = honest::connect(server, visitor, address).await?;
    let is_told = match stream.next().await {
        Some(Ok(Message::Text(first))) => first.contains(r#""type":"PUZZLE""#),
        _ => false,
    };
    if is_told {
        stream.send(Message::Text(r#"{"type":"mining_start"}"#.into())).await?;
    }
    let _ = stream.close(None).await;
    Ok(is_told)
}
