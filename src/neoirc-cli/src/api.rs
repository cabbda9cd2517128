//! The server's HTTP interface, `/api/v1/*`, and nothing of what is done with it.
//!
//! The cookie is shown to the one server it came from: redirects are not followed.
//! Answers are read up to a bound, so that no server can fill our memory.

use crate::{
    call_error::CallError,
    envelope::{Answer, Envelope, Event},
    jar::Cookie,
    server_url::ServerUrl,
};
use reqwest::{Client, RequestBuilder, Response, header, redirect};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// The longest a call may take. A command is held back by the server for up to
/// 20 s if there were many; a long poll for [`LONG_POLL_SECONDS`].
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// How long the server waits for the first message of a poll, in seconds.
const LONG_POLL_SECONDS: u64 = 25;

/// The longest time after which the server is asked again.
const LONGEST_RETRY: Duration = Duration::from_secs(3600);

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

/// `GET /api/v1/server`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ServerView {
    /// What session stamps are made out to.
    pub(crate) name: String,
    /// The bits of a session stamp; 0 if none is needed.
    #[serde(default)]
    pub(crate) hashcash_bits: u8,
}

/// `GET /api/v1/state`, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct StateView {
    pub(crate) nick: String,
    #[serde(default)]
    pub(crate) channels: Vec<ChannelView>,
}

/// A channel of [`StateView`].
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ChannelView {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) hashcash_bits: u8,
}

/// Messages of the queue.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Batch {
    pub(crate) messages: Vec<Event>,
    /// After which to go on.
    pub(crate) last_id: u64,
}

/// A session that was opened or entered.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) nick: String,
    pub(crate) cookie: Cookie,
}

/// A client of one server.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    http: Client,
    server: ServerUrl,
}

impl Api {
    /// # Errors
    /// If TLS cannot be set up, in one sentence.
    pub(crate) fn new(server: ServerUrl) -> Result<Self, String> {
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?
            .with_root_certificates(trusted_certificates())
            .with_no_client_auth();
        let http = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(15))
            .timeout(TIME_LIMIT)
            .user_agent(concat!("neoirc-cli/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("the client cannot be made: {error}"))?;
        Ok(Self { http, server })
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// What the server says of itself.
    pub(crate) async fn describe(&self) -> Result<ServerView, CallError> {
        self.read(self.http.get(self.server.of_call("server")).send().await).await
    }

    /// Opens a session.
    pub(crate) async fn open(&self, nick: Option<&str>, stamp: Option<&str>) -> Result<Opened, CallError> {
        let body = nick.map_or_else(|| json!({}), |nick| json!({"nick": nick}));
        let mut request = self.http.post(self.server.of_call("session")).json(&body);
        if let Some(stamp) = stamp {
            request = request.header("x-hashcash", stamp);
        }
        self.opened(request).await
    }

    /// Joins the session of a nick.
    pub(crate) async fn login(&self, nick: &str, password: &str) -> Result<Opened, CallError> {
        let body = json!({"nick": nick, "password": password});
        self.opened(self.http.post(self.server.of_call("login")).json(&body)).await
    }

    /// Ends one client of a session.
    pub(crate) async fn logout(&self, cookie: &Cookie) -> Result<(), CallError> {
        let request = self.with(cookie, self.http.post(self.server.of_call("logout"))).json(&json!({}));
        self.read::<serde_json::Value>(request.send().await).await.map(drop)
    }

    /// The caller's own state.
    pub(crate) async fn state(&self, cookie: &Cookie) -> Result<StateView, CallError> {
        self.read(self.with(cookie, self.http.get(self.server.of_call("state"))).send().await).await
    }

    /// What came after `after`; `wait` for the first of it.
    pub(crate) async fn poll(&self, cookie: &Cookie, after: u64, wait: bool) -> Result<Batch, CallError> {
        let timeout = if wait { LONG_POLL_SECONDS } else { 0 };
        let mut url = self.server.of_call("messages");
        url.query_pairs_mut().append_pair("after", &after.to_string()).append_pair("timeout", &timeout.to_string());
        self.read(self.with(cookie, self.http.get(url)).send().await).await
    }

    /// Sends a command.
    pub(crate) async fn send(&self, cookie: &Cookie, envelope: &Envelope) -> Result<Answer, CallError> {
        self.read(self.with(cookie, self.http.post(self.server.of_call("messages"))).json(envelope).send().await).await
    }

    fn with(&self, cookie: &Cookie, request: RequestBuilder) -> RequestBuilder {
        request.header(header::COOKIE, cookie.header())
    }

    async fn opened(&self, request: RequestBuilder) -> Result<Opened, CallError> {
        #[derive(Deserialize)]
        struct View {
            nick: String,
        }
        let response = request.send().await;
        let cookie = response.as_ref().ok().and_then(|response| {
            let lines = response.headers().get_all(header::SET_COOKIE);
            lines.iter().find_map(|line| Cookie::from_set_cookie(line.to_str().ok()?))
        });
        let View { nick } = self.read(response).await?;
        Ok(Opened {
            nick,
            cookie: cookie
                .ok_or_else(|| CallError::not_a_lobby(&self.server, "it opened a session and sent no cookie"))?,
        })
    }

    async fn read<T: DeserializeOwned>(&self, response: Result<Response, reqwest::Error>) -> Result<T, CallError> {
        let mut response = response.map_err(|error| CallError::unanswered(&self.server, &error))?;
        let status = response.status();
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| {
            let seconds: u64 = value.to_str().ok()?.parse().ok()?;
            // However long the server asks for: it is asked again after an hour.
            Some(Duration::from_secs(seconds).min(LONGEST_RETRY))
        });
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| CallError::unanswered(&self.server, &error))? {
            body.extend_from_slice(&chunk);
            if LONGEST_ANSWER < body.len() {
                return Err(CallError::not_a_lobby(&self.server, "its answer does not end"));
            }
        }
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map_err(|_| CallError::not_a_lobby(&self.server, "its answer is not the protocol's JSON"));
        }
        Err(CallError::refused(&self.server, status, retry_after, &body))
    }
}

/// The system's certificates, or else Mozilla's, which are compiled in.
fn trusted_certificates() -> RootCertStore {
    let mut store = RootCertStore::empty();
    // Certificates that cannot be understood are left out: old stores have some.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    store
}
