//! Errors of the protocol as HTTP answers.

use app::{ApiError, ErrorCode};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// An [`ApiError`] on its way out: status, `Retry-After` and JSON.
#[derive(Clone, Debug)]
pub struct HttpError(pub ApiError);

impl From<ApiError> for HttpError {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.0.retry_after;
        let mut response = (status, Json(self.0)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// `404 not_found`.
pub(crate) fn not_found() -> HttpError {
    ApiError::new(ErrorCode::NotFound, "There is nothing at this path").into()
}

/// `405 method_not_allowed`.
pub(crate) fn method_not_allowed() -> HttpError {
    ApiError::new(ErrorCode::MethodNotAllowed, "This path does not answer that method").into()
}
