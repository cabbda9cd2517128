//! A server on a port of its own and clients for it.

#![allow(dead_code, unreachable_pub, reason = "every test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end where it finds a surprise")]

pub mod lobby;
pub mod process;
pub mod receiver;
pub mod tls_proxy;

use futures::{SinkExt, StreamExt};
use hashpass::{
    config::Config,
    https_client::{ProxySettings, https_client},
    server,
};
use puzzle::{Challenge, Cost, Hash, Nonce, PuzzleHasher, Target};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    future::Future,
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::{net::TcpStream, sync::oneshot, task::JoinHandle};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};

/// A running server: real router, real port, data in a directory of its own.
pub struct TestServer {
    address: SocketAddr,
    data: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

impl TestServer {
    /// A server in test mode with cheap hashes and easy rounds by the `step` rule,
    /// unless `settings` say otherwise.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_with(settings, |_| {}).await
    }

    /// The same, with a change of what no variable sets.
    pub async fn start_with(settings: &[(&str, &str)], change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut values: HashMap<String, String> = [
            ("TURNSTILE_TEST_MODE", "true"),
            ("HASHPASS_RETARGET", "step"),
            ("HASHPASS_DIFFICULTY", "1"),
            ("HASHPASS_ARGON2_MEMORY_COST", "64"),
            ("HASHPASS_ARGON2_TIME_COST", "1"),
            ("HASHPASS_DATA_DIR", data.path().to_str().unwrap()),
        ]
        .into_iter()
        .chain(settings.iter().copied())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        values.retain(|_, value| value != "unset");
        let mut config = Config::from_values(&values).unwrap();
        change(&mut config);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(async move {
            let shutdown = async { drop(stopped.await) };
            server::run(config, listener, shutdown).await.unwrap();
        });
        Self { address, data, stop: Some(stop), running: Some(running) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// Asks the server to stop; the future is done when it has.
    pub fn stop(mut self) -> impl Future<Output = ()> {
        drop(self.stop.take());
        async move { self.running.take().unwrap().await.unwrap() }
    }

    /// A client that is nobody.
    pub fn client(&self) -> Client {
        Client::at(self.address)
    }

    /// A client behind the trusted proxy on this machine, which says so.
    pub fn client_from(&self, address: &str) -> Client {
        Client { forwarded_for: Some(address.to_owned()), ..self.client() }
    }

    /// A client that has passed the check and comes from `address`.
    pub async fn client_with_session_from(&self, address: &str) -> Client {
        self.client_from(address).try_with_session().await.unwrap()
    }

    /// A client that has passed the check.
    pub async fn client_with_session(&self) -> Client {
        self.client().try_with_session().await.unwrap()
    }

    /// A client that shows its token with every call.
    pub fn client_with_bearer(&self, token: &str) -> Client {
        Client { bearer: Some(token.to_owned()), ..self.client() }
    }
}

fn next_visitor() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("visitor-{}", LAST.fetch_add(1, Ordering::Relaxed))
}

/// An outside client.
pub struct Client {
    pub http: reqwest::Client,
    address: SocketAddr,
    cookie: Option<String>,
    bearer: Option<String>,
    /// What a proxy would say of where this client comes from.
    forwarded_for: Option<String>,
    visitor: String,
}

impl Client {
    /// A client that is nobody.
    pub fn at(address: SocketAddr) -> Self {
        let http = https_client(&ProxySettings::default(), Duration::from_secs(30)).unwrap();
        Self { http, address, cookie: None, bearer: None, forwarded_for: None, visitor: next_visitor() }
    }

