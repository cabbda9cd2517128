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
//!
//! Only so many questions are open at once, and they are nobody's: a network has a share
//! of them, and when all are open one of the network that holds most is given up for
//! whoever comes.

mod cloudflare;
#[cfg(test)]
mod tests;
mod tokens;

pub use tokens::SpentTokens;

use super::{
    TurnstileSettings,
    error::GateError,
    limits::{Crowded, Place, Places},
};
use crate::{
    https_client::{ClientError, ProxySettings},
    identity::session::{Session, TokenKey, TokenSession},
    identity::sessions::Sessions,
    ledger::Change,
    lock::lock,
};
use cloudflare::{Cloudflare, failed};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
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

/// How many of them may be of one address: a lecture hall whose visitors all come within
/// the second that an answer takes. Wider networks have a multiple.
const MOST_QUESTIONS_OF_A_NETWORK: usize = 256;

/// Cloudflare's code for a token that was spent before or is older than five
/// minutes; ours for one that is just being spent by another call.
const SPENT: &str = "timeout-or-duplicate";

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
    Production {
        cloudflare: Arc<Cloudflare>,
        asking: Arc<Asking>,
        /// The room for open questions.
        room: Arc<Places>,
        tokens: Arc<SpentTokens>,
    },
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
    /// The check with these settings, and the tokens that are spent already; without any,
    /// the test mode. Accepted tokens are remembered in `sessions`.
    ///
    /// # Errors
    /// [`ClientError`] if no HTTPS client can be made.
    pub fn new(
        settings: Option<(TurnstileSettings, Arc<SpentTokens>)>,
        sessions: Arc<Sessions>,
        proxies: &ProxySettings,
    ) -> Result<Self, ClientError> {
        Self::with_time_limit(settings, sessions, proxies, TIME_LIMIT)
    }

    fn with_time_limit(
        settings: Option<(TurnstileSettings, Arc<SpentTokens>)>,
        sessions: Arc<Sessions>,
        proxies: &ProxySettings,
        time_limit: Duration,
    ) -> Result<Self, ClientError> {
        let mode = match settings {
            None => Mode::Test,
            Some((settings, tokens)) => Mode::Production {
                cloudflare: Arc::new(Cloudflare::new(settings, proxies, time_limit)?),
                asking: Arc::default(),
                // All are alike, so that it is always the widest network that gives one up.
                room: Places::new(MOST_QUESTIONS_OF_A_NETWORK, MOST_QUESTIONS, Duration::ZERO),
                tokens,
            },
        };
        Ok(Self { mode, sessions })
    }

    /// The implicit session of a token of a client at `address`: remembered, or
    /// asked for now. It is new to the one call that has it asked for.
    ///
    /// # Errors
    /// [`GateError::HumanCheckFailed`], [`GateError::HumanCheckUnavailable`],
    /// [`GateError::TooManyChecksOfAddress`].
    pub async fn accept(&self, token: &str, address: IpAddr) -> Result<TokenSession, GateError> {
        let key = TokenKey::new(token, address);
        let Mode::Production { cloudflare, asking, room, tokens } = &self.mode else {
            return Ok(self.sessions.accept_token(&key));
        };
        let (question, is_new) = {
            let mut open = asking.lock();
            // Under the lock, because a question is closed under it too.
            if let Some(session) = self.sessions.by_token(&key) {
                return Ok(TokenSession { session, is_new: false });
            }
            match open.entry(key.clone()) {
                hash_map::Entry::Occupied(asked) => match asked.get() {
                    Asked::ToAccept(question) => (question.clone(), false),
                    Asked::ToSpend => return Err(failed(vec![SPENT.to_owned()])),
                },
                hash_map::Entry::Vacant(entry) => {
                    let place = place(room, address)?;
                    let (cloudflare, sessions, tokens) = (cloudflare.clone(), self.sessions.clone(), tokens.clone());
                    let (asking, token) = (asking.clone(), token.to_owned());
                    let question = in_background(async move {
                        let accepted = async {
                            ask(&cloudflare, &token, address, place).await?;
                            spend(&tokens, &token, sessions.changes_of_token(&key)).await
                        };
                        let accepted = accepted.await;
                        let mut open = asking.lock();
                        open.remove(&key);
                        accepted?;
                        Ok(sessions.accept_token(&key).session)
                    });
                    let question = question.shared();
                    entry.insert(Asked::ToAccept(question.clone()));
                    (question, true)
                }
            }
        };
        question.await.map(|session| TokenSession { session, is_new })
    }

    /// Spends a token of a client at `address` at Cloudflare, for whatever the caller gives
    /// for it once it [has told](Turnstile::note_spent) what that is.
    ///
    /// # Errors
    /// As [`Turnstile::accept`].
    pub async fn spend(&self, token: &str, address: IpAddr) -> Result<(), GateError> {
        let Mode::Production { cloudflare, asking, room, .. } = &self.mode else { return Ok(()) };
        let key = TokenKey::new(token, address);
        let place = {
            let mut open = asking.lock();
            if open.contains_key(&key) {
                return Err(failed(vec![SPENT.to_owned()]));
            }
            let place = place(room, address)?;
            open.insert(key.clone(), Asked::ToSpend);
            place
        };
        let (cloudflare, asking, token) = (cloudflare.clone(), asking.clone(), token.to_owned());
        in_background(async move {
            let verdict = ask(&cloudflare, &token, address, place).await;
            asking.lock().remove(&key);
            verdict
        })
        .await
    }

    /// Takes note that a token was spent, together with what the ledger has to know of what
    /// was given for it; before anybody is told of that.
    ///
    /// # Errors
    /// [`GateError::HumanCheckFailed`] if it was spent before.
    pub async fn note_spent(&self, token: &str, given: Vec<Change>) -> Result<(), GateError> {
        match &self.mode {
            Mode::Test => Ok(()),
            Mode::Production { tokens, .. } => spend(tokens, token, given).await,
        }
    }

    /// False if Cloudflare does not know our secret key, so that nobody passes.
    pub fn knows_secret(&self) -> bool {
        match &self.mode {
            Mode::Test => true,
            Mode::Production { cloudflare, .. } => cloudflare.knows_secret(),
        }
    }

    /// Finds out whether Cloudflare knows our secret key and tells the operator, until it is
    /// aborted.
    pub fn watch_secret(&self) -> impl Future<Output = ()> + Send + use<> {
        let cloudflare = match &self.mode {
            Mode::Test => None,
            Mode::Production { cloudflare, .. } => Some(cloudflare.clone()),
        };
        async move {
            if let Some(cloudflare) = cloudflare {
                cloudflare.watch_secret().await;
            }
        }
    }
}

/// Room for one more question of a client at `address`.
fn place(room: &Arc<Places>, address: IpAddr) -> Result<Place, GateError> {
    room.take(Some(address)).map_err(|crowded| match crowded {
        Crowded::Network => GateError::TooManyChecksOfAddress { retry_after: TIME_LIMIT },
        Crowded::Everywhere => GateError::HumanCheckUnavailable,
    })
}

/// Asks Cloudflare, unless the room is needed for somebody else before it has answered.
async fn ask(cloudflare: &Cloudflare, token: &str, address: IpAddr, place: Place) -> Result<(), GateError> {
    tokio::select! {
        biased;
        verdict = cloudflare.ask(token, address) => verdict,
        () = place.must_leave() => Err(GateError::HumanCheckUnavailable),
    }
}

async fn spend(tokens: &SpentTokens, token: &str, given: Vec<Change>) -> Result<(), GateError> {
    tokens.spend(token, given).await.map_err(|tokens::AlreadySpent| failed(vec![SPENT.to_owned()]))
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
