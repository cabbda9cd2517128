//! `POST /api/v1/session`, `/login`, `/logout`: coming and going.

use super::{open, session};
use crate::{
    edge::{
        body::parse,
        context::RequestContext,
        cookie::{clear_cookie, set_cookie},
        error::HttpError,
        headers::session_stamp,
    },
    gate::admission::Credentials,
    lobby::Opened,
};
use axum::{
    Json,
    body::Bytes,
    extract::Extension,
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Deserialize)]
struct SessionRequest {
    nick: Option<String>,
    /// The stamp, for clients that cannot set headers.
    pow_token: Option<String>,
}

#[derive(Debug, Deserialize)]
struct LoginRequest {
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
    let SessionRequest { nick, pow_token } = if body.is_empty() { SessionRequest::default() } else { parse(&body)? };
    let stamp = session_stamp(&headers).or(pow_token.as_deref());
    let credentials = Credentials { token: None, stamp, address: request.address };
    let opened = lobby.open_session(request.cookie_session(), nick.as_deref(), credentials).await?;
    Ok(opened_response(&request, StatusCode::CREATED, opened))
}

pub(crate) async fn login(Extension(request): Extension<RequestContext>, body: Bytes) -> Result<Response, HttpError> {
    let lobby = open(&request)?;
    let LoginRequest { nick, password } = parse(&body)?;
    let opened = lobby.login(&nick, password, request.address).await?;
    Ok(opened_response(&request, StatusCode::OK, opened))
}

pub(crate) async fn logout(Extension(request): Extension<RequestContext>) -> Result<Response, HttpError> {
    let lobby = open(&request)?;
    let session = session(&request)?;
    lobby.logout(&session).await?;
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
