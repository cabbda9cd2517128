//! Against a real receiver on this machine that can be told to misbehave.

use super::*;
use crate::{captured_log::CapturedLog, https_client::client_trusting};
use axum::{
    Router,
    extract::State,
    http::HeaderMap as SeenHeaders,
    response::{IntoResponse, Redirect, Response},
};
use puzzle::{Nonce, Seed, invite_code::CodeSecret};
use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;

/// Longer than any test takes: a try that is not meant to time out does not.
const LONG: Duration = Duration::from_secs(600);

/// What the receiver does with a request.
#[derive(Clone, Debug)]
enum Reply {
    Status(u16),
    Redirect(String),
    Never,
}

/// What the receiver got.
#[derive(Clone, Debug)]
struct Seen {
    headers: SeenHeaders,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn key(&self) -> String {
        self.header("idempotency-key").unwrap().to_owned()
    }
}

#[derive(Clone)]
struct Receiver {
    address: SocketAddr,
    /// What to do with the next requests; with all others: take them.
    replies: Arc<Mutex<VecDeque<Reply>>>,
    seen: Arc<watch::Sender<Vec<Seen>>>,
}

impl Receiver {
    async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
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

    async fn answer(State(receiver): State<Self>, headers: SeenHeaders, body: String) -> Response {
        receiver.seen.send_modify(|seen| seen.push(Seen { headers, body }));
        let reply = receiver.replies.lock().unwrap().pop_front().unwrap_or(Reply::Status(204));
        match reply {
            Reply::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
            Reply::Redirect(to) => Redirect::temporary(&to).into_response(),
            Reply::Never => std::future::pending().await,
        }
    }

    /// Everything it got, once that is `count` requests or more.
    async fn seen(&self, count: usize) -> Vec<Seen> {
        self.seen.subscribe().wait_for(|seen| count <= seen.len()).await.unwrap().clone()
    }

    async fn keys(&self, count: usize) -> Vec<String> {
        self.seen(count).await.iter().map(Seen::key).collect()
    }

    fn settings(&self) -> WebhookSettings {
        let url = format!("http://{}/hook", self.address).parse().unwrap();
        let waits = vec![Duration::from_millis(1); 4];
        WebhookSettings { time_limit: LONG, waits, ..WebhookSettings::new(url, None) }
    }
}

fn visitor() -> VisitorId {
    "visitor-1".parse().unwrap()
}

fn code(number: u64) -> InviteCode {
    let secret = CodeSecret::from_bytes([7; 32]);
    InviteCode::derive(&secret, &visitor(), Nonce::new(number).unwrap(), &Seed::from_bytes([1; 16]))
}

fn keys(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(|number| code(number).as_str().to_owned()).collect()
}

fn start(settings: WebhookSettings) -> Webhook {
    Webhook::start(settings).unwrap()
}

