//! Receivers on this machine: one that can be told to misbehave, and one behind TLS.

use crate::{https_client::tests::tls_acceptor, prize::webhook::WebhookSettings};
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use puzzle::invite_code::InviteCode;
use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::{mpsc, watch},
};

/// What the receiver does with a request.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Status(u16),
    RetryAfter(u16, &'static str),
    Redirect(String),
    Slow(Duration),
    Never,
}

/// What the receiver got.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn code(&self) -> InviteCode {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        serde_json::from_value(body["invite_code"].clone()).unwrap()
    }
}

#[derive(Clone)]
pub(super) struct TestReceiver {
    pub(super) address: SocketAddr,
    /// What to do with the next requests; with all others: take them.
    replies: Arc<Mutex<VecDeque<Reply>>>,
    pub(super) seen: Arc<watch::Sender<Vec<Seen>>>,
}

impl TestReceiver {
    pub(super) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            replies: Arc::new(Mutex::new(replies.into_iter().collect())),
            seen: Arc::new(watch::Sender::new(Vec::new())),
        };
        let router = Router::new().fallback(Self::answer).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    async fn answer(State(receiver): State<Self>, headers: HeaderMap, body: String) -> Response {
        receiver.seen.send_modify(|seen| seen.push(Seen { headers, body }));
        let reply = receiver.replies.lock().unwrap().pop_front().unwrap_or(Reply::Status(204));
        match reply {
            Reply::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
            Reply::RetryAfter(status, wait) => {
                (StatusCode::from_u16(status).unwrap(), [(header::RETRY_AFTER, wait)]).into_response()
            }
            Reply::Redirect(to) => Redirect::temporary(&to).into_response(),
            Reply::Slow(wait) => {
                tokio::time::sleep(wait).await;
                StatusCode::NO_CONTENT.into_response()
            }
            Reply::Never => std::future::pending().await,
        }
    }

    /// Takes everything from now on.
    pub(super) fn forgive(&self) {
        self.replies.lock().unwrap().clear();
    }

    /// Everything it got, once that is `count` requests or more.
    pub(super) async fn seen(&self, count: usize) -> Vec<Seen> {
        self.seen.subscribe().wait_for(|seen| count <= seen.len()).await.unwrap().clone()
    }

    pub(super) async fn codes(&self, count: usize) -> Vec<InviteCode> {
        self.seen(count).await.iter().map(Seen::code).collect()
    }

    pub(super) async fn ids(&self, count: usize) -> Vec<String> {
        self.seen(count).await.iter().map(|seen| seen.header("webhook-id").unwrap().to_owned()).collect()
    }

    pub(super) fn settings(&self) -> WebhookSettings {
        let url = format!("http://{}/hook", self.address).parse().unwrap();
        WebhookSettings { time_limit: Duration::from_secs(600), ..WebhookSettings::new(url, None) }
    }
}

/// A receiver behind TLS that takes one delivery for every connection, and the
/// certificates that prove it.
pub(super) async fn start_tls_receiver() -> (SocketAddr, rustls::RootCertStore, mpsc::UnboundedReceiver<String>) {
    let (acceptor, trusted) = tls_acceptor("localhost");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, bodies) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            let Ok(mut connection) = acceptor.accept(connection).await else { continue };
            let mut request = String::new();
            while !request.ends_with('}') {
                let mut buffer = [0; 4096];
                let length = connection.read(&mut buffer).await.unwrap();
                request.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
            }
            connection.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await.unwrap();
            seen.send(request).unwrap();
        }
    });
    (address, trusted, bodies)
}
