//! An HTTP/1.1 client for load: one keep-alive connection, one request at a time,
//! nothing between it and the socket.

use crate::{BenchError, Result, stamp::StampDemand};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode,
    client::conn::http1::{self, SendRequest},
    header::{self, HeaderMap},
};
use hyper_util::rt::TokioIo;
use puzzle::{Challenge, Cost, Hash, Nonce, PuzzleHasher, Seed, Target, TraceData, VisitorId};
use serde::Deserialize;
use std::{
    iter::StepBy,
    net::SocketAddr,
    ops::RangeFrom,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};
use tokio::net::TcpStream;

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// [`BenchError::Answer`] if the status is not 200, [`BenchError::Json`].
    pub fn json<T: for<'a> Deserialize<'a>>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.ok()?.body)?)
    }

    /// The answer, if its status is 200.
    ///
    /// # Errors
    /// [`BenchError::Answer`].
    pub fn ok(&self) -> Result<&Self> {
        if self.status == StatusCode::OK {
            return Ok(self);
        }
        Err(BenchError::Answer(format!("{} {}", self.status, String::from_utf8_lossy(&self.body))))
    }

    /// When to come again, as a refusal says; one second if it does not.
    pub fn retry_after(&self) -> Duration {
        let seconds = self.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        Duration::from_secs(seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(1))
    }
}

/// One connection, opened anew when the server has closed it.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// The system's, or [`BenchError::Http`].
    pub async fn open(address: SocketAddr) -> Result<Self> {
        Ok(Self { address, sender: connect(address).await? })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// The system's, or [`BenchError::Http`].
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer> {
        if self.sender.ready().await.is_err() {
            self.sender = connect(self.address).await?;
        }
        let (parts, body) = self.sender.send_request(request).await?.into_parts();
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.collect().await?.to_bytes() })
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with its sender, and what goes wrong is told to the request.
    tokio::spawn(connection);
    Ok(sender)
}

/// Who calls: an address, a session, a visitor id.
#[derive(Clone, Debug)]
pub struct Visitor {
    host: SocketAddr,
    /// What a trusted proxy would say of where the visitor comes from.
    forwarded_for: Option<String>,
    /// As `name=value`.
    cookie: Option<String>,
    /// The visitor id.
    pub id: VisitorId,
}