#[tokio::test]
async fn a_delivery_is_exactly_what_the_protocol_says() {
    let receiver = Receiver::start([]).await;
    let token = Some("s3cret-token".parse().unwrap());
    let webhook = start(WebhookSettings { token, ..receiver.settings() });
    webhook.queue(&visitor(), &code(1));
    let seen = &receiver.seen(1).await[0];
    assert_eq!(seen.body, format!(r#"{{"visitor_id":"visitor-1","invite_code":"{}"}}"#, code(1).as_str()));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("authorization"), Some("Bearer s3cret-token"));
    assert_eq!(seen.header("idempotency-key"), Some(code(1).as_str()));
}

#[tokio::test]
async fn without_a_token_no_authorization_is_sent() {
    let receiver = Receiver::start([]).await;
    let webhook = start(receiver.settings());
    webhook.queue(&visitor(), &code(1));
    assert_eq!(receiver.seen(1).await[0].header("authorization"), None);
}

#[tokio::test]
async fn a_token_goes_before_a_password_in_the_address() {
    let receiver = Receiver::start([]).await;
    let url: WebhookUrl = format!("http://user:password@{}/", receiver.address).parse().unwrap();
    for (token, expected) in [(None, "Basic dXNlcjpwYXNzd29yZA=="), (Some("token".parse().unwrap()), "Bearer token")] {
        let webhook = start(WebhookSettings { url: url.clone(), token, ..receiver.settings() });
        webhook.queue(&visitor(), &code(1));
        webhook.shutdown(LONG).await;
        let seen = receiver.seen(1).await;
        let sent: Vec<_> = seen.last().unwrap().headers.get_all("authorization").iter().collect();
        assert_eq!(sent, [expected]);
    }
}

#[tokio::test]
async fn every_kind_of_success_is_success() {
    let receiver = Receiver::start([200, 201, 202, 204].map(Reply::Status)).await;
    let webhook = start(receiver.settings());
    (1..=4).for_each(|number| webhook.queue(&visitor(), &code(number)));
    webhook.shutdown(LONG).await;
    assert_eq!(receiver.keys(4).await, keys(1..=4));
}

#[tokio::test]
async fn what_fails_is_tried_again_with_the_same_key_before_the_next_prize() {
    let receiver = Receiver::start([500, 503, 404].map(Reply::Status)).await;
    let webhook = start(receiver.settings());
    webhook.queue(&visitor(), &code(1));
    webhook.queue(&visitor(), &code(2));
    assert_eq!(receiver.keys(5).await, keys([1, 1, 1, 1, 2]));
}

#[tokio::test]
async fn after_five_tries_a_prize_is_given_up_and_the_log_names_its_digest_only() {
    let (captured, _guard) = CapturedLog::start();
    let receiver = Receiver::start(vec![Reply::Status(500); 5]).await;
    let token = Some("s3cret-token".parse().unwrap());
    let url = format!("http://user:p4ssword@{}/s3cret-path?key=s3cret", receiver.address).parse().unwrap();
    let webhook = start(WebhookSettings { url, token, ..receiver.settings() });
    webhook.queue(&visitor(), &code(1));
    webhook.queue(&visitor(), &code(2));
    assert_eq!(receiver.keys(6).await, keys([1, 1, 1, 1, 1, 2]));
    webhook.shutdown(LONG).await;
    let said: Vec<String> =
        captured.text().lines().filter(|line| line.contains("webhook")).map(str::to_owned).collect();
    let errors: Vec<_> = said.iter().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(errors.len(), 1, "{said:?}");
    assert!(errors[0].contains(&code(1).digest()) && errors[0].contains("500"), "{said:?}");
    for secret in [&code(1).as_str()[9..], &code(2).as_str()[9..], "s3cret", "p4ssword"] {
        assert!(!captured.text().contains(secret), "{secret}: {}", captured.text());
    }
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let other = Receiver::start([]).await;
    let elsewhere = Reply::Redirect(format!("http://{}/", other.address));
    let receiver = Receiver::start(vec![elsewhere; 2]).await;
    let webhook = start(receiver.settings());
    webhook.queue(&visitor(), &code(1));
    assert_eq!(receiver.keys(3).await, keys([1, 1, 1]));
    webhook.shutdown(LONG).await;
    assert!(other.seen.borrow().is_empty());
}

#[tokio::test]
async fn a_receiver_that_hangs_is_tried_again() {
    let receiver = Receiver::start([Reply::Never]).await;
    let webhook = start(WebhookSettings { time_limit: Duration::from_millis(300), ..receiver.settings() });
    webhook.queue(&visitor(), &code(1));
    assert!(receiver.keys(2).await.starts_with(&keys([1, 1])));
}

#[tokio::test]
async fn a_receiver_that_cannot_be_reached_is_named_by_nothing_but_the_cause() {
    let (captured, _guard) = CapturedLog::start();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/s3cret-path").parse().unwrap();
    let webhook = start(WebhookSettings { waits: Vec::new(), ..WebhookSettings::new(url, None) });
    webhook.queue(&visitor(), &code(1));
    webhook.shutdown(LONG).await;
    let said = captured.text();
    assert!(said.contains(&code(1).digest()) && said.contains("cannot be reached"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[tokio::test]
async fn beyond_the_bound_prizes_are_dropped_with_a_line_in_the_log() {
    let (captured, _guard) = CapturedLog::start();
    let receiver = Receiver::start([Reply::Never]).await;
    let webhook = start(WebhookSettings { most_waiting: 2, ..receiver.settings() });
    webhook.queue(&visitor(), &code(1));
    receiver.seen(1).await;
    (2..=4).for_each(|number| webhook.queue(&visitor(), &code(number)));
    let said = captured.text();
    assert!(said.contains(&code(4).digest()) && said.contains("too many prizes wait"), "{said}");
    assert!(!said.contains(&code(3).digest()), "{said}");
}

#[tokio::test]
async fn the_end_waits_for_what_is_queued_but_not_between_tries() {
    let receiver = Receiver::start([Reply::Status(500)]).await;
    let webhook = start(WebhookSettings { waits: vec![LONG; 4], ..receiver.settings() });
    (1..=3).for_each(|number| webhook.queue(&visitor(), &code(number)));
    receiver.seen(1).await;
    webhook.shutdown(LONG).await;
    assert_eq!(receiver.keys(4).await, keys([1, 1, 2, 3]));
}

#[tokio::test]
async fn what_the_end_leaves_undone_is_in_the_log() {
    let (captured, _guard) = CapturedLog::start();
    let receiver = Receiver::start(vec![Reply::Never; 9]).await;
    let webhook = start(receiver.settings());
    (1..=3).for_each(|number| webhook.queue(&visitor(), &code(number)));
    receiver.seen(1).await;
    webhook.shutdown(Duration::from_millis(1)).await;
    webhook.queue(&visitor(), &code(4));
    webhook.shutdown(Duration::ZERO).await;
    let said = captured.text();
    for number in 1..=4 {
        assert!(said.contains(&code(number).digest()), "{number}: {said}");
        assert!(!said.contains(&code(number).as_str()[9..]), "{number}: {said}");
    }
    assert_eq!(receiver.seen.borrow().len(), 1);
}

#[tokio::test]
async fn a_dropped_handle_does_not_stop_the_delivery() {
    let receiver = Receiver::start([Reply::Status(500)]).await;
    let webhook = start(receiver.settings());
    webhook.queue(&visitor(), &code(1));
    webhook.queue(&visitor(), &code(2));
    drop(webhook);
    assert_eq!(receiver.keys(3).await, keys([1, 1, 2]));
}

#[tokio::test]
async fn without_a_receiver_nothing_happens() {
    let webhook = Webhook::none();
    webhook.queue(&visitor(), &code(1));
    webhook.shutdown(LONG).await;
}

#[test]
fn addresses_and_tokens_are_checked_and_never_shown() {
    for good in ["http://127.0.0.1:9/hook", "https://example.org", "HTTPS://user:s3cret@example.org/?key=s3cret"] {
        let url: WebhookUrl = good.parse().unwrap();
        assert_eq!(format!("{url:?}"), "WebhookUrl(…)");
    }
    for bad in ["", "example.org/hook", "ftp://example.org", "file:///etc/passwd", "http://", "http:// s3cret"] {
        let error = bad.parse::<WebhookUrl>().unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }
    let token: WebhookToken = "s3cret".parse().unwrap();
    assert_eq!(format!("{token:?} {:?}", token.0), "WebhookToken(…) Sensitive");
    for bad in ["", "two words", "line\nbreak", "é"] {
        assert!(bad.parse::<WebhookToken>().is_err(), "{bad:?}");
    }
}

/// A receiver behind TLS that takes one delivery for every connection, and the
/// certificates that prove it.
async fn start_tls_receiver() -> (SocketAddr, rustls::RootCertStore, mpsc::UnboundedReceiver<String>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut trusted = rustls::RootCertStore::empty();
    trusted.add(cert.der().clone()).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
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

#[tokio::test]
async fn https_works_for_those_who_are_trusted_and_for_nobody_else() {
    let (captured, _guard) = CapturedLog::start();
    let (address, trusted, mut requests) = start_tls_receiver().await;
    let url: WebhookUrl = format!("https://localhost:{}/hook", address.port()).parse().unwrap();
    let settings = WebhookSettings { waits: Vec::new(), ..WebhookSettings::new(url, None) };

    let stranger = start(settings.clone());
    stranger.queue(&visitor(), &code(1));
    stranger.shutdown(LONG).await;
    assert!(captured.text().contains("invalid peer certificate"), "{}", captured.text());

    let client = client_trusting(trusted, LONG).unwrap();
    let webhook = Webhook::start_with_client(settings, client);
    webhook.queue(&visitor(), &code(2));
    webhook.shutdown(LONG).await;
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(code(2).as_str()), "{request}");
    assert!(requests.is_empty());
}
