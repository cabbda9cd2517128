//! `GET /api/ws`: the live connection.

use crate::host::{
    gate::origin::origin_matches_host,
    http_error::HttpError,
    live::{self, Chat, Greeting},
    request::RequestContext,
};
use app::{ApiError, ErrorCode};
use axum::{
    extract::{Extension, Query, WebSocketUpgrade},
    http::HeaderMap,
    response::Response,
};
use serde::Deserialize;

/// Above our own limit, so that a client that exceeds that one gets our close
/// code and reason.
const LARGEST_MESSAGE: usize = 16 * 1024;

#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    token: Option<String>,
}

pub(crate) async fn upgrade(
    Extension(request): Extension<RequestContext>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Result<Response, HttpError> {
    if !origin_matches_host(&headers) {
        return Err(ApiError::new(ErrorCode::CrossSite, "Other sites' pages may not connect").into());
    }
    let greeting = match request.session(parameters.token.as_deref()).await {
        Ok(session) => Greeting::Welcome(session.id),
        Err(error) => Greeting::Rejected(error),
    };
    // A token stands for a session of the race alone: the lobby knows cookies only.
    let chat = Chat::new(request.server.lobby.clone(), request.cookie_session());
    let live = request.server.live;
    Ok(socket
        .max_message_size(LARGEST_MESSAGE)
        .max_frame_size(LARGEST_MESSAGE)
        .on_upgrade(move |socket| live::serve(live, socket, greeting, chat)))
}
