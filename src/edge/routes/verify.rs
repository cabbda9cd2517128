//! `POST /api/verify`: takes part in the round with a solution.
//!
//! The checks follow the protocol's order, cheapest first. The race gives out the place
//! in the order of arrival once it is known who submits: a slow human check buys no
//! early place.

use crate::{
    edge::{context::RequestContext, error::refused},
    race::{Competitor, Solution},
};
use app::{
    ApiError, ErrorCode,
    wire::{Submission, Victory},
};

pub(crate) async fn verify(request: &RequestContext, submission: Submission) -> Result<Victory, ApiError> {
    let rooms = &request.rooms;
    let session = request.session(None).await?;
    if let Some(refusal) = rooms.race.closed() {
        return Err(refused(refusal, &rooms.race));
    }
    let Submission { visitor_id, nonce, submitted_seed, trace_data, hash } = submission;
    if !trace_data.is_splice_proof() || !rooms.gate.ip_binding.allows(trace_data.ip(), request.address) {
        return Err(ApiError::new(
            ErrorCode::IdentityMismatch,
            "Identity mismatch: TraceData IP doesn't match request IP",
        ));
    }
    if rooms.sessions.bind_visitor(&session, &visitor_id).is_err() {
        return Err(ApiError::new(
            ErrorCode::VisitorMismatch,
            "This session belongs to another visitor id: a session keeps the first one it used",
        ));
    }
    let state = request.way_back().and_then(|way_back| way_back.signed_state().map(str::to_owned));
    let (trace, address) = (trace_data, request.address);
    let competitor = Competitor { session: session.id, visitor: visitor_id, trace, address, state };
    let solution = Solution { seed: submitted_seed, nonce, hash };
    let submitted = rooms.race.submit(&competitor, solution).await;
    submitted.map_err(|refusal| refused(refusal, &rooms.race))
}
