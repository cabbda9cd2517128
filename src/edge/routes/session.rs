//! `POST /api/session`: passes the gate once and gets a cookie for it.

use crate::{
    edge::context::{RequestContext, too_many_sessions},
    edge::cookie::set_cookie,
    edge::error::HttpError,
    edge::routes::lobby::{not_taken, session::stamp, stamp_required},
    identity::session::{OpenError, Passed},
};
use app::{
    ApiError, ErrorCode,
    wire::{SessionRequest, SessionView},
};
use axum::{
    Json,
    body::Bytes,
    extract::Extension,
    http::{HeaderMap, header},
    response::{AppendHeaders, IntoResponse, Response},
};

pub(crate) async fn create(
    Extension(request): Extension<RequestContext>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, HttpError> {
    let SessionRequest { turnstile_token } =
        serde_json::from_slice(&body).map_err(|error| ApiError::new(ErrorCode::Malformed, error.to_string()))?;
    let rule = request.server.gate.rule;
    // A session that lacks something is completed. One that lacks nothing and asks
    // all the same has been refused somewhere, and gets a successor.
    let present = request.cookie_session().filter(|session| !rule.is_met_by(session.passed));
    let had = present.as_ref().map(|session| session.passed).unwrap_or_default();

    // The stamp is judged before the token is spent, and spent after: a mistake in
    // one costs nothing of the other.
    let stamps = &request.server.stamps;
    let hash = if rule.asks_for_stamps() && !had.stamped {
        stamps.judge(stamp(&headers)).map_err(|why| stamp_required(&request, why))?
    } else {
        None
    };
    let human = rule.asks_for_humans() && !had.human;
    if human {
        request.spend_token(turnstile_token.as_deref().unwrap_or_default()).await?;
    } else {
        request.count_session()?;
    }
    if let Some(hash) = hash
        && let Err(error) = stamps.spend(hash).await
    {
        request.server.limits.sessions.give_back(request.address);
        return Err(not_taken(&request, error));
    }
    let passed = Passed { human, stamped: hash.is_some() };

    let sessions = &request.server.sessions;
    if let Some(session) = present {
        sessions.upgrade(&session.id, passed);
        let view = SessionView { id: session.id.to_string(), nick: session.nick.to_string(), verified: true };
        return Ok(Json(view).into_response());
    }
    let new = match sessions.open(None, passed) {
        Ok(new) => new,
        Err(OpenError::TooMany | OpenError::NickTaken | OpenError::Ended) => {
            if let Some(hash) = hash {
                stamps.give_back(hash).await;
            }
            return Err(too_many_sessions().into());
        }
    };
    let cookie = set_cookie(&new.token, request.is_tls);
    let view = SessionView { id: new.session.id.to_string(), nick: new.session.nick.to_string(), verified: true };
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Json(view)).into_response())
}
