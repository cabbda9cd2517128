//! A receiver of the webhook.

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::TcpListener;

/// What a receiver was asked, and what it answered.
pub type Requests = Vec<(HeaderMap, String, StatusCode)>;

/// A receiver of the webhook with what it answers, which can be changed.
pub struct Receiver {
    pub url: String,
    answer: Arc<Mutex<StatusCode>>,
    requests: Arc<Mutex<Requests>>,
}

type Shared = (Arc<Mutex<StatusCode>>, Arc<Mutex<Requests>>);

impl Receiver {
    pub async fn start(answer: StatusCode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (answer, requests) = (Arc::new(Mutex::new(answer)), Arc::default());
        let router = Router::new().fallback(Self::take).with_state((Arc::clone(&answer), Arc::clone(&requests)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, answer, requests }
    }

    async fn take(State((answer, requests)): State<Shared>, headers: HeaderMap, body: String) -> StatusCode {
        let answer = *answer.lock().unwrap();
        requests.lock().unwrap().push((headers, body, answer));
        answer
    }

    /// What it answers from now on.
    pub fn answer_with(&self, answer: StatusCode) {
        *self.answer.lock().unwrap() = answer;
    }

    /// What it was asked until now.
    pub fn requests(&self) -> Requests {
        self.requests.lock().unwrap().clone()
    }

    /// The same, once there is a request that got this answer.
    pub async fn requests_with(&self, answer: StatusCode) -> Requests {
        loop {
            let requests = self.requests();
            if requests.iter().any(|(.., answered)| *answered == answer) {
                return requests;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
