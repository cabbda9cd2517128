//! `/api/v1/*`: the lobby over HTTP. What is called here does little more than call
//! [`crate::lobby`].
//!
//! Everybody is known by the cookie alone; an `Authorization` header is refused,
//! so that no token ever finds its way into the lobby. Pages of the origins that the
//! operator lists may call (CORS); see `guard`.

mod commands;
mod guard;
mod session;
mod view;

use crate::{
    edge::{
        context::{RequestContext, Rooms},
        error::{HttpError, method_not_allowed, not_found},
    },
    identity::session::Session,
    lobby::{Lobby, LobbyError},
};
use app::{ApiError, ErrorCode};
use axum::{
    Router,
    http::{HeaderValue, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{any, get, post},
};

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
fn session(request: &RequestContext) -> Result<Session, HttpError> {
    request.cookie_session().ok_or_else(|| LobbyError::Ended.into())
}

/// JSON that is serialised already.
fn json(text: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
}
