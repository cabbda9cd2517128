//! `POST /api/v1/session`, `/login`, `/logout`: coming and going.

use super::{explain, open, session};
use crate::{
    edge::context::RequestContext,
    edge::cookie::{clear_cookie, set_cookie},
    edge::error::HttpError,
    lobby::Opened,
};
use app::{ApiError, ErrorCode};
use axum::{
    Json,
    body::Bytes,
    extract::Extension,
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The header that a session stamp comes in.
pub(crate) const STAMP_HEADER: &str = "x-hashcash";

#[derive(Debug, Default, Deserialize)]
struct NewSession {
    nick: Option<String>,
    /// The stamp, for clients that cannot set headers.
    pow_token: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Credentials {
    nick: String,
    password: String,
}

/// A session without anything that grants it.
#[derive(Debug, Serialize)]
struct View {
    id: String,
    nick: String,
}

pub(crate) async fn create(
    Extension(request): Extension<RequestContext>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, HttpError> {
    let lobby = open(&request)?;
    let NewSession { nick, pow_token } = if body.is_empty() { NewSession::default() } else { parse(&body)? };
    let stamp = stamp(&headers).or(pow_token.as_deref());
    let present = request.cookie_session();
    let is_new = present.is_none();
    if is_new {
        request.rooms.admission.count_session(request.address)?;
    }
    let opened = lobby.open_session(present, nick.as_deref(), stamp).await.map_err(|error| {
        if is_new {
            request.rooms.limits.sessions.give_back(request.address);
        }
        explain(&request, error)
    })?;
    Ok(opened_response(&request, StatusCode::CREATED, opened))
}

pub(crate) async fn login(Extension(request): Extension<RequestContext>, body: Bytes) -> Result<Response, HttpError> {
    let lobby = open(&request)?;
    let Credentials { nick, password } = parse(&body)?;
    let opened = lobby.login(&nick, password, request.address).await.map_err(|error| explain(&request, error))?;
    Ok(opened_response(&request, StatusCode::OK, opened))
}

pub(crate) async fn logout(Extension(request): Extension<RequestContext>) -> Result<Response, HttpError> {
    let lobby = open(&request)?;
    let session = session(&request)?;
    lobby.logout(&session).map_err(|error| explain(&request, error))?;
    let cookies = clear_cookie(request.is_tls).into_iter().map(|cookie| (header::SET_COOKIE, cookie));
    Ok((AppendHeaders(cookies), Json(serde_json::json!({"status": "ok"}))).into_response())
}

fn opened_response(request: &RequestContext, status: StatusCode, opened: Opened) -> Response {
    let Opened { id, nick, token } = opened;
    let view = Json(View { id: id.to_string(), nick: nick.to_string() });
    match token {
        Some(token) => {
            let cookie = set_cookie(&token, request.is_tls);
            (status, AppendHeaders([(header::SET_COOKIE, cookie)]), view).into_response()
        }
        None => (status, view).into_response(),
    }
}

/// The stamp of a request, if it has exactly one.
pub(crate) fn stamp(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(STAMP_HEADER).iter();
    match (values.next(), values.next()) {
        (Some(stamp), None) => stamp.to_str().ok(),
        _ => None,
    }
}

pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, HttpError> {
    serde_json::from_slice(body).map_err(|error| ApiError::new(ErrorCode::Malformed, error.to_string()).into())
}
