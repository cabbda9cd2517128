//! `GET /api/turnstile/config`: what a page needs to show the human check.

use crate::edge::context::RequestContext;
use app::wire::TurnstileConfig;
use axum::{Json, extract::Extension};

pub(crate) async fn config(Extension(request): Extension<RequestContext>) -> Json<TurnstileConfig> {
    Json(turnstile_config(&request))
}

/// What the page must know of the human check.
pub(crate) fn turnstile_config(request: &RequestContext) -> TurnstileConfig {
    let gate = &request.rooms.gate;
    let site_key = gate.turnstile.as_ref().map(|keys| keys.site_key.clone());
    TurnstileConfig { test_mode: gate.test_mode, site_key: site_key.unwrap_or_default() }
}
