//! `POST /api/return` keeps where a winner wants to go back to; `GET /continue` goes there.

use crate::edge::{
    body::parse,
    context::RequestContext,
    error::{HttpError, storage_unavailable},
    way_back::{self, Return},
};
use app::{
    ApiError, ErrorCode,
    wire::{ReturnRequest, ReturnTaken},
};
use axum::{
    Json,
    body::Bytes,
    extract::{Extension, Request},
    http::header,
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use puzzle::RoundNumber;

/// Keeps a way back, beside the session's cookie.
pub(crate) async fn take(Extension(context): Extension<RequestContext>, body: Bytes) -> Result<Response, HttpError> {
    let request: ReturnRequest = parse(&body)?;
    let taken = Return::new(&request, &context.rooms.edge.way_back)
        .map_err(|error| ApiError::new(ErrorCode::Malformed, error.to_string()))?;
    let cookie = way_back::set_cookie(&taken, context.is_tls);
    let answer = ReturnTaken { host: taken.host(), signed: taken.signed_state().is_some() };
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Json(answer)).into_response())
}

/// Sends a winner on with a code of theirs: that of the round which the query names, else
/// the newest. Who has none, or comes from nowhere, is sent to the race.
pub(crate) async fn go_on(
    Extension(context): Extension<RequestContext>,
    request: Request,
) -> Result<Response, HttpError> {
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    let (Some(session), Some(way_back), Some(issuer)) =
        (context.cookie_session(), context.way_back(), context.origin())
    else {
        return Ok((no_store, Redirect::to("/")).into_response());
    };
    let wanted =
        request.uri().query().and_then(|query| query.strip_prefix("round=")).and_then(|round| round.parse().ok());
    let wins = context.rooms.race.wins_of(&session.id).await.map_err(|error| storage_unavailable(&error))?;
    let win = wins.into_iter().find(|win| wanted.is_none_or(|wanted| win.round == RoundNumber(wanted)));
    let address = win.map_or_else(|| "/".to_owned(), |win| way_back.address_with(&win.won.code, &issuer));
    Ok((no_store, Redirect::to(&address)).into_response())
}
