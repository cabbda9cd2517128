//! `GET /api/drop`: what is given out, when, and what is left. Open to all.

use crate::edge::context::RequestContext;
use app::wire::DropView;
use axum::{Json, extract::Extension};

pub(crate) async fn drop(Extension(request): Extension<RequestContext>) -> Json<DropView> {
    Json(request.rooms.race.drop_news().drop)
}
