//! `GET /api/wins`: the session's own wins, so that a code outlives a lost answer and a
//! restart.

use crate::{
    clock::rfc3339_milliseconds,
    edge::{
        context::RequestContext,
        error::{HttpError, storage_unavailable},
    },
};
use app::wire::Win;
use axum::{Json, extract::Extension};

pub(crate) async fn list(Extension(request): Extension<RequestContext>) -> Result<Json<Vec<Win>>, HttpError> {
    let session = request.session(None).await?;
    let recorded = request.rooms.race.wins_of(&session.id).await.map_err(|error| storage_unavailable(&error))?;
    let wins = recorded.into_iter().map(|win| Win {
        round: win.round,
        invite_code: win.won.code,
        at: rfc3339_milliseconds(win.at.into()),
    });
    Ok(Json(wins.collect()))
}