    /// Passes the check.
    pub async fn try_with_session(mut self) -> Result<Self, reqwest::Error> {
        let response = self.try_post_raw("/api/session", r#"{"turnstileToken":"test"}"#).await?;
        assert_eq!(response.status(), 200);
        let line = response.headers()["set-cookie"].to_str().unwrap();
        self.cookie = Some(line.split(';').next().unwrap().to_owned());
        Ok(self)
    }

    /// The session's cookie, as `name=value`.
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// The same client with one more cookie, as `name=value`.
    pub fn with_cookie(self, cookie: &str) -> Self {
        let cookies: Vec<&str> = self.cookie.as_deref().into_iter().chain([cookie]).collect();
        Self { cookie: Some(cookies.join("; ")), ..self }
    }

    /// The same client, which shows `token` with every call.
    pub fn with_bearer(self, token: &str) -> Self {
        Self { bearer: Some(token.to_owned()), ..self }
    }

    /// The token that it shows with every call.
    pub fn bearer(&self) -> &str {
        self.bearer.as_deref().unwrap()
    }

    /// The same client on a device that looks like that of `other`.
    pub fn on_the_device_of(self, other: &Self) -> Self {
        Self { visitor: other.visitor.clone(), ..self }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn sign(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let request = match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        let request = match &self.forwarded_for {
            Some(address) => request.header("x-forwarded-for", address),
            None => request,
        };
        match &self.bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.try_get(path).await.unwrap()
    }

    pub async fn try_get(&self, path: &str) -> Result<reqwest::Response, reqwest::Error> {
        self.sign(self.http.get(self.url(path))).send().await
    }

    pub async fn post_raw(&self, path: &str, body: &str) -> reqwest::Response {
        self.try_post_raw(path, body).await.unwrap()
    }

    pub async fn try_post_raw(&self, path: &str, body: &str) -> Result<reqwest::Response, reqwest::Error> {
        let request = self.http.post(self.url(path)).header("content-type", "application/json").body(body.to_owned());
        self.sign(request).send().await
    }

    pub async fn puzzle(&self) -> Value {
        let response = self.get("/api/puzzle").await;
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    /// Mines until the puzzle is solved, and makes a submission of it.
    pub async fn solve(&self, puzzle: &Value) -> Value {
        let trace = self.get("/cdn-cgi/trace").await.text().await.unwrap();
        self.solve_with_trace(puzzle, &trace)
    }

    pub fn solve_with_trace(&self, puzzle: &Value, trace: &str) -> Value {
        let target: Target = serde_json::from_value(puzzle["target"].clone()).unwrap();
        let (nonce, hash) = self.mine(puzzle, trace, &target, 0);
        json!({
            "visitorId": self.visitor, "nonce": nonce, "submittedSeed": puzzle["seed"], "traceData": trace,
            "hash": hash.to_string()
        })
    }

    /// Mines from the nonce `first` on until there is a share, and makes a message of it.
    pub async fn share(&self, puzzle: &Value, first: u64) -> Value {
        let trace = self.get("/cdn-cgi/trace").await.text().await.unwrap();
        let target: Target = format!("1{}", "0".repeat(63)).parse().unwrap();
        let (nonce, hash) = self.mine(puzzle, &trace, &target, first);
        json!({"type": "share", "payload": {
            "round": puzzle["round"], "visitorId": self.visitor, "nonce": nonce, "traceData": trace,
            "hash": hash.to_string()
        }})
    }

    fn mine(&self, puzzle: &Value, trace: &str, target: &Target, first: u64) -> (u64, Hash) {
        let cost: Cost = serde_json::from_value(puzzle.clone()).unwrap();
        let seed = puzzle["seed"].as_str().unwrap();
        let challenge = Challenge::new(&seed.parse().unwrap(), &self.visitor.parse().unwrap(), &trace.parse().unwrap());
        let mut hasher = PuzzleHasher::new(cost).unwrap();
        (first..)
            .map(|nonce| (nonce, hasher.hash(&challenge, Nonce::new(nonce).unwrap()).unwrap()))
            .find(|(_, hash)| hash.is_below(target))
            .unwrap()
    }

    pub async fn verify(&self, submission: &Value) -> reqwest::Response {
        self.try_verify(submission).await.unwrap()
    }

    pub async fn try_verify(&self, submission: &Value) -> Result<reqwest::Response, reqwest::Error> {
        self.try_post_raw("/api/verify", &submission.to_string()).await
    }

    pub fn socket_url(&self) -> String {
        format!("ws://{}/api/ws", self.address)
    }

    pub async fn socket(&self) -> Socket {
        self.try_socket().await.unwrap()
    }

    pub async fn try_socket(&self) -> Result<Socket, tungstenite::Error> {
        self.connect(&self.socket_url()).await
    }

    pub async fn socket_with_token(&self, token: &str) -> Socket {
        self.connect(&format!("{}?token={token}", self.socket_url())).await.unwrap()
    }

    async fn connect(&self, url: &str) -> Result<Socket, tungstenite::Error> {
        let mut request = url.into_client_request().unwrap();
        if let Some(cookie) = &self.cookie {
            request.headers_mut().insert("cookie", cookie.parse().unwrap());
        }
        if let Some(address) = &self.forwarded_for {
            request.headers_mut().insert("x-forwarded-for", address.parse().unwrap());
        }
        let (stream, _) = tokio_tungstenite::connect_async(request).await?;
        Ok(Socket { stream })
    }
}

/// A live connection.
pub struct Socket {
    pub stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    pub async fn say(&mut self, message: &str) {
        self.stream.send(Message::Text(message.into())).await.unwrap();
    }

    pub async fn next_json(&mut self) -> Value {
        loop {
            match self.stream.next().await.expect("the connection lives").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Says something and waits until the server has taken it in: its next answer
    /// but for what it tells everybody.
    pub async fn say_and_hear(&mut self, message: &Value) -> Value {
        self.say(&message.to_string()).await;
        self.say("ping").await;
        loop {
            let answer = self.next_json().await;
            if answer["type"] == "ERROR" || answer["type"] == "PONG" {
                return answer;
            }
        }
    }

    pub async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next_json().await;
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// Reads to the end and says with which code the server closed.
    pub async fn close_code(&mut self) -> CloseCode {
        loop {
            match self.stream.next().await.expect("a close frame").expect("a close frame") {
                Message::Close(Some(frame)) => return frame.code,
                Message::Close(None) => panic!("closed without a code"),
                _ => {}
            }
        }
    }
}

pub async fn status_and_code(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["code"].as_str().unwrap().to_owned())
}
