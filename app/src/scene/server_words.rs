//! What the server said, for the page to pass on.

use crate::error::{ApiError, ErrorCode};

/// What the server said when it did not do what the page asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerWords {
    /// What it means.
    pub code: ErrorCode,
    /// The server's own words, in English.
    pub detail: String,
}

impl From<ApiError> for ServerWords {
    fn from(error: ApiError) -> Self {
        Self { code: error.code, detail: error.detail.into() }
    }
}

impl ServerWords {
    /// What the server said; `None` if it said nothing, and the words are the browser's.
    pub fn of_the_server(error: ApiError) -> Option<Self> {
        (error.code != ErrorCode::Unreachable).then(|| error.into())
    }
}
