//! The server's HTTP interface, `/api/v1/*`, and nothing of what is done with it.
//!
//! The cookie is shown to the one server it came from: redirects are not followed.
//! Answers are read up to a bound, so that no server can fill our memory.

use crate::{
    envelope::{Answer, Envelope, Event},
    jar::Cookie,
};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header, redirect};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use std::{error::Error, fmt, str::FromStr, sync::Arc, time::Duration};

/// The longest a call may take. A command is held back by the server for up to
/// 20 s if there were many; a long poll for [`LONG_POLL`].
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// How long the server waits for the first message of a poll, in seconds.
const LONG_POLL: u64 = 25;

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

/// Where a server is: scheme, host, port, and a path if it lives under one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl(Url);

impl FromStr for ServerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no server: give its URL, such as https://example.org");
        let mut url = Url::parse(text).map_err(|_| wrong())?;
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain || url.fragment().is_some() {
            return Err(wrong());
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The call never left.
    #[error("{server} cannot be reached: {why}")]
    Unreachable {
        /// The server.
        server: String,
        /// What is wrong.
        why: String,
    },
    /// The connection was lost: the server may have acted, or not.
    #[error("the connection to {server} was lost: {why}")]
    Lost {
        /// The server.
        server: String,
        /// What is wrong.
        why: String,
    },
    /// The server said no.
    #[error("{}", .0.detail)]
    Refused(Refusal),
    /// What answers is no lobby.
    #[error("{server} does not answer like a lobby: {why}")]
    Strange {
        /// The server.
        server: String,
        /// What is strange.
        why: String,
    },
}

/// The server's no.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// For programs.
    pub(crate) code: String,
    /// For people.
    pub(crate) detail: String,
    /// When to try again.
    pub(crate) retry_after: Option<Duration>,
    /// With 402: the bits of a session stamp …
    pub(crate) hashcash_bits: Option<u8>,
    /// … and what it must be made out to.
    pub(crate) resource: Option<String>,
}

impl CallError {
    /// If the same call may succeed later: how long to wait at least.
    pub(crate) fn try_again_after(&self) -> Option<Duration> {
        match self {
            Self::Unreachable { .. } | Self::Lost { .. } => Some(Duration::ZERO),
            Self::Refused(Refusal { status: 429 | 502..=504, code, retry_after, .. }) if code != "lobby_closed" => {
                Some(retry_after.unwrap_or_default())
            }
            Self::Refused(_) | Self::Strange { .. } => None,
        }
    }

