//! `GET` and `POST /api/v1/messages`: hearing and speaking.

use super::{json, open, session};
use crate::{
    edge::cookie::clear_cookie,
    edge::{body::parse, context::RequestContext, error::HttpError},
};
use app::{ApiError, ErrorCode};
use axum::{
    body::Bytes,
    extract::{Extension, Query, rejection::QueryRejection},
    http::header,
    response::Response,
};
use serde::Deserialize;
use std::time::Duration;

/// The longest long poll, in seconds.
const LONGEST_POLL: u64 = 30;

#[derive(Debug, Deserialize)]
pub(crate) struct Poll {
    after: Option<u64>,
    timeout: Option<u64>,
}

pub(crate) async fn poll(
    Extension(request): Extension<RequestContext>,
    parameters: Result<Query<Poll>, QueryRejection>,
) -> Result<Response, HttpError> {
    let lobby = open(&request)?;
    let session = session(&request)?;
    let Query(Poll { after, timeout }) = parameters.map_err(|rejection| malformed(&rejection))?;
    let timeout = Duration::from_secs(timeout.unwrap_or(0).min(LONGEST_POLL));
    let batch = lobby.poll(&session, after.unwrap_or(0), timeout, request.address).await?;
    Ok(json(batch.to_json()))
}

pub(crate) async fn send(Extension(request): Extension<RequestContext>, body: Bytes) -> Result<Response, HttpError> {
    let lobby = open(&request)?;
    let session = session(&request)?;
    let answer = lobby.command(&session, parse(&body)?, request.address).await?;
    let mut response = json(answer.to_json());
    if answer.ended {
        for cookie in clear_cookie(request.is_tls) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    Ok(response)
}

pub(super) fn malformed(rejection: &QueryRejection) -> HttpError {
    ApiError::new(ErrorCode::Malformed, rejection.body_text()).into()
}
