//! The server functions: `GET /api/puzzle` and `POST /api/verify`, for the page and any
//! other client alike.
//!
//! The page asks for them as for everything else, by a plain request with a deadline: the
//! framework's own way to call them would bring a second HTTP client into its program.
//! Each only carries arguments to the [`host`](crate::host) and errors back.

use crate::{
    error::ApiError,
    wire::{Puzzle, Victory},
};
use leptos::{
    prelude::*,
    server_fn::codec::{GetUrl, Json},
};
use puzzle::{Hash, Nonce, Seed, TraceData, VisitorId};

/// The puzzle of the current round.
///
/// # Errors
/// `missing_token` and its kin when the caller may not take part.
#[server(prefix = "/api", endpoint = "puzzle", input = GetUrl, output = Json)]
pub async fn fetch_puzzle() -> Result<Puzzle, ApiError> {
    crate::host::current()?.puzzle().await.map_err(ApiError::answered)
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
    let submission = crate::wire::Submission { visitor_id, nonce, submitted_seed, trace_data, hash };
    crate::host::current()?.verify(submission).await.map_err(ApiError::answered)
}
