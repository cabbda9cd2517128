//! `POST /api/session`: passes the gate once and gets a cookie for it.

use crate::{
    edge::{body::parse, context::RequestContext, cookie::set_cookie, error::HttpError, headers::session_stamp},
    gate::admission::Credentials,
    identity::session::{NewSession, Session},
};
use app::wire::{SessionRequest, SessionView};
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
    let SessionRequest { turnstile_token, renew } = parse(&body)?;
    let admission = &request.rooms.admission;
    // A session that lacks nothing is the answer, and nothing is spent for it, unless it
    // was refused somewhere: then it gets a successor. One that lacks something is
    // completed.
    let present = match request.cookie_session() {
        Some(session) if admission.rule().is_met_by(session.passed) => {
            if !renew {
                return Ok(Json(view(&session)).into_response());
            }
            None
        }
        present => present,
    };
    let had = present.as_ref().map(|session| session.passed).unwrap_or_default();
    let credentials =
        Credentials { token: turnstile_token.as_deref(), stamp: session_stamp(&headers), address: request.address };
    let judged = admission.judge_for_the_race(had, credentials)?;
    if let Some(session) = present {
        admission.complete(&session, judged).await?;
        return Ok(Json(view(&session)).into_response());
    }
    let NewSession { session, token } = admission.open(None, judged).await?.new;
    let cookie = set_cookie(&token, request.is_tls);
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Json(view(&session))).into_response())
}

fn view(session: &Session) -> SessionView {
    SessionView { id: session.id.to_string(), nick: session.nick.to_string(), verified: true }
}
