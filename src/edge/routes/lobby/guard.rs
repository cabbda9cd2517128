//! What holds for all of `/api/v1/*`: cookies only, JSON only, bounded bodies, and
//! CORS for pages of other origins.
//!
//! Only pages of the server's own origin, and of those that the operator lists, may
//! call. Another *site's* page could do little: the cookie is SameSite=Strict, and
//! every state-changing call is JSON. But a page of the same site and another origin
//! (another port, a sibling subdomain) sends the cookie and keeps the one that it is
//! given: it could act as the visitor, or log the visitor into a session that is its
//! own. So an empty list means nobody else.

use crate::edge::{
    body::{bounded_body, is_json},
    context::is_from_our_page,
    error::HttpError,
};
use app::{ApiError, ErrorCode};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// How long a browser may remember what was allowed, in seconds.
const MAX_AGE: &str = "600";

pub(super) async fn guard(State(origins): State<Arc<[String]>>, request: Request, next: Next) -> Response {
    let allowed = allowed_origin(request.headers(), &origins);
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        match guarded(request, allowed.is_some()).await {
            Ok(request) => next.run(request).await,
            Err(error) => error.into_response(),
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed {
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin),
            (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")),
            (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST")),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Accept, Content-Type, X-Hashcash")),
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After")),
            (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE)),
        ] {
            headers.insert(name, value);
        }
    }
    response
}

/// The origin that asks, if it may.
fn allowed_origin(headers: &HeaderMap, origins: &[String]) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    let listed = origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(text));
    // `null` is what sandboxed pages and files say; it names nobody.
    (listed && text != "null").then(|| origin.clone())
}

async fn guarded(request: Request, allowed: bool) -> Result<Request, HttpError> {
    let headers = request.headers();
    if headers.contains_key(header::AUTHORIZATION) {
        let detail = "The lobby knows its visitors by the cookie and takes no Authorization header";
        return Err(ApiError::new(ErrorCode::NotLoggedIn, detail).into());
    }
    if request.method() == Method::GET || request.method() == Method::HEAD {
        return Ok(request);
    }
    if !allowed && !is_from_our_page(&request) {
        return Err(ApiError::new(ErrorCode::CrossSite, "Pages of this origin may not make this call").into());
    }
    if !is_json(headers) {
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType, "The body must be application/json").into());
    }
    bounded_body(request).await
}
