//! `GET /api/v1/server`, `/state`, `/channels`, `/channels/{name}/members` and
//! `/history`: how things are.

use super::{commands::malformed, json, open, session};
use crate::{
    edge::{context::RequestContext, error::HttpError},
    lobby::LOBBY,
};
use app::{ApiError, ErrorCode};
use axum::{
    Json,
    extract::{Extension, Path, Query, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

/// How many messages of the history come if nobody says how many.
const USUAL_HISTORY: u32 = 50;

#[derive(Debug, Deserialize)]
pub(crate) struct History {
    target: Option<String>,
    before: Option<u64>,
    limit: Option<u32>,
}

pub(crate) async fn server(Extension(request): Extension<RequestContext>) -> Result<Response, HttpError> {
    let mut view = serde_json::to_value(open(&request)?.server()).unwrap_or_default();
    view["gate"] = serde_json::to_value(request.rooms.admission.rule()).unwrap_or_default();
    Ok(Json(view).into_response())
}

pub(crate) async fn state(Extension(request): Extension<RequestContext>) -> Result<Response, HttpError> {
    let lobby = open(&request)?;
    let state = lobby.state(&session(&request)?, request.address).await?;
    Ok(Json(state).into_response())
}

pub(crate) async fn channels(Extension(request): Extension<RequestContext>) -> Result<Response, HttpError> {
    let lobby = open(&request)?;
    let channels = lobby.channels(&session(&request)?, request.address).await?;
    Ok(Json(serde_json::json!({"channels": channels})).into_response())
}

pub(crate) async fn members(
    Extension(request): Extension<RequestContext>,
    Path(name): Path<String>,
) -> Result<Response, HttpError> {
    let lobby = open(&request)?;
    let session = session(&request)?;
    // The # of a name is hard to get through a URL; it may be left out.
    let name = if name.starts_with('#') { name } else { format!("#{name}") };
    let members = lobby.members(&session, &name, request.address).await?;
    Ok(Json(serde_json::json!({"channel": name, "members": members})).into_response())
}

pub(crate) async fn history(
    Extension(request): Extension<RequestContext>,
    headers: HeaderMap,
    parameters: Result<Query<History>, QueryRejection>,
) -> Result<Response, HttpError> {
    let lobby = open(&request)?;
    let Query(History { target, before, limit }) = parameters.map_err(|rejection| malformed(&rejection))?;
    let target = target.ok_or_else(|| ApiError::new(ErrorCode::Malformed, "target is missing: a channel or a nick"))?;
    let session = request.cookie_session();
    // Those who only read come again and again: what they know is not sent once more.
    // Taken before the lines, the tag is never newer than they are.
    let tag = session.is_none().then(|| lobby.recent_version());
    if let Some(tag) = &tag
        && target.eq_ignore_ascii_case(LOBBY)
        && headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str())
    {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag.clone())]).into_response());
    }
    let history = {
        let limit = limit.unwrap_or(USUAL_HISTORY);
        lobby.history(session.as_ref(), &target, before, limit, request.address).await
    };
    let lines = json(history?);
    Ok(match tag {
        Some(tag) => ([(header::ETAG, tag)], lines).into_response(),
        None => lines,
    })
}
