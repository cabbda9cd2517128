//! `GET /api/puzzle`: the round that is being played, for those who may take part.

use crate::edge::context::RequestContext;
use app::{ApiError, wire::Puzzle};

pub(crate) async fn puzzle(request: &RequestContext) -> Result<Puzzle, ApiError> {
    request.session(None).await?;
    let round = request.rooms.race.view();
    Ok(Puzzle { expected_hashes: round.target.expected_hashes(), round })
}
