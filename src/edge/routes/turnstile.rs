//! `GET /api/turnstile/config`: what a page needs to show the human check.

use crate::edge::context::{RequestContext, turnstile_config};
use app::wire::TurnstileConfig;
use axum::{Json, extract::Extension};

pub(crate) async fn config(Extension(request): Extension<RequestContext>) -> Json<TurnstileConfig> {
    Json(turnstile_config(&request.server))
}
