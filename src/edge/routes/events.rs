//! `GET` and `POST /api/events`: the live connection for those to whom WebSockets are
//! blocked.

use crate::{
    edge::{
        context::RequestContext,
        error::{HttpError, whole_seconds},
        routes::socket::{server_full, too_many_sockets},
        socket::understand,
    },
    gate::limits::Crowded,
    identity::session::Session,
    live::{
        Chat,
        polling::{PollError, Stream, StreamPlace},
    },
};
use app::{
    ApiError, ErrorCode,
    wire::{ClientMessage, LARGEST_FRAME, ServerMessage},
};
use axum::{
    Json,
    body::Bytes,
    extract::{Extension, Query, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};

/// The longest that a poll waits, in seconds.
const LONGEST_WAIT: u64 = 25;

#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    /// The `last_id` of the answer before.
    after: Option<String>,
    /// How long to wait for something to happen, in seconds.
    wait: Option<u64>,
    token: Option<String>,
}

/// What has happened since the last answer.
pub(crate) async fn poll(
    Extension(request): Extension<RequestContext>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, HttpError> {
    let Query(Parameters { after, wait, token }) = parameters.map_err(|error| malformed(error.body_text()))?;
    let after = after.map(|text| place(&text)).transpose()?;
    let session = request.session(token.as_deref()).await?;
    let known = after.and_then(|after| Some((request.rooms.pollers.find(&session.id, after)?, after)));
    let (stream, after) = match known {
        Some((stream, after)) => (stream, Some(after)),
        None => (begin(&request, session)?, None),
    };
    stream.count().map_err(refused)?;
    let wait = Duration::from_secs(wait.unwrap_or(0).min(LONGEST_WAIT));
    let told = stream.poll(after, wait).await.map_err(refused)?;
    let json = format!("{{\"messages\":[{}],\"last_id\":\"{}\"}}", told.messages.join(","), told.last);
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

/// What a client says: one message, as on a live connection.
pub(crate) async fn say(
    Extension(request): Extension<RequestContext>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    body: Bytes,
) -> Result<Response, HttpError> {
    let Query(Parameters { after, token, .. }) = parameters.map_err(|error| malformed(error.body_text()))?;
    let after = place(after.as_deref().unwrap_or_default())?;
    let session = request.session(token.as_deref()).await?;
    let stream = request.rooms.pollers.find(&session.id, after).ok_or_else(|| {
        ApiError::new(ErrorCode::NotFound, "These events have ended: ask for them anew, and go on from there")
    })?;
    stream.count().map_err(refused)?;
    if LARGEST_FRAME < body.len() {
        return Err(ApiError::new(ErrorCode::BodyTooLarge, "A message has at most 4096 bytes").into());
    }
    let text = str::from_utf8(&body).map_err(|_| malformed("The body is not UTF-8".to_owned()))?;
    let heard = understand(text).map_err(|(code, detail)| ApiError::new(code, detail.into_owned()))?;
    let presence = stream.presence();
    match heard {
        ClientMessage::Ping => return Ok(Json(ServerMessage::Pong { online: presence.online() }).into_response()),
        ClientMessage::MiningStart => presence.set_mining(true),
        ClientMessage::MiningStop => presence.set_mining(false),
        ClientMessage::Hashrate { rate } => presence.report_rate(rate),
        ClientMessage::Share(share) => {
            let bad_share = |error: crate::race::ShareError| ApiError::new(ErrorCode::BadShare, error.to_string());
            if let Some(verdict) = presence.take_share(&share).map_err(bad_share)?
                && let Ok(Some(error)) = verdict.await
            {
                return Err(bad_share(error).into());
            }
        }
    }
    Ok(Json(serde_json::json!({"status": "ok"})).into_response())
}

/// A new stream, with a place among the live connections.
fn begin(request: &RequestContext, session: Session) -> Result<Arc<Stream>, HttpError> {
    let place = request.rooms.limits.sockets.take(Some(request.address)).map_err(|crowded| match crowded {
        Crowded::Network => too_many_sockets(),
        Crowded::Everywhere => server_full(),
    })?;
    // As on a live connection, the lobby knows cookies only.
    let chat = Chat::new(request.rooms.lobby.clone(), request.cookie_session());
    Ok(request.rooms.pollers.begin(session, request.address, chat, place))
}

fn place(text: &str) -> Result<StreamPlace, ApiError> {
    text.parse().map_err(|error| malformed(format!("after: {error}")))
}

fn malformed(detail: String) -> ApiError {
    ApiError::new(ErrorCode::Malformed, detail)
}

fn refused(error: PollError) -> ApiError {
    let (code, retry_after) = match error {
        PollError::Stopping => (ErrorCode::ShuttingDown, 5),
        PollError::TooMany { retry_after } => (ErrorCode::TooManyRequests, whole_seconds(retry_after)),
    };
    ApiError { retry_after: Some(retry_after), ..ApiError::new(code, error.to_string()) }
}
