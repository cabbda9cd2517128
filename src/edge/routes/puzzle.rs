//! `GET /api/puzzle`: the round that is being played, for those who may take part.

use crate::{
    edge::{context::RequestContext, error::refused},
    race::Refusal,
};
use app::{ApiError, wire::Puzzle};

pub(crate) async fn puzzle(request: &RequestContext) -> Result<Puzzle, ApiError> {
    request.session(None).await?;
    let race = &request.rooms.race;
    if let Some(refusal) = race.closed() {
        return Err(refused(refusal, race));
    }
    let round = race.view();
    let expected_hashes = round.search.map(|search| search.target.expected_hashes());
    let expected_hashes = expected_hashes.ok_or_else(|| refused(Refusal::Busy, race))?;
    Ok(Puzzle { expected_hashes, round })
}
