//! The server functions: `GET /api/puzzle` and `POST /api/verify`, for the page and any
//! other client alike.
//!
//! The page asks for them as for everything else, by a plain request with a deadline: the
//! framework's own way to call them would bring a second HTTP client into its program.
//! Each only carries arguments to the [`host`] and errors back, with the status and the
//! headers that belong to them.

use crate::{
    error::{ApiError, ErrorCode},
    host,
    wire::{Puzzle, Submission, Victory},
};
use http::{HeaderValue, StatusCode, header};
use leptos::{
    prelude::*,
    server_fn::{
        codec::{GetUrl, Json, JsonEncoding},
        error::{FromServerFnError, ServerFnErrorErr},
    },
};
use leptos_axum::ResponseOptions;
use puzzle::{Hash, Nonce, Seed, TraceData, VisitorId};

/// The puzzle of the current round.
///
/// # Errors
/// `missing_token` and its kin when the caller may not take part.
#[server(prefix = "/api", endpoint = "puzzle", input = GetUrl, output = Json)]
pub async fn fetch_puzzle() -> Result<Puzzle, ApiError> {
    host::current()?.puzzle().await.map_err(answered)
}

/// Submits a solution. The first valid one wins the round's invite code.
///
/// # Errors
/// Every error of the protocol's table for this route.
#[server(prefix = "/api", endpoint = "verify", input = Json, output = Json)]
pub async fn submit_solution(
    /// Who mined.
    #[server(rename = "visitorId")]
    visitor_id: VisitorId,
    /// What they found.
    nonce: Nonce,
    /// The seed they mined on.
    #[server(rename = "submittedSeed")]
    submitted_seed: Seed,
    /// The trace they mined with.
    #[server(rename = "traceData")]
    trace_data: TraceData,
    /// The hash they claim.
    hash: Hash,
) -> Result<Victory, ApiError> {
    let submission = Submission { visitor_id, nonce, submitted_seed, trace_data, hash };
    host::current()?.verify(submission).await.map_err(answered)
}

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    /// Called by the framework for what goes wrong around a server function: a body
    /// that it cannot read.
    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Args(why)
            | ServerFnErrorErr::MissingArg(why)
            | ServerFnErrorErr::Deserialization(why) => answered(Self::new(ErrorCode::Malformed, why)),
            other => Self::new(ErrorCode::Internal, other.to_string()),
        }
    }
}

/// Gives the answer under way the status and the headers of `error`; the framework
/// would answer 500 to any error.
fn answered(error: ApiError) -> ApiError {
    if let Some(answer) = use_context::<ResponseOptions>() {
        if let Ok(status) = StatusCode::from_u16(error.code.status()) {
            answer.set_status(status);
        }
        answer.insert_header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = error.retry_after {
            answer.insert_header(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
    error
}
