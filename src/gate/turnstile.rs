//! The human check: Cloudflare Turnstile.
//!
//! A token is spent at Cloudflare once, and lets in once: either it becomes a
//! session of its own ([`Turnstile::spend`]), or it stands for one as long as it is
//! remembered ([`Turnstile::accept`]). Calls with the same token from the same
//! address that come while it is being asked share that one question; what comes
//! later finds the token remembered, because it is remembered before the question
//! is closed. The question goes on when the caller hangs up, so none is left open.
//!
//! When Cloudflare does not answer, nobody is let in. In test mode every token
//! passes and nobody is asked. Tokens are kept as hashes only, and neither they
//! nor the secret key are ever written into the log.

#[cfg(test)]
mod tests;

use super::TurnstileSettings;
use crate::{
    gate::error::GateError,
    https_client::{ClientError, ProxySettings, https_client},
    identity::session::{Session, TokenKey, TokenSession},
    identity::sessions::Sessions,
    lock::lock,
    logging::with_causes,
};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use reqwest::StatusCode;
use serde::Deserialize;
use std::{
    collections::{HashMap, hash_map},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// How long Cloudflare may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// How many questions may be open at once. Each ends within the time limit.
const MOST_QUESTIONS: usize = 1024;

/// Cloudflare's code for a token that was spent before or is older than five
/// minutes; ours for one that is just being spent by another call.
const SPENT: &str = "timeout-or-duplicate";

/// Our code for a token that was solved on another site.
const WRONG_HOSTNAME: &str = "hostname-mismatch";

type Question = Shared<BoxFuture<'static, Result<Session, GateError>>>;

/// The human check.
pub struct Turnstile {
    mode: Mode,
    sessions: Arc<Sessions>,
}

enum Mode {
    /// Every token passes.
    Test,
    /// Cloudflare is asked.
    Production { cloudflare: Arc<Cloudflare>, asking: Arc<Asking> },
}

/// The tokens that are being asked about now.
#[derive(Default)]
struct Asking(Mutex<HashMap<TokenKey, Asked>>);

/// What a token that is being asked about is for.
enum Asked {
    /// A session of its own: for one call alone.
    ToSpend,
    /// To stand for a session: whoever shows it may wait for the answer.
    ToAccept(Question),
}

impl std::fmt::Debug for Turnstile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Turnstile(…)")
    }
}

impl Turnstile {
    /// The check with these settings; without any, the test mode. Accepted tokens are
    /// remembered in `sessions`.
    ///
    /// # Errors
    /// [`ClientError`] if no HTTPS client can be made.
    pub fn new(
        settings: Option<TurnstileSettings>,
        sessions: Arc<Sessions>,
        proxies: &ProxySettings,
    ) -> Result<Self, ClientError> {
        Self::with_time_limit(settings, sessions, proxies, TIME_LIMIT)
    }

    fn with_time_limit(
        settings: Option<TurnstileSettings>,
        sessions: Arc<Sessions>,
        proxies: &ProxySettings,
        time_limit: Duration,
    ) -> Result<Self, ClientError> {
        let mode = match settings {
            None => Mode::Test,
            Some(settings) => Mode::Production {
                cloudflare: Arc::new(Cloudflare { settings, client: https_client(proxies, time_limit)? }),
                asking: Arc::default(),
            },
        };
        Ok(Self { mode, sessions })
    }

    /// The implicit session of a token of a client at `address`: remembered, or
    /// asked for now. It is new to the one call that has it asked for.
    ///
    /// # Errors
    /// [`GateError::HumanCheckFailed`], or [`GateError::HumanCheckUnavailable`].
    pub async fn accept(&self, token: &str, address: IpAddr) -> Result<TokenSession, GateError> {
        let key = TokenKey::new(token, address);
        let (cloudflare, asking) = match &self.mode {
            Mode::Test => return Ok(self.sessions.accept_token(&key)),
            Mode::Production { cloudflare, asking } => (cloudflare, asking),
        };
        let (question, is_new) = {
            let mut open = asking.lock();
            // Under the lock, because a question is closed under it too.
            if let Some(session) = self.sessions.by_token(&key) {
                return Ok(TokenSession { session, is_new: false });
            }
            let is_full = MOST_QUESTIONS <= open.len();
            match open.entry(key.clone()) {
                hash_map::Entry::Occupied(asked) => match asked.get() {
                    Asked::ToAccept(question) => (question.clone(), false),
                    Asked::ToSpend => return Err(failed(vec![SPENT.to_owned()])),
                },
                hash_map::Entry::Vacant(_) if is_full => return Err(GateError::HumanCheckUnavailable),
                hash_map::Entry::Vacant(place) => {
                    let (cloudflare, sessions) = (cloudflare.clone(), self.sessions.clone());
                    let (asking, token) = (asking.clone(), token.to_owned());
                    let question = in_background(async move {
                        let verdict = cloudflare.ask(&token, address).await;
                        let mut open = asking.lock();
                        open.remove(&key);
                        verdict?;
                        Ok(sessions.accept_token(&key).session)
                    });
                    let question = question.shared();
                    place.insert(Asked::ToAccept(question.clone()));
                    (question, true)
                }
            }
        };
        question.await.map(|session| TokenSession { session, is_new })
    }