impl Visitor {
    /// A visitor without a session, from `forwarded_for` if the server trusts the
    /// proxy that says so.
    ///
    /// # Errors
    /// None, as long as visitor ids may be numbered.
    pub fn new(host: SocketAddr, forwarded_for: Option<&str>) -> Result<Self> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let id = format!("visitor-{}", LAST.fetch_add(1, Ordering::Relaxed));
        let id = id.parse().map_err(|_| BenchError::Answer(format!("{id} is no visitor id")))?;
        Ok(Self { host, forwarded_for: forwarded_for.map(str::to_owned), cookie: None, id })
    }

    /// Passes the gate, as the protocol says, and keeps the session's cookie. Where a stamp
    /// is asked for, one is made.
    ///
    /// # Errors
    /// [`BenchError::Answer`] if the server lets it not in.
    pub async fn pass_check(mut self, connection: &mut Connection) -> Result<Self> {
        let mut answer = connection.send(self.session_request(None)).await?;
        if answer.status == StatusCode::PAYMENT_REQUIRED {
            let demand: StampDemand = serde_json::from_slice(&answer.body)?;
            answer = connection.send(self.session_request(Some(&demand.mint(0)?))).await?;
        }
        self.keep_cookie(&answer)?;
        Ok(self)
    }

    /// A request for a session, with a token that test mode takes.
    pub fn session_request(&self, stamp: Option<&str>) -> Request<Full<Bytes>> {
        let mut request = self.post("/api/session", r#"{"turnstileToken":"bench"}"#);
        if let Some(stamp) = stamp.and_then(|stamp| stamp.parse().ok()) {
            request.headers_mut().insert("x-hashcash", stamp);
        }
        request
    }

    /// Takes the session that was granted.
    ///
    /// # Errors
    /// [`BenchError::Answer`] if none was.
    pub fn keep_cookie(&mut self, answer: &Answer) -> Result<()> {
        let line = answer.ok()?.headers.get(header::SET_COOKIE).and_then(|line| line.to_str().ok());
        let cookie = line.and_then(|line| line.split(';').next());
        self.cookie = Some(cookie.ok_or_else(|| BenchError::Answer("no cookie".to_owned()))?.to_owned());
        Ok(())
    }

    /// The same visitor before it had a session.
    #[must_use]
    pub fn without_session(&self) -> Self {
        Self { cookie: None, ..self.clone() }
    }

    /// The session's cookie as `name=value`, if there is one.
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// A request for `path`.
    pub fn get(&self, path: &str) -> Request<Full<Bytes>> {
        self.request(Method::GET, path, Bytes::new())
    }

    /// A request that posts JSON to `path`.
    pub fn post(&self, path: &str, json: impl Into<Bytes>) -> Request<Full<Bytes>> {
        self.request(Method::POST, path, json.into())
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        // Paths are constants of this package: one that is none would show at once.
        *request.uri_mut() = path.parse().unwrap_or_default();
        let mut insert = |name, value: &str| {
            if let Ok(value) = value.parse() {
                request.headers_mut().insert(name, value);
            }
        };
        insert(header::HOST, &self.host.to_string());
        insert(header::CONTENT_TYPE, "application/json");
        if let Some(cookie) = &self.cookie {
            insert(header::COOKIE, cookie);
        }
        if let Some(address) = &self.forwarded_for {
            insert(header::HeaderName::from_static("x-forwarded-for"), address);
        }
        request
    }

    /// The running round.
    ///
    /// # Errors
    /// [`BenchError`].
    pub async fn round(&self, connection: &mut Connection) -> Result<Round> {
        connection.send(self.get("/api/puzzle")).await?.json()
    }

    /// The trace to mine with.
    ///
    /// # Errors
    /// [`BenchError`].
    pub async fn trace(&self, connection: &mut Connection) -> Result<TraceData> {
        let answer = connection.send(self.get("/cdn-cgi/trace")).await?;
        let text = String::from_utf8_lossy(&answer.ok()?.body).into_owned();
        text.parse().map_err(|_| BenchError::Answer(format!("this is no trace: {text}")))
    }

    /// What is posted to `/api/verify`.
    pub fn submission(&self, seed: &Seed, trace: &TraceData, nonce: Nonce, hash: &Hash) -> String {
        serde_json::json!({
            "visitorId": self.id, "nonce": nonce, "submittedSeed": seed, "traceData": trace, "hash": hash
        })
        .to_string()
    }
}

/// A round, as far as a miner needs to know it.
#[derive(Clone, Debug, Deserialize)]
pub struct Round {
    /// Its number.
    pub round: u64,
    /// Its seed.
    pub seed: Seed,
    /// What a hash has to be below.
    pub target: Target,
    /// What a hash costs.
    #[serde(flatten)]
    pub cost: Cost,
}

impl Round {
    /// Mines from a nonce on until a hash is below the target.
    ///
    /// # Errors
    /// As [`mine`](Self::mine).
    pub fn mine_from(
        &self,
        hasher: &mut PuzzleHasher,
        visitor: &VisitorId,
        trace: &TraceData,
        first: u64,
    ) -> Result<(Nonce, Hash)> {
        let solution = self.mine(hasher, visitor, trace, (first..).step_by(1), &AtomicBool::new(false))?;
        solution.ok_or_else(|| BenchError::Answer("no nonce solves the puzzle".into()))
    }

    /// Mines through `nonces` until a hash is below the target; `None`
    /// if somebody says stop first. Takes a thread for as long as that takes.
    ///
    /// # Errors
    /// [`BenchError::Answer`] if all nonces are used up, or there is no memory.
    pub fn mine(
        &self,
        hasher: &mut PuzzleHasher,
        visitor: &VisitorId,
        trace: &TraceData,
        nonces: StepBy<RangeFrom<u64>>,
        stop: &AtomicBool,
    ) -> Result<Option<(Nonce, Hash)>> {
        let challenge = Challenge::new(&self.seed, visitor, trace);
        for nonce in nonces {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let nonce = Nonce::new(nonce).map_err(|error| BenchError::Answer(error.to_string()))?;
            let hash = hasher.hash(&challenge, nonce).map_err(|error| BenchError::Answer(error.to_string()))?;
            if hash.is_below(&self.target) {
                return Ok(Some((nonce, hash)));
            }
        }
        Ok(None)
    }
}
