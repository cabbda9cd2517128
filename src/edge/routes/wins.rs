//! `GET /api/wins`: the session's own wins, so that a code outlives a lost answer.

use crate::{
    clock::rfc3339_milliseconds,
    edge::{context::RequestContext, error::HttpError},
};
use app::wire::Win;
use axum::{Json, extract::Extension};

pub(crate) async fn list(Extension(request): Extension<RequestContext>) -> Result<Json<Vec<Win>>, HttpError> {
    let session = request.session(None).await?;
    let wins = request.rooms.race.wins_of(&session.id).into_iter().map(|win| Win {
        round: win.round,
        invite_code: win.invite_code,
        at: rfc3339_milliseconds(win.at),
    });
    Ok(Json(wins.collect()))
}
