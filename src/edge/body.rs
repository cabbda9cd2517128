//! Bodies of requests: JSON, of bounded size, read in bounded time.

use super::error::HttpError;
use app::{ApiError, ErrorCode};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, header},
};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The largest body of a request, in bytes.
const LARGEST_BODY: usize = 8 * 1024;

/// How long a client may take to send its body.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// Reads the body, of bounded size and in bounded time.
///
/// # Errors
/// `request_timeout`, `body_too_large`.
pub(super) async fn bounded_body(request: Request) -> Result<Request, HttpError> {
    let (mut parts, body) = request.into_parts();
    let body = tokio::time::timeout(BODY_LIMIT, axum::body::to_bytes(body, LARGEST_BODY))
        .await
        .map_err(|_| ApiError::new(ErrorCode::RequestTimeout, "The body was not sent in time"))?
        .map_err(|_| ApiError::new(ErrorCode::BodyTooLarge, "The body is larger than 8 KiB or was cut off"))?;
    // The framework answers a form post of a browser by a redirect when it asks
    // for HTML; this is no place for HTML.
    parts.headers.remove(header::ACCEPT);
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// True if the headers say that the body is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// What a JSON body says.
///
/// # Errors
/// `malformed`, naming the field and the rule.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, HttpError> {
    serde_json::from_slice(body).map_err(|error| ApiError::new(ErrorCode::Malformed, error.to_string()).into())
}