    /// Spends a token of a client at `address` for whatever the caller gives for it.
    ///
    /// # Errors
    /// [`GateError::HumanCheckFailed`], or [`GateError::HumanCheckUnavailable`].
    pub async fn spend(&self, token: &str, address: IpAddr) -> Result<(), GateError> {
        let Mode::Production { cloudflare, asking } = &self.mode else { return Ok(()) };
        let key = TokenKey::new(token, address);
        {
            let mut open = asking.lock();
            if open.contains_key(&key) {
                return Err(failed(vec![SPENT.to_owned()]));
            }
            if MOST_QUESTIONS <= open.len() {
                return Err(GateError::HumanCheckUnavailable);
            }
            open.insert(key.clone(), Asked::ToSpend);
        }
        let (cloudflare, asking, token) = (cloudflare.clone(), asking.clone(), token.to_owned());
        in_background(async move {
            let verdict = cloudflare.ask(&token, address).await;
            asking.lock().remove(&key);
            verdict
        })
        .await
    }
}

impl Asking {
    fn lock(&self) -> MutexGuard<'_, HashMap<TokenKey, Asked>> {
        lock(&self.0)
    }
}

/// Goes on when the caller is gone.
fn in_background<T: Send + 'static>(
    work: impl Future<Output = Result<T, GateError>> + Send + 'static,
) -> BoxFuture<'static, Result<T, GateError>> {
    let task = tokio::spawn(work);
    // It neither panics nor is cancelled before the process ends.
    async move { task.await.unwrap_or(Err(GateError::HumanCheckUnavailable)) }.boxed()
}

/// Cloudflare's siteverify.
struct Cloudflare {
    settings: TurnstileSettings,
    /// Every call of it ends within the time limit.
    client: reqwest::Client,
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

impl Cloudflare {
    async fn ask(&self, token: &str, address: IpAddr) -> Result<(), GateError> {
        let Self { settings, client } = self;
        let address = address.to_string();
        let form = [("secret", settings.secret.as_str()), ("response", token), ("remoteip", address.as_str())];
        let answer = async {
            let response = client.post(&settings.verify_url).form(&form).send().await?.error_for_status()?;
            // A redirect is not followed, and what comes with it is no answer.
            if response.status() != StatusCode::OK {
                return Ok(None);
            }
            response.json::<SiteVerify>().await.map(Some)
        };
        let SiteVerify { success, error_codes, hostname } = match answer.await {
            Ok(Some(answer)) => answer,
            Ok(None) => {
                tracing::error!("the human check does not answer with 200: is TURNSTILE_VERIFY_URL right?");
                return Err(GateError::HumanCheckUnavailable);
            }
            Err(error) if error.is_timeout() => {
                tracing::error!("the human check did not answer in time");
                return Err(GateError::HumanCheckUnavailable);
            }
            Err(error) => {
                let error = with_causes(&error.without_url());
                tracing::error!(error, "the human check cannot be asked");
                return Err(GateError::HumanCheckUnavailable);
            }
        };
        if error_codes.iter().any(|code| code == "internal-error") {
            tracing::error!("the human check has an error of its own");
            return Err(GateError::HumanCheckUnavailable);
        }
        if error_codes.iter().any(|code| code.ends_with("-input-secret")) {
            tracing::error!("the human check does not know TURNSTILE_SECRET_KEY: nobody can take part");
        }
        if !success {
            return Err(failed(error_codes));
        }
        if !settings.allows_hostname(&hostname) {
            tracing::warn!(?hostname, "a token was solved on a host that is not in TURNSTILE_HOSTNAMES");
            return Err(failed(vec![WRONG_HOSTNAME.to_owned()]));
        }
        Ok(())
    }
}

fn failed(error_codes: Vec<String>) -> GateError {
    GateError::HumanCheckFailed { error_codes: error_codes.into() }
}
