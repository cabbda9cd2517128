//! One request: who asks, from where, and what they may do.
//!
//! Here the gate and the race meet. The checks of a submission follow the
//! protocol's order, cheapest first; the ticket is taken before any of them.

use crate::{
    config::TurnstileKeys,
    edge::routes::lobby::stamp_required,
    edge::{cookie::cookie, language},
    gate::limits::{AddressLimits, Exceeded},
    identity::session::{Session, TokenKey, TokenSession},
    lobby::Lobby,
    race::{Competitor, Refusal, Solution, Win},
    server::Server,
};
use app::{
    ApiError, ErrorCode, Language,
    host::Host,
    wire::{
        Gate, PageState, Puzzle, Submission, TurnstileConfig, Victory, View,
        lobby::{LobbyEvent, LobbyPage},
    },
};
use axum::http::{HeaderMap, header};
use futures::{FutureExt, future::BoxFuture};
use puzzle::stamp::Rejection;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

/// The longest token that is looked at; Cloudflare's are at most 2048 characters.
const LONGEST_TOKEN: usize = 2048;

/// One request.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The server.
    pub server: Server,
    /// The client's address, as far as it can be trusted.
    pub address: IpAddr,
    /// True if the client speaks TLS, to us or to a trusted proxy.
    pub is_tls: bool,
    /// The language that the client reads.
    pub language: Language,
    /// Which page is asked for, if it is one.
    pub view: View,
    headers: HeaderMap,
}

impl RequestContext {
    /// Takes what matters from a request whose socket has `peer` at its other end.
    pub fn new(server: Server, peer: SocketAddr, headers: &HeaderMap) -> Self {
        let proxies = &server.gate.trusted_proxies;
        Self {
            address: proxies.client_address(peer.ip(), headers),
            is_tls: proxies.is_tls(peer.ip(), headers),
            language: language::asked_for(headers),
            view: View::default(),
            headers: headers.clone(),
            server,
        }
    }

    /// The session that the request belongs to: by its cookie, or by a token of
    /// the human check as Bearer, or by `token` (the WebSocket's parameter).
    ///
    /// # Errors
    /// `missing_token` and its kin; `stamp_required` where the gate asks for stamps.
    pub async fn session(&self, token: Option<&str>) -> Result<Session, ApiError> {
        let rule = self.server.gate.rule;
        let session = self.cookie_session();
        if let Some(session) = &session
            && rule.is_met_by(session.passed)
        {
            return Ok(session.clone());
        }
        if rule.asks_for_stamps() {
            // A token alone stands for no stamp.
            let stamped = session.is_some_and(|session| session.passed.stamped);
            return Err(if stamped { missing_token() } else { stamp_required(self, Rejection::Missing).0 });
        }
        let token = token.or_else(|| self.bearer()).filter(|token| is_token(token)).ok_or_else(missing_token)?;
        if let Some(session) = self.server.sessions.by_token(&TokenKey::new(token, self.address)) {
            return Ok(session);
        }
        let TokenSession { session, is_new } = self.counted(self.server.turnstile.accept(token, self.address)).await?;
        if !is_new {
            self.server.limits.sessions.give_back(self.address);
        }
        Ok(session)
    }

    /// The session of the request's cookie, whatever it has passed.
    pub fn cookie_session(&self) -> Option<Session> {
        self.server.sessions.by_cookie(cookie(&self.headers)?)
    }

    /// Spends a token of the human check on a session of its own.
    ///
    /// # Errors
    /// `missing_token` if it is empty or no token; `too_many_requests`; what the
    /// check says otherwise.
    pub async fn spend_token(&self, token: &str) -> Result<(), ApiError> {
        if !is_token(token) {
            return Err(missing_token());
        }
        self.counted(self.server.turnstile.spend(token, self.address)).await
    }

    /// Asks the human check, for a new session.
    ///
    /// The session and the check are counted before anybody is asked, so that
    /// calls made at once cannot exceed a limit; a check that passes, and a
    /// session that comes to nothing, are taken back.
    async fn counted<T>(&self, check: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        let AddressLimits { sessions, checks, .. } = &*self.server.limits;
        self.count_session()?;
        let checked = match checks.take(self.address) {
            Err(exceeded) => {
                Err(too_many(exceeded, "Too many human checks from your address failed: try again a little later"))
            }
            Ok(()) => check.await.inspect(|_| checks.give_back(self.address)),
        };
        checked.inspect_err(|_| sessions.give_back(self.address))
    }

    /// Counts a new session of this address; one that comes to nothing is to be
    /// given back to the limit.
    ///
    /// # Errors
    /// `too_many_requests`.
    pub fn count_session(&self) -> Result<(), ApiError> {
        self.server.limits.sessions.take(self.address).map_err(|exceeded| {
            too_many(exceeded, "Too many sessions were opened from your address: try again a little later")
        })
    }