    /// When the server says that it makes sense to ask again.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// True if nobody can tell whether the server has acted.
    pub(crate) fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Refused(Refusal { status: 502 | 504, .. }))
    }

    /// True if the session is no more.
    pub(crate) fn is_ended(&self) -> bool {
        matches!(self, Self::Refused(Refusal { status: 401, .. }))
    }
}

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
        self.read(self.http.get(self.url("server")).send().await).await
    }

    /// Opens a session.
    pub(crate) async fn open(&self, nick: Option<&str>, stamp: Option<&str>) -> Result<Opened, CallError> {
        let body = nick.map_or_else(|| json!({}), |nick| json!({"nick": nick}));
        let mut request = self.http.post(self.url("session")).json(&body);
        if let Some(stamp) = stamp {
            request = request.header("x-hashcash", stamp);
        }
        self.opened(request).await
    }

    /// Joins the session of a nick.
    pub(crate) async fn login(&self, nick: &str, password: &str) -> Result<Opened, CallError> {
        let body = json!({"nick": nick, "password": password});
        self.opened(self.http.post(self.url("login")).json(&body)).await
    }

    /// Ends one client of a session.
    pub(crate) async fn logout(&self, cookie: &Cookie) -> Result<(), CallError> {
        let request = self.with(cookie, self.http.post(self.url("logout"))).json(&json!({}));
        self.read::<serde_json::Value>(request.send().await).await.map(drop)
    }

    /// The caller's own state.
    pub(crate) async fn state(&self, cookie: &Cookie) -> Result<StateView, CallError> {
        self.read(self.with(cookie, self.http.get(self.url("state"))).send().await).await
    }

    /// What came after `after`; `wait` for the first of it.
    pub(crate) async fn poll(&self, cookie: &Cookie, after: u64, wait: bool) -> Result<Batch, CallError> {
        let timeout = if wait { LONG_POLL } else { 0 };
        let mut url = self.url("messages");
        url.query_pairs_mut().append_pair("after", &after.to_string()).append_pair("timeout", &timeout.to_string());
        self.read(self.with(cookie, self.http.get(url)).send().await).await
    }

    /// Sends a command.
    pub(crate) async fn send(&self, cookie: &Cookie, envelope: &Envelope) -> Result<Answer, CallError> {
        self.read(self.with(cookie, self.http.post(self.url("messages"))).json(envelope).send().await).await
    }

    fn url(&self, call: &str) -> Url {
        let mut url = self.server.0.clone();
        let path = format!("{}/api/v1/{call}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
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
        Ok(Opened { nick, cookie: cookie.ok_or_else(|| self.strange("it opened a session and sent no cookie"))? })
    }

    async fn read<T: DeserializeOwned>(&self, response: Result<Response, reqwest::Error>) -> Result<T, CallError> {
        let mut response = response.map_err(|error| self.broken(&error))?;
        let status = response.status();
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| {
            let seconds: u64 = value.to_str().ok()?.parse().ok()?;
            // Whatever a server says: look again after an hour.
            Some(Duration::from_secs(seconds.min(3600)))
        });
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(&error))? {
            body.extend_from_slice(&chunk);
            if LONGEST_ANSWER < body.len() {
                return Err(self.strange("its answer does not end"));
            }
        }
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|_| self.strange("its answer is not the protocol's JSON"));
        }
        Err(self.refused(status, retry_after, &body))
    }

    fn refused(&self, status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> CallError {
        #[derive(Deserialize)]
        struct View {
            code: String,
            detail: String,
            hashcash_bits: Option<u8>,
            resource: Option<String>,
        }
        let Ok(View { code, detail, hashcash_bits, resource }) = serde_json::from_slice(body) else {
            // A proxy's page, while the server behind it is away.
            if matches!(status.as_u16(), 429 | 502..=504) {
                let (status, code) = (status.as_u16(), String::new());
                let detail = format!("{} answers {status}", self.server);
                return CallError::Refused(Refusal {
                    status,
                    code,
                    detail,
                    retry_after,
                    hashcash_bits: None,
                    resource: None,
                });
            }
            return self.strange(&format!("it answers {}", status.as_u16()));
        };
        let status = status.as_u16();
        CallError::Refused(Refusal { status, code, detail, retry_after, hashcash_bits, resource })
    }

    fn strange(&self, why: &str) -> CallError {
        CallError::Strange { server: self.server.to_string(), why: why.to_owned() }
    }

    fn broken(&self, error: &reqwest::Error) -> CallError {
        let (server, why) = (self.server.to_string(), root_cause(error));
        // It never became a request: what the server told us cannot be sent back.
        if error.is_builder() {
            return CallError::Strange { server, why };
        }
        if error.is_connect() { CallError::Unreachable { server, why } } else { CallError::Lost { server, why } }
    }
}

/// The last in the chain of causes: it is the one that tells something.
fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_by_url() {
        for (text, shown) in [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("https://Example.org/", "https://example.org"),
            ("https://example.org/race//", "https://example.org/race"),
        ] {
            assert_eq!(text.parse::<ServerUrl>().unwrap().to_string(), shown);
        }
        for text in ["", "example.org", "example.org:8000", "ftp://a", "http://u:p@a", "http://a/?q", "http://a/#f"] {
            let error = text.parse::<ServerUrl>().unwrap_err();
            assert!(error.contains("give its URL"), "{error}");
        }
    }

    #[test]
    fn calls_go_below_the_servers_path() {
        let url = |server: &str| Api::new(server.parse().unwrap()).unwrap().url("messages").to_string();
        assert_eq!(url("http://a"), "http://a/api/v1/messages");
        assert_eq!(url("https://a:8443/race/"), "https://a:8443/race/api/v1/messages");
    }

    #[test]
    fn refusals_say_whether_to_come_back() {
        let api = Api::new("http://a".parse().unwrap()).unwrap();
        let refused = |status: u16, seconds: Option<u64>, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            api.refused(status, seconds.map(Duration::from_secs), body.as_bytes())
        };
        let busy = r#"{"code":"lobby_busy","detail":"Busy"}"#;
        assert_eq!(refused(503, Some(7), busy).try_again_after(), Some(Duration::from_secs(7)));
        assert_eq!(refused(429, None, busy).try_again_after(), Some(Duration::ZERO));
        assert!(!refused(503, None, busy).is_ambiguous());
        // A proxy whose server is away.
        let away = refused(502, None, "<html>");
        assert!(away.try_again_after().is_some() && away.is_ambiguous());
        let closed = refused(503, Some(60), r#"{"code":"lobby_closed","detail":"Closed"}"#);
        assert_eq!(closed.try_again_after(), None);
        assert!(refused(401, None, r#"{"code":"not_logged_in","detail":"x"}"#).is_ended());
        assert!(matches!(refused(404, None, "<html>"), CallError::Strange { .. }));
        assert_eq!(refused(409, None, r#"{"code":"nick_taken","detail":"x"}"#).try_again_after(), None);
    }
}
