//! Somebody who mines, shows a share as every page does, and submits what is found.

use crate::{
    BenchError, Result,
    client::{Connection, Round, Visitor},
};
use futures::{SinkExt, StreamExt};
use hyper::{StatusCode, header};
use puzzle::{Cost, Hash, Nonce, PuzzleHasher, Seed, TraceData};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest};

/// How long a solution is submitted again before it is given up.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// How long the server is given to check a share; it says nothing when it has.
const SHARE_RETRY_DELAY: Duration = Duration::from_secs(1);

/// An honest client with its live connection.
#[derive(Debug)]
pub struct Honest {
    visitor: Visitor,
    connection: Connection,
    trace: TraceData,
    socket: Socket,
    /// The first nonce that it has not tried yet.
    next: u64,
    /// When the last share was shown.
    shared: Option<Instant>,
}

/// How one solution fared.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// From the first submission to the code; `None` if there was none in time.
    pub latency: Option<Duration>,
    /// How often it was told to try again.
    pub retries: usize,
}

impl Honest {
    /// Passes the check from an address of its own and begins to mine.
    ///
    /// # Errors
    /// [`BenchError`].
    pub async fn new(server: SocketAddr, number: usize) -> Result<Self> {
        let address = format!("192.0.2.{}", 1 + number % 250);
        let mut connection = Connection::open(server).await?;
        let visitor = Visitor::new(server, Some(&address))?.pass_check(&mut connection).await?;
        let trace = visitor.trace(&mut connection).await?;
        let mut socket = Socket::open(server, &visitor, &address).await?;
        socket.say(r#"{"type":"mining_start"}"#).await?;
        Ok(Self { visitor, connection, trace, socket, next: 0, shared: None })
    }

    /// Shows a share, unless it has just done so.
    ///
    /// # Errors
    /// [`BenchError`].
    pub async fn show_share(&mut self) -> Result<()> {
        const INTERVAL: Duration = Duration::from_secs(60);
        if self.shared.is_some_and(|shared| shared.elapsed() < INTERVAL) {
            return Ok(());
        }
        let round = self.visitor.round(&mut self.connection).await?;
        let (nonce, hash) = self.mine(&round).await?;
        let share = serde_json::json!({"type": "share", "payload": {
            "round": round.round, "visitorId": self.visitor.id, "nonce": nonce, "traceData": self.trace, "hash": hash
        }});
        self.socket.say(&share.to_string()).await?;
        self.shared = Some(Instant::now());
        tokio::time::sleep(SHARE_RETRY_DELAY).await;
        Ok(())
    }

    /// Mines until there is a solution, and submits it until there is a code.
    ///
    /// # Errors
    /// [`BenchError::Answer`] if the server refuses a true solution of its round.
    pub async fn win(&mut self) -> Result<Outcome> {
        loop {
            let round = self.visitor.round(&mut self.connection).await?;
            let (nonce, hash) = self.mine(&round).await?;
            if let Some(outcome) = self.submit(&round.seed, nonce, hash).await? {
                return Ok(outcome);
            }
        }
    }

    /// `None` if the round is over.
    async fn submit(&mut self, seed: &Seed, nonce: Nonce, hash: Hash) -> Result<Option<Outcome>> {
        let submission = self.visitor.submission(seed, &self.trace, nonce, &hash);
        let began = Instant::now();
        let mut retries = 0;
        while began.elapsed() < ANSWER_LIMIT {
            let answer = self.connection.send(self.visitor.post("/api/verify", submission.clone())).await?;
            match answer.status {
                StatusCode::OK => {
                    let latency = Some(began.elapsed());
                    let victory: serde_json::Value = answer.json()?;
                    let code = victory["invite_code"].as_str().unwrap_or_default();
                    if !code.starts_with("HASHPASS-") {
                        return Err(BenchError::Answer(format!("no code: {victory}")));
                    }
                    return Ok(Some(Outcome { latency, retries }));
                }
                StatusCode::CONFLICT => return Ok(None),
                StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                    retries += 1;
                    tokio::time::sleep(answer.retry_after()).await;
                }
                _ => drop(answer.ok()?),
            }
        }
        Ok(Some(Outcome { latency: None, retries }))
    }