    fn bearer(&self) -> Option<&str> {
        let value = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// The session's own wins, newest first.
    pub fn wins_of(&self, session: &Session) -> Vec<Win> {
        self.server.race.wins_of(&session.id)
    }

    async fn submit(&self, submission: Submission) -> Result<Victory, ApiError> {
        let arrival = self.server.race.arrive();
        let session = self.session(None).await?;
        let Submission { visitor_id, nonce, submitted_seed, trace_data, hash } = submission;
        if !trace_data.is_splice_proof() || !self.server.gate.ip_binding.allows(trace_data.ip(), self.address) {
            return Err(ApiError::new(
                ErrorCode::IdentityMismatch,
                "Identity mismatch: TraceData IP doesn't match request IP",
            ));
        }
        if self.server.sessions.claim_visitor(&session, &visitor_id).is_err() {
            return Err(ApiError::new(
                ErrorCode::VisitorMismatch,
                "This session belongs to another visitor id: a session keeps the first one it used",
            ));
        }
        let live = &self.server.live;
        let competitor = Competitor {
            counted: live.counts(&session.id, arrival.at()),
            session: session.id,
            visitor: visitor_id,
            trace: trace_data,
            address: self.address,
        };
        let solution = Solution { seed: submitted_seed, nonce, hash };
        let victory =
            self.server.race.submit(arrival, &competitor, solution).await.map_err(|refusal| self.explain(refusal))?;
        live.won(&competitor.session, arrival.at());
        Ok(victory)
    }

    /// The one place where a refusal of the race becomes an error of the protocol.
    fn explain(&self, refusal: Refusal) -> ApiError {
        let with_code = |code| ApiError::new(code, refusal.to_string());
        match refusal {
            Refusal::AlreadySolved => {
                let round = self.server.race.view();
                ApiError {
                    round: Some(round.round),
                    seed: Some(round.seed),
                    ..with_code(ErrorCode::PuzzleAlreadySolved)
                }
            }
            Refusal::BelowDifficulty { valid_in } => ApiError {
                valid_in: valid_in.map(|time| time.map(|time| time.as_secs_f64())),
                ..with_code(ErrorCode::BelowDifficulty)
            },
            Refusal::InFlight => ApiError { retry_after: Some(1), ..with_code(ErrorCode::TooManySubmissions) },
            Refusal::Struck { retry_after } | Refusal::TooManyFromAddress { retry_after } => {
                ApiError { retry_after: Some(whole_seconds(retry_after)), ..with_code(ErrorCode::TooManySubmissions) }
            }
            Refusal::Busy | Refusal::VerifierFailed => {
                ApiError { retry_after: Some(2), ..with_code(ErrorCode::VerificationBusy) }
            }
            Refusal::HashMismatch => with_code(ErrorCode::HashMismatch),
            Refusal::Stopping => ApiError { retry_after: Some(5), ..with_code(ErrorCode::ShuttingDown) },
        }
    }
}

/// Seconds, rounded up, as `Retry-After` has it.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() != 0)
}

fn is_token(token: &str) -> bool {
    !token.is_empty() && token.len() <= LONGEST_TOKEN
}

fn missing_token() -> ApiError {
    ApiError::new(ErrorCode::MissingToken, "Missing Turnstile token in Authorization header")
}

fn too_many(Exceeded { retry_after }: Exceeded, detail: &str) -> ApiError {
    ApiError { retry_after: Some(whole_seconds(retry_after)), ..ApiError::new(ErrorCode::TooManyRequests, detail) }
}

pub(crate) fn too_many_sessions() -> ApiError {
    ApiError {
        retry_after: Some(60),
        ..ApiError::new(ErrorCode::TooManyRequests, "There are too many sessions: try again in a minute")
    }
}

impl Host for RequestContext {
    fn puzzle(self: Arc<Self>) -> BoxFuture<'static, Result<Puzzle, ApiError>> {
        async move {
            self.session(None).await?;
            let round = self.server.race.view();
            Ok(Puzzle { expected_hashes: round.target.expected_hashes(), round })
        }
        .boxed()
    }

    fn verify(self: Arc<Self>, submission: Submission) -> BoxFuture<'static, Result<Victory, ApiError>> {
        async move { self.submit(submission).await }.boxed()
    }

    fn language(&self) -> Language {
        self.language
    }

    fn view(&self) -> View {
        self.view
    }

    fn page(&self) -> PageState {
        PageState {
            view: self.view,
            language: self.language,
            round: self.server.race.view(),
            figures: self.server.live.figures(),
            turnstile: turnstile_config(&self.server),
            gate: gate(&self.server),
            lobby: self.server.lobby.as_ref().map(lobby_page).unwrap_or_default(),
            turnstile_script: self.server.gate.turnstile.as_ref().map(TurnstileKeys::script).unwrap_or_default(),
            has_session: self.cookie_session().is_some_and(|session| self.server.gate.rule.is_met_by(session.passed)),
            miner_simd: env!("HASHPASS_MINER_SIMD").to_owned(),
            miner_scalar: env!("HASHPASS_MINER_SCALAR").to_owned(),
        }
    }
}

/// What the page must know of the gate.
fn gate(server: &Server) -> Gate {
    let rule = server.gate.rule;
    Gate {
        asks_for_humans: rule.asks_for_humans(),
        asks_for_stamps: rule.asks_for_stamps(),
        stamp_bits: server.stamps.bits().get(),
        resource: server.stamps.resource().to_owned(),
    }
}

/// What the page shows of the lobby to everybody. What people sent along with their
/// words does not travel; what the server says of the race does.
fn lobby_page(lobby: &Lobby) -> LobbyPage {
    let view = lobby.server();
    let recent = lobby.recent();
    let lines = recent.iter().filter_map(|line| serde_json::from_str::<LobbyEvent>(line).ok());
    let lines = lines.map(|mut line| {
        if line.from != view.name {
            line.meta = serde_json::Value::Null;
        }
        line
    });
    LobbyPage { open: true, users: view.users, lines: lines.collect() }
}

/// What the page must know of the human check.
pub fn turnstile_config(server: &Server) -> TurnstileConfig {
    let site_key = server.gate.turnstile.as_ref().map(|keys| keys.site_key.clone());
    TurnstileConfig { test_mode: server.gate.test_mode, site_key: site_key.unwrap_or_default() }
}
