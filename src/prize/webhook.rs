//! The webhook: tells one other server who won which code.
//!
//! Every prize is one `POST` of `{"visitor_id":"…","invite_code":"…"}`, which is
//! all the receiver learns, with the code as `Idempotency-Key`, so that a receiver
//! that was told twice, because its answer got lost, can tell. A task of its own
//! delivers prize after prize in the order of the wins: a prize that is refused is
//! tried again before the next one is sent. Nobody waits for it, and no win depends
//! on it. Any status 2xx is success; a redirect is not, and is not followed.
//!
//! Nothing here ever logs a code, the token, or the receiver's address, which may
//! be a secret itself: a code is named by its digest.

#[cfg(test)]
mod tests;

use crate::https_client::{ClientError, https_client};
use puzzle::{VisitorId, invite_code::InviteCode, values::Invalid};
use reqwest::{
    Client, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde::Serialize;
use std::{
    fmt,
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The receiver's address: http or https.
///
/// Hidden in debug output: its path, query or user name may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

impl FromStr for WebhookUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // The text is not repeated in the error: it may hold a secret.
        let invalid = Invalid("an address that starts with http:// or https://");
        let url: Url = text.parse().map_err(|_| invalid)?;
        if matches!(url.scheme(), "http" | "https") { Ok(Self(url)) } else { Err(invalid) }
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookUrl(…)")
    }
}

/// What the receiver knows us by: sent as `Authorization: Bearer …`, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookToken(HeaderValue);

impl FromStr for WebhookToken {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = Invalid("one or more visible ASCII characters");
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid);
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| invalid)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl fmt::Debug for WebhookToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookToken(…)")
    }
}

/// Whom to tell, and how hard to try.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// `WEBHOOK_URL`: the receiver. A user name and password in it are sent as basic
    /// authorization, unless there is a token.
    pub url: WebhookUrl,
    /// `WEBHOOK_TOKEN`: what the receiver knows us by, if it wants that.
    pub token: Option<WebhookToken>,
    /// After how long a try has failed. Set by no variable: 5 seconds.
    pub time_limit: Duration,
    /// How long to wait before each further try; when they are used up the prize
    /// is given up. Set by no variable: 1, 5, 30 and 120 seconds.
    pub waits: Vec<Duration>,
    /// How many prizes may wait. Set by no variable: 100,000, which at a few hundred
    /// bytes each are some dozens of megabytes, and at a win a minute two months.
    pub most_waiting: usize,
}

impl WebhookSettings {
    /// This receiver, with the times and limits that no variable sets.
    pub fn new(url: WebhookUrl, token: Option<WebhookToken>) -> Self {
        Self {
            url,
            token,
            time_limit: Duration::from_secs(5),
            waits: [1, 5, 30, 120].map(Duration::from_secs).into(),
            most_waiting: 100_000,
        }
    }
}

/// Why a try failed; says nothing that has to stay secret.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the receiver answered {0}")]
    Refused(StatusCode),
    #[error("the receiver did not answer in time")]
    TimedOut,
    #[error("the receiver cannot be reached: {}", causes(.0))]
    Unreachable(reqwest::Error),
    #[error("the server stops")]
    Stopping,
}

impl From<reqwest::Error> for Trouble {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() { Self::TimedOut } else { Self::Unreachable(error.without_url()) }
    }
}

/// The error and all its causes, which the error alone does not show.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A prize on its way.
struct Prize {
    body: String,
    headers: HeaderMap,
    /// Names the code in the log.
    code_digest: String,
}

impl Prize {
    /// None if this is no code that can stand in a header, which no derived code is.
    fn new(visitor_id: &VisitorId, invite_code: &InviteCode, token: Option<&WebhookToken>) -> Option<Self> {
        #[derive(Serialize)]
        struct Body<'a> {
            visitor_id: &'a VisitorId,
            invite_code: &'a InviteCode,
        }
        let body = serde_json::to_string(&Body { visitor_id, invite_code }).ok()?;
        let mut key = HeaderValue::from_str(invite_code.as_str()).ok()?;
        key.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(IDEMPOTENCY_KEY, key);
        if let Some(WebhookToken(value)) = token {
            headers.insert(AUTHORIZATION, value.clone());
        }
        Some(Self { body, headers, code_digest: invite_code.digest() })
    }
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Prizes come and go.
    Open,
    /// No further prizes come; one more try begins for each of the rest, at once.
    Finishing,
    /// Nothing is tried any more.
    Over,
}

/// The handle to the delivery. If it is dropped without [`Webhook::shutdown`],
/// what is queued is still delivered, for as long as the runtime lives.
pub struct Webhook {
    /// None if there is nobody to tell.
    running: Option<Running>,
}

