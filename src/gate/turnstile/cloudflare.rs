//! Cloudflare's siteverify, and whether it knows our secret key.

use crate::{
    gate::{TurnstileSettings, error::GateError},
    https_client::{ClientError, ProxySettings, https_client},
    logging::with_causes,
};
use reqwest::StatusCode;
use serde::Deserialize;
use std::{
    net::IpAddr,
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

/// Our code for a token that was solved on another site.
const WRONG_HOSTNAME: &str = "hostname-mismatch";

/// What is shown to Cloudflare in a token's place, to hear what it says of the secret.
const PROBE_TOKEN: &str = "hashpass-probe";

/// Between two looks at whether the secret is known, until it is.
const PROBE_INTERVAL: Duration = Duration::from_secs(60);

/// Cloudflare's siteverify.
pub(super) struct Cloudflare {
    settings: TurnstileSettings,
    /// Every call of it ends within the time limit.
    client: reqwest::Client,
    /// What the newest answer said of the secret: a [`Secret`].
    secret: AtomicU8,
}

/// What Cloudflare says of our secret key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secret {
    /// Nothing yet.
    Unknown = 0,
    /// It is one of its own.
    Accepted = 1,
    /// It is none.
    Refused = 2,
}

/// The part of its answer that we read.
#[derive(Debug, Deserialize)]
struct SiteVerify {
    success: bool,
    #[serde(default, rename = "error-codes")]
    error_codes: Vec<String>,
    /// Where the token was solved.
    #[serde(default)]
    hostname: String,
}

/// Why there is no answer; in words for the log.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("the human check does not answer with 200: is TURNSTILE_VERIFY_URL right?")]
    NotOk,
    #[error("the human check did not answer in time")]
    TimeOut,
    #[error("the human check cannot be asked: {0}")]
    Unreachable(String),
    #[error("the human check has an error of its own")]
    Internal,
}

impl Cloudflare {
    /// Cloudflare as `settings` say; it has `time_limit` for every answer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(super) fn new(
        settings: TurnstileSettings,
        proxies: &ProxySettings,
        time_limit: Duration,
    ) -> Result<Self, ClientError> {
        let client = https_client(proxies, time_limit)?;
        Ok(Self { settings, client, secret: AtomicU8::new(Secret::Unknown as u8) })
    }

    /// Asks whether a token of a client at `address` is good.
    ///
    /// # Errors
    /// [`GateError::HumanCheckFailed`], [`GateError::HumanCheckUnavailable`].
    pub(super) async fn ask(&self, token: &str, address: IpAddr) -> Result<(), GateError> {
        let answer = self.call(token, Some(address)).await.map_err(|error| {
            tracing::error!("{error}");
            GateError::HumanCheckUnavailable
        })?;
        let SiteVerify { success, error_codes, hostname } = answer;
        if !success {
            return Err(failed(error_codes));
        }
        if !self.settings.allows_hostname(&hostname) {
            tracing::warn!(?hostname, "a token was solved on a host that is not in TURNSTILE_HOSTNAMES");
            return Err(failed(vec![WRONG_HOSTNAME.to_owned()]));
        }
        Ok(())
    }

    /// True unless the newest answer was that it does not know our secret.
    pub(super) fn knows_secret(&self) -> bool {
        self.secret.load(Ordering::Relaxed) != Secret::Refused as u8
    }

    /// True once something is known of our secret.
    #[cfg(test)]
    pub(super) fn has_answered(&self) -> bool {
        self.secret.load(Ordering::Relaxed) != Secret::Unknown as u8
    }

    /// Finds out at once whether Cloudflare knows our secret, and again every minute while
    /// it does not or cannot be asked: a wrong key is told before the first visitor meets
    /// it, and one that is put right there needs no restart here. Goes on until it is
    /// aborted.
    pub(super) async fn watch_secret(&self) {
        let mut was_silent = false;
        loop {
            if self.secret.load(Ordering::Relaxed) != Secret::Accepted as u8 {
                match self.call(PROBE_TOKEN, None).await {
                    Ok(_) if was_silent => {
                        was_silent = false;
                        tracing::info!("the human check can be asked again");
                    }
                    Ok(_) => {}
                    Err(_) if was_silent => {}
                    Err(error) => {
                        was_silent = true;
                        tracing::warn!("nobody new can take part until the human check answers: {error}");
                    }
                }
            }
            tokio::time::sleep(PROBE_INTERVAL).await;
        }
    }

    async fn call(&self, token: &str, address: Option<IpAddr>) -> Result<SiteVerify, NoAnswer> {
        let Self { settings, client, .. } = self;
        let address = address.map(|address| address.to_string());
        let mut form = vec![("secret", settings.secret.as_str()), ("response", token)];
        form.extend(address.as_deref().map(|address| ("remoteip", address)));
        let answer = async {
            let response = client.post(&settings.verify_url).form(&form).send().await?.error_for_status()?;
            // A redirect is not followed, and what comes with it is no answer.
            if response.status() != StatusCode::OK {
                return Ok(None);
            }
            response.json::<SiteVerify>().await.map(Some)
        };
        let answer = answer.await.map_err(|error| {
            if error.is_timeout() {
                NoAnswer::TimeOut
            } else {
                NoAnswer::Unreachable(with_causes(&error.without_url()))
            }
        });
        let answer = answer?.ok_or(NoAnswer::NotOk)?;
        let says = |part: &str| answer.error_codes.iter().any(|code| code.ends_with(part));
        if says("internal-error") {
            return Err(NoAnswer::Internal);
        }
        self.note_secret(if says("-input-secret") { Secret::Refused } else { Secret::Accepted });
        Ok(answer)
    }

    fn note_secret(&self, secret: Secret) {
        let before = self.secret.swap(secret as u8, Ordering::Relaxed);
        if secret == Secret::Refused && before != Secret::Refused as u8 {
            tracing::error!(
                "the human check does not know TURNSTILE_SECRET_KEY: nobody can take part; copy the secret key of the \
                 widget (not its site key) from Cloudflare's dashboard and start again"
            );
        }
        if secret == Secret::Accepted && before == Secret::Refused as u8 {
            tracing::info!("the human check knows TURNSTILE_SECRET_KEY now");
        }
    }
}

/// The check refuses the token, for these reasons.
pub(super) fn failed(error_codes: Vec<String>) -> GateError {
    GateError::HumanCheckFailed { error_codes: error_codes.into() }
}
