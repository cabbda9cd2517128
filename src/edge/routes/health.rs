//! `GET /api/health`: whether the parts that a winner depends on really work.

use crate::edge::context::RequestContext;
use axum::{Json, extract::Extension, http::StatusCode, response::IntoResponse};
use serde::Serialize;

#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    /// The first eight digits: enough to compare, too few to mine; nothing while the drop
    /// is not open.
    current_seed: Option<String>,
    round: puzzle::RoundNumber,
    checks: Checks,
}

#[derive(Debug, Serialize)]
struct Checks {
    /// A real, small hash by one of the verifier's threads, all of which live.
    verifier: &'static str,
    /// The last audit record was written and none waits.
    audit: &'static str,
    /// Wins can be written down.
    storage: &'static str,
    /// The human check knows our secret key; left out where nobody is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    human_check: Option<&'static str>,
}

pub(crate) async fn health(Extension(request): Extension<RequestContext>) -> impl IntoResponse {
    let rooms = &request.rooms;
    let verifier = rooms.race.verifier_works().await;
    let audit = rooms.prizes.audit_works();
    let round = rooms.race.view();
    let storage = rooms.race.storage_works();
    // That it cannot be reached is no reason to send those elsewhere who are in already.
    let human_check = rooms.admission.turnstile().knows_secret();
    let healthy = verifier && audit && storage && human_check;
    let word = |works| if works { "ok" } else { "failed" };
    let health = Health {
        status: if healthy { "ok" } else { "degraded" },
        current_seed: round.seed().map(|seed| format!("{}...", seed.preview())),
        round: round.round,
        checks: Checks {
            verifier: word(verifier),
            audit: word(audit),
            storage: word(storage),
            human_check: rooms.gate.turnstile.is_some().then(|| word(human_check)),
        },
    };
    (if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(health))
}