struct Running {
    token: Option<WebhookToken>,
    /// The way to the task; none after shutdown.
    prizes: Mutex<Option<mpsc::Sender<Prize>>>,
    phase: watch::Sender<Phase>,
    /// The task; none after shutdown.
    task: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("configured", &self.running.is_some()).finish()
    }
}

impl Webhook {
    /// Tells nobody.
    pub const fn none() -> Self {
        Self { running: None }
    }

    /// Starts the delivery; must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn start(settings: WebhookSettings) -> Result<Self, ClientError> {
        let client = https_client(settings.time_limit)?;
        Ok(Self::start_with_client(settings, client))
    }

    fn start_with_client(settings: WebhookSettings, client: Client) -> Self {
        let WebhookSettings { url, token, time_limit: _, waits, most_waiting } = settings;
        let (sender, prizes) = mpsc::channel(most_waiting.max(1));
        let (phase, receiver) = watch::channel(Phase::Open);
        let delivery = Delivery { client, url, waits, prizes, phase: receiver };
        let task = Mutex::new(Some(tokio::spawn(delivery.run())));
        Self { running: Some(Running { token, prizes: Mutex::new(Some(sender)), phase, task }) }
    }

    /// Queues a prize for delivery and returns at once. A prize that cannot be
    /// queued, because too many wait or after the end, is in the log.
    pub fn queue(&self, visitor_id: &VisitorId, invite_code: &InviteCode) {
        let Some(running) = &self.running else { return };
        let sender = running.prizes.lock().unwrap_or_else(PoisonError::into_inner);
        let why = match (sender.as_ref(), Prize::new(visitor_id, invite_code, running.token.as_ref())) {
            (Some(sender), Some(prize)) => match sender.try_send(prize) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(_)) => "too many prizes wait",
                Err(mpsc::error::TrySendError::Closed(_)) => "the delivery has ended",
            },
            (None, _) => "the server stops",
            (_, None) => "the code cannot be sent",
        };
        let code_digest = invite_code.digest();
        tracing::error!(code_digest, why, "the webhook is not told of a prize");
    }

    /// Takes no further prizes and tries each that waits once more, without
    /// waiting between tries, until `grace` is over. What is not delivered by then
    /// is in the log by the digests of the codes.
    pub async fn shutdown(&self, grace: Duration) {
        let Some(running) = &self.running else { return };
        drop(running.prizes.lock().unwrap_or_else(PoisonError::into_inner).take());
        running.phase.send_replace(Phase::Finishing);
        let task = running.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task else { return };
        if tokio::time::timeout(grace, &mut task).await.is_err() {
            running.phase.send_replace(Phase::Over);
            // The task has nothing left to wait for.
            let _ = task.await;
        }
    }
}

/// The task that delivers.
struct Delivery {
    client: Client,
    url: WebhookUrl,
    waits: Vec<Duration>,
    prizes: mpsc::Receiver<Prize>,
    phase: watch::Receiver<Phase>,
}

impl Delivery {
    async fn run(mut self) {
        while let Some(prize) = self.prizes.recv().await {
            let code_digest = &prize.code_digest;
            let delivered = tokio::select! {
                biased;
                () = reached(Phase::Over, self.phase.clone()) => Err(Trouble::Stopping),
                delivered = self.deliver(&prize) => delivered,
            };
            match delivered {
                Ok(()) => tracing::debug!(code_digest, "the webhook was told of a prize"),
                Err(trouble) => tracing::error!(code_digest, %trouble, "the webhook was not told of a prize"),
            }
        }
    }

    /// Tries until the prize is taken, the waits are used up or the server stops.
    async fn deliver(&self, prize: &Prize) -> Result<(), Trouble> {
        let mut waits = self.waits.iter();
        loop {
            let is_last = *self.phase.borrow() != Phase::Open;
            let Err(trouble) = self.try_once(prize).await else { return Ok(()) };
            let Some(wait) = waits.next().filter(|_| !is_last) else { return Err(trouble) };
            let (code_digest, wait_s) = (&prize.code_digest, wait.as_secs_f64());
            tracing::warn!(code_digest, %trouble, wait_s, "the webhook will be tried again");
            tokio::select! {
                () = tokio::time::sleep(*wait) => {}
                () = reached(Phase::Finishing, self.phase.clone()) => {}
            }
        }
    }

    async fn try_once(&self, prize: &Prize) -> Result<(), Trouble> {
        let request = self.client.post(self.url.0.clone()).headers(prize.headers.clone()).body(prize.body.clone());
        let status = request.send().await?.status();
        if status.is_success() { Ok(()) } else { Err(Trouble::Refused(status)) }
    }
}

/// Done once the end has come as far as `wanted`; never if it cannot any more.
async fn reached(wanted: Phase, mut phase: watch::Receiver<Phase>) {
    if phase.wait_for(|phase| wanted <= *phase).await.is_err() {
        std::future::pending().await
    }
}
