//! `GET /api/ws`, also under its older name `GET /ws`: the live connection.

use crate::{
    edge::context::RequestContext,
    edge::error::HttpError,
    edge::{
        headers::calling_page,
        socket::{self, Greeting, Held},
    },
    gate::{
        limits::{Crowded, Place},
        origin::origin_matches_host,
    },
    live::Chat,
};
use app::{ApiError, ErrorCode};
use axum::{
    extract::{
        Extension, Query, WebSocketUpgrade, rejection::QueryRejection, ws::rejection::WebSocketUpgradeRejection,
    },
    http::HeaderMap,
    response::Response,
};
use serde::Deserialize;
use std::sync::Arc;

/// Above our own limit, so that a client that exceeds that one gets our close
/// code and reason.
const LARGEST_MESSAGE: usize = 16 * 1024;

/// What a connection keeps for what it reads, in bytes; a longer message gets its
/// own room while it comes in. The library clears all of it at every turn, so its
/// usual 128 KiB would be held and written to ten thousand times a second.
const READ_BUFFER: usize = 1024;

/// When a place may have become free; nobody knows, so that this only keeps a
/// crowd from asking all the time.
const RETRY_SECONDS: u64 = 15;

#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    token: Option<String>,
}

pub(crate) async fn upgrade(
    Extension(request): Extension<RequestContext>,
    connection_place: Option<Extension<Arc<Place>>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, HttpError> {
    let Query(parameters) = parameters.map_err(|error| malformed(error.body_text()))?;
    let upgrade = upgrade.map_err(|error| malformed(format!("This is a WebSocket: {}", error.body_text())))?;
    if !origin_matches_host(calling_page(&headers, request.is_tls)) {
        request.rooms.advice.note_refused_page(&headers);
        return Err(ApiError::new(ErrorCode::CrossSite, "Other sites' pages may not connect").into());
    }
    let limits = &request.rooms.limits;
    let (place, greeting) = match limits.sockets.take(Some(request.address)) {
        Ok(place) => match request.session(parameters.token.as_deref()).await {
            Ok(session) => (place, Greeting::Welcome(session, request.address)),
            Err(error) => (place, Greeting::Rejected(error.into())),
        },
        // The connection is made all the same: a page sees no answer other than
        // an open connection, and shall be able to say why.
        Err(Crowded::Network) => {
            let place = limits.refused_sockets.take(Some(request.address)).map_err(|_| too_many_sockets())?;
            (place, Greeting::Rejected(too_many_sockets()))
        }
        // Everybody inside has shown work. Nothing is left to say it on. To a page this is a server that cannot be
        // reached, and it tries again by itself.
        Err(Crowded::Everywhere) => return Err(server_full().into()),
    };
    // A token stands for a session of the race alone: the lobby knows cookies only.
    let chat = Chat::new(request.rooms.lobby.clone(), request.cookie_session());
    let live = request.rooms.live;
    let upgrade =
        upgrade.read_buffer_size(READ_BUFFER).max_message_size(LARGEST_MESSAGE).max_frame_size(LARGEST_MESSAGE);
    let held = Held { place, connection: connection_place.map(|Extension(place)| place) };
    Ok(upgrade.on_upgrade(async move |connection| socket::serve(live, connection, greeting, chat, held).await))
}

fn malformed(detail: String) -> ApiError {
    ApiError::new(ErrorCode::Malformed, detail)
}

pub(super) fn too_many_sockets() -> ApiError {
    ApiError {
        retry_after: Some(RETRY_SECONDS),
        ..ApiError::new(ErrorCode::TooManyRequests, "Too many live connections are open from your address")
    }
}

pub(super) fn server_full() -> ApiError {
    ApiError {
        retry_after: Some(RETRY_SECONDS),
        ..ApiError::new(ErrorCode::ServerFull, "There are too many live connections: try again in a moment")
    }
}
