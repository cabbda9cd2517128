//! What holds for all of `/api/codes`: a good key comes first, before anything is read of
//! a stranger; then JSON only, of bounded size, read in bounded time.

use crate::{
    edge::{
        body::{bounded_body, is_json},
        context::RequestContext,
        error::{HttpError, storage_unavailable, whole_seconds},
    },
    prize::keys::{Caller, NotAdmitted, Scope},
};
use app::{ApiError, ErrorCode};
use axum::{
    extract::{Extension, Request},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

pub(super) async fn guard(Extension(context): Extension<RequestContext>, request: Request, next: Next) -> Response {
    let mut response = match guarded(&context, request).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    let is_unauthorized = response.status() == StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if is_unauthorized {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

async fn guarded(context: &RequestContext, request: Request) -> Result<Request, HttpError> {
    let caller = admit(context).await?;
    let mut request = if request.method() == Method::GET || request.method() == Method::HEAD {
        request
    } else if is_json(request.headers()) {
        bounded_body(request).await?
    } else {
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType, "The body must be application/json").into());
    };
    request.extensions_mut().insert(caller);
    Ok(request)
}

async fn admit(context: &RequestContext) -> Result<Caller, HttpError> {
    // Without a key the answer is that of a key that does not exist.
    let secret = context.bearer().unwrap_or_default();
    context.rooms.doorkeeper.admit(secret).await.map_err(|error| match &error {
        NotAdmitted::InvalidKey => ApiError::new(ErrorCode::InvalidKey, error.to_string()).into(),
        NotAdmitted::TooMany { retry_after } => ApiError {
            retry_after: Some(whole_seconds(*retry_after)),
            ..ApiError::new(ErrorCode::TooManyRequests, error.to_string())
        }
        .into(),
        NotAdmitted::Store(error) => storage_unavailable(error),
    })
}

/// Refuses whoever has not this scope.
pub(super) fn require(caller: &Caller, scope: Scope) -> Result<(), ApiError> {
    if caller.scopes.contain(scope) {
        Ok(())
    } else {
        let detail = format!("This API key has not the scope {}", scope.name());
        Err(ApiError::new(ErrorCode::MissingScope, detail))
    }
}
