//! `POST /api/session`: passes the check once and gets a cookie for it.

use crate::host::{
    gate::session::set_cookie,
    http_error::HttpError,
    request::{RequestContext, too_many_sessions},
};
use app::{
    ApiError, ErrorCode,
    wire::{SessionRequest, SessionView},
};
use axum::{
    Json,
    body::Bytes,
    extract::Extension,
    http::header,
    response::{AppendHeaders, IntoResponse},
};

pub(crate) async fn create(
    Extension(request): Extension<RequestContext>,
    body: Bytes,
) -> Result<impl IntoResponse, HttpError> {
    let SessionRequest { turnstile_token } =
        serde_json::from_slice(&body).map_err(|error| ApiError::new(ErrorCode::Malformed, error.to_string()))?;
    request.spend_token(turnstile_token.as_deref().unwrap_or_default()).await?;
    let new = request.server.sessions.open().map_err(|_| too_many_sessions())?;
    let cookie = set_cookie(&new.token, request.is_tls);
    let view = SessionView { id: new.session.id.to_string(), nick: new.session.nick, verified: true };
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Json(view)))
}