    /// Mines on every core; all of them rest again when this returns.
    async fn mine(&mut self, round: &Round) -> Result<(Nonce, Hash)> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let found = Arc::new(AtomicBool::new(false));
        let searches: Vec<Search> = (0..threads)
            .map(|thread| {
                let (round, found) = (round.clone(), found.clone());
                let (visitor, trace, first) = (self.visitor.id.clone(), self.trace.clone(), self.next + thread as u64);
                tokio::task::spawn_blocking(move || {
                    with_hasher(round.cost, |hasher| {
                        let solution = round.mine(hasher, &visitor, &trace, (first..).step_by(threads), &found);
                        found.store(true, Ordering::Relaxed);
                        solution
                    })
                })
            })
            .collect();
        // Every nonce is tried once: a hash proves one thing once.
        self.next += 1 << 32;
        let mut solution = None;
        for search in searches {
            solution = search.await.map_err(|error| BenchError::Answer(error.to_string()))??.or(solution);
        }
        solution.ok_or_else(|| BenchError::Answer("all nonces are used up".to_owned()))
    }

    /// Closes the live connection.
    pub fn leave(self) {
        self.socket.reading.abort();
    }
}

/// A thread that mines until something is found, by it or by another.
type Search = JoinHandle<Result<Option<(Nonce, Hash)>>>;

/// Lends this thread's hasher, whose memory stays.
fn with_hasher<T>(cost: Cost, use_it: impl FnOnce(&mut PuzzleHasher) -> Result<T>) -> Result<T> {
    thread_local! {
        static HASHER: std::cell::RefCell<Option<(Cost, PuzzleHasher)>> = const { std::cell::RefCell::new(None) };
    }
    HASHER.with_borrow_mut(|kept| {
        if kept.as_ref().is_none_or(|(made_for, _)| *made_for != cost) {
            let hasher = PuzzleHasher::new(cost).map_err(|error| BenchError::Answer(error.to_string()))?;
            *kept = Some((cost, hasher));
        }
        match kept {
            Some((_, hasher)) => use_it(hasher),
            None => Err(BenchError::Answer("there is no hasher".to_owned())),
        }
    })
}

/// An open WebSocket.
pub(super) type Stream = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// A live connection that is read along.
#[derive(Debug)]
struct Socket {
    sink: futures::stream::SplitSink<Stream, Message>,
    reading: JoinHandle<()>,
}

/// Opens a live connection of the visitor, who comes from `address`.
///
/// # Errors
/// [`BenchError`].
pub(super) async fn connect(server: SocketAddr, visitor: &Visitor, address: &str) -> Result<Stream> {
    let mut request = format!("ws://{server}/api/ws").into_client_request()?;
    let mut insert = |name, value: &str| {
        if let Ok(value) = value.parse() {
            request.headers_mut().insert(name, value);
        }
    };
    insert(header::COOKIE, visitor.cookie().unwrap_or_default());
    insert(header::HeaderName::from_static("x-forwarded-for"), address);
    Ok(tokio_tungstenite::connect_async(request).await?.0)
}

impl Socket {
    async fn open(server: SocketAddr, visitor: &Visitor, address: &str) -> Result<Self> {
        let (sink, mut messages) = connect(server, visitor, address).await?.split();
        let reading = tokio::spawn(async move { while let Some(Ok(_)) = messages.next().await {} });
        Ok(Self { sink, reading })
    }

    async fn say(&mut self, message: &str) -> Result<()> {
        self.sink.send(Message::Text(message.into())).await?;
        Ok(())
    }
}

impl From<tungstenite::Error> for BenchError {
    fn from(error: tungstenite::Error) -> Self {
        Self::Answer(error.to_string())
    }
}
