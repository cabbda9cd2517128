//! `/api/v1/*`: the lobby over HTTP. Thin skins over [`crate::lobby`].
//!
//! Everybody is known by the cookie alone; an `Authorization` header is refused,
//! so that no token ever finds its way into the lobby. Pages of the origins that the
//! operator lists may call (CORS); see `guard`.

pub(crate) mod commands;
mod guard;
pub(crate) mod session;
mod view;

use crate::{
    edge::{
        context::{RequestContext, Rooms},
        error::{HttpError, method_not_allowed, not_found},
    },
    lobby::{Lobby, LobbyError, store::StoreError},
};
use app::{ApiError, ErrorCode, error::StampDemand};
use axum::{
    Router,
    http::{HeaderValue, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use puzzle::stamp::Rejection;
use std::time::Duration;

/// The routes of the lobby.
pub(crate) fn router(rooms: &Rooms) -> Router {
    Router::new()
        .route("/api/v1/server", get(view::server))
        .route("/api/v1/session", post(session::create))
        .route("/api/v1/login", post(session::login))
        .route("/api/v1/logout", post(session::logout))
        .route("/api/v1/messages", get(commands::poll).post(commands::send))
        .route("/api/v1/state", get(view::state))
        .route("/api/v1/history", get(view::history))
        .route("/api/v1/channels", get(view::channels))
        .route("/api/v1/channels/{name}/members", get(view::members))
        .route("/api/v1/{*unknown}", any(async || not_found()))
        .method_not_allowed_fallback(async || method_not_allowed())
        .layer(middleware::from_fn_with_state(rooms.cors_origins.clone(), guard::guard))
}

/// The lobby, if it is open.
fn open(request: &RequestContext) -> Result<&Lobby, HttpError> {
    request.rooms.lobby.as_ref().ok_or_else(|| {
        ApiError {
            retry_after: Some(60),
            ..ApiError::new(ErrorCode::LobbyClosed, "The lobby is closed; the race goes on without it")
        }
        .into()
    })
}

/// The caller's session, by the cookie.
fn session(request: &RequestContext) -> Result<crate::identity::session::Session, HttpError> {
    request.cookie_session().ok_or_else(|| explain(request, LobbyError::Ended))
}

/// The one place where a refusal of the lobby gets its code.
pub(crate) const fn code_of(error: LobbyError) -> ErrorCode {
    match error {
        LobbyError::Ended => ErrorCode::NotLoggedIn,
        LobbyError::Malformed(_) => ErrorCode::Malformed,
        LobbyError::BadNick(_) => ErrorCode::BadNick,
        LobbyError::NickTaken { .. } => ErrorCode::NickTaken,
        LobbyError::Stamp(_) => ErrorCode::StampRequired,
        LobbyError::WrongPassword => ErrorCode::WrongPassword,
        LobbyError::TooFast { .. } => ErrorCode::TooManyRequests,
        LobbyError::Ceiling { .. } | LobbyError::Full | LobbyError::Store(StoreError::Busy | StoreError::Failed) => {
            ErrorCode::LobbyBusy
        }
        LobbyError::NoSuchTarget => ErrorCode::NotFound,
        LobbyError::NotOnChannel => ErrorCode::NotOnChannel,
    }
}

/// A refusal of the lobby as an error of the protocol.
pub(crate) fn explain(request: &RequestContext, error: LobbyError) -> HttpError {
    let retry_after = match error {
        LobbyError::Stamp(why) => return stamp_required(request, why),
        LobbyError::TooFast { retry_after } | LobbyError::Ceiling { retry_after } => Some(whole_seconds(retry_after)),
        LobbyError::NickTaken { retry_after } => retry_after.map(whole_seconds),
        LobbyError::Full => Some(60),
        LobbyError::Store(_) => Some(2),
        _ => None,
    };
    ApiError { retry_after, ..ApiError::new(code_of(error), error.to_string()) }.into()
}

/// `402 stamp_required` with what a stamp must be.
pub(crate) fn stamp_required(request: &RequestContext, why: Rejection) -> HttpError {
    let stamps = request.rooms.admission.stamps();
    let demand = StampDemand {
        hashcash_bits: stamps.bits().get(),
        resource: stamps.resource().to_owned(),
        reason: why.reason().to_owned(),
    };
    let detail = format!("A hashcash stamp of {} bits is needed: {why}", stamps.bits());
    ApiError { stamp: Some(Box::new(demand)), ..ApiError::new(ErrorCode::StampRequired, detail) }.into()
}

/// Seconds, rounded up and at least 1, as `Retry-After` has it.
fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() != 0)).max(1)
}

/// JSON that is serialised already.
fn json(text: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
}
