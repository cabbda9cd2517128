//! The human check: Cloudflare Turnstile.
//!
//! A token is spent at Cloudflare once. Calls with the same token that come while
//! it is being asked share that one question and its answer; afterwards
//! [`sessions`](super::session) remember it. When Cloudflare does not answer,
//! nobody is let in. In test mode every token passes and nobody is asked.

use crate::host::{
    config::TurnstileKeys,
    prize::https_client::{ClientError, https_client},
};
use app::{ApiError, ErrorCode};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use serde::Deserialize;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How long Cloudflare may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);

type Verdict = Result<(), ApiError>;
type Question = Shared<BoxFuture<'static, Verdict>>;

/// The human check.
pub struct Turnstile {
    mode: Mode,
}

enum Mode {
    /// Every token passes.
    Test,
    /// Cloudflare is asked.
    Production { keys: TurnstileKeys, client: reqwest::Client, asking: Arc<Mutex<HashMap<(String, IpAddr), Question>>> },
}

impl std::fmt::Debug for Turnstile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Turnstile(…)")
    }
}

/// The part of Cloudflare's answer that we read.
#[derive(Debug, Deserialize)]
struct SiteVerify {
    success: bool,
    #[serde(default, rename = "error-codes")]
    error_codes: Vec<String>,
}

impl Turnstile {
    /// The check with these keys; without any, the test mode.
    ///
    /// # Errors
    /// [`ClientError`] if no HTTPS client can be made.
    pub fn new(keys: Option<TurnstileKeys>) -> Result<Self, ClientError> {
        let mode = match keys {
            None => Mode::Test,
            Some(keys) => Mode::Production { keys, client: https_client(TIME_LIMIT)?, asking: Arc::default() },
        };
        Ok(Self { mode })
    }

    /// Has a token of a client at `address` examined.
    ///
    /// # Errors
    /// `turnstile_failed` with Cloudflare's codes, or `turnstile_unavailable`.
    pub async fn check(&self, token: &str, address: IpAddr) -> Verdict {
        let Mode::Production { keys, client, asking } = &self.mode else { return Ok(()) };
        let key = (token.to_owned(), address);
        let question = {
            let mut open = asking.lock().unwrap_or_else(PoisonError::into_inner);
            open.entry(key.clone())
                .or_insert_with(|| ask(keys.clone(), client.clone(), key.clone()).boxed().shared())
                .clone()
        };
        let verdict = question.await;
        asking.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        verdict
    }
}

async fn ask(keys: TurnstileKeys, client: reqwest::Client, (token, address): (String, IpAddr)) -> Verdict {
    let address = address.to_string();
    let form = [("secret", keys.secret.as_str()), ("response", token.as_str()), ("remoteip", address.as_str())];
    let answer = async {
        client.post(&keys.verify_url).form(&form).send().await?.error_for_status()?.json::<SiteVerify>().await
    };
    match tokio::time::timeout(TIME_LIMIT, answer).await {
        Ok(Ok(SiteVerify { success: true, .. })) => Ok(()),
        Ok(Ok(SiteVerify { error_codes, .. })) => Err(ApiError {
            error_codes,
            ..ApiError::new(ErrorCode::TurnstileFailed, "The human check was not passed: please try it again")
        }),
        Ok(Err(error)) => {
            tracing::error!(error = %error.without_url(), "the human check cannot be asked");
            Err(unavailable())
        }
        Err(_) => {
            tracing::error!("the human check did not answer in time");
            Err(unavailable())
        }
    }
}

fn unavailable() -> ApiError {
    ApiError {
        retry_after: Some(10),
        ..ApiError::new(ErrorCode::TurnstileUnavailable, "The human check cannot be reached: try again in a moment")
    }
}
