//! `/api/codes…`: the codes that were won, for other servers.
//!
//! Who calls is known by its API key (`Authorization: Bearer hpk_…`) and by nothing else:
//! no cookie counts here, and no page of whatever origin is let in by its origin. There
//! is no CORS either, so that a browser keeps a page that has got hold of a key from
//! showing it. What is called here does little more than call [`crate::prize::codes`].

mod guard;
mod view;

use crate::{
    edge::{
        body::parse,
        context::RequestContext,
        error::{HttpError, method_not_allowed, not_found, storage_unavailable},
    },
    ledger::CodeStatus,
    prize::{
        codes::{IdempotencyKey, MOST_LISTED_AT_ONCE, Remark, TypedCode},
        keys::{Caller, Scope},
    },
};
use app::{ApiError, ErrorCode};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Extension, Query, rejection::QueryRejection},
    http::HeaderMap,
    middleware,
    routing::{any, get, post},
};
use guard::require;
use puzzle::RoundNumber;
use serde::Deserialize;
use view::{CodeView, ListView, NotAnswered};

/// How many codes are listed unless a number is asked for.
const LISTED_AT_ONCE: usize = 100;

/// The header that names a request, so that it can be sent again.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The routes.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/api/codes", get(list))
        .route("/api/codes/check", post(check))
        .route("/api/codes/redeem", post(redeem))
        .route("/api/codes/revoke", post(revoke))
        .route("/api/codes/{*unknown}", any(async || not_found()))
        .method_not_allowed_fallback(async || method_not_allowed())
        .layer(middleware::from_fn(guard::guard))
}

#[derive(Deserialize)]
struct CheckRequest {
    code: String,
}

/// `POST /api/codes/check`: how a code stands.
async fn check(
    Extension(request): Extension<RequestContext>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<CodeView>, HttpError> {
    require(&caller, Scope::Read)?;
    let CheckRequest { code } = parse(&body)?;
    let codes = &request.rooms.codes;
    let found = codes.find(&typed(&code)?).await.map_err(|error| storage_unavailable(&error))?;
    let view = match found {
        Some(record) => CodeView::of(&record, codes.now(), &caller),
        None => CodeView::unknown(&caller),
    };
    Ok(Json(view))
}

#[derive(Deserialize)]
struct RedeemRequest {
    code: String,
    redeemed_for: Option<String>,
}

/// `POST /api/codes/redeem`: uses a code, once.
async fn redeem(
    Extension(request): Extension<RequestContext>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<CodeView>, NotAnswered> {
    require(&caller, Scope::Redeem)?;
    let RedeemRequest { code, redeemed_for } = parse(&body)?;
    let (code, key) = (typed(&code)?, idempotency_key(&headers)?);
    let redeemed_for = redeemed_for.map(|text| remark("redeemed_for", text)).transpose()?;
    let codes = &request.rooms.codes;
    let record = codes.redeem(&caller, &code, redeemed_for, key.as_ref()).await?;
    Ok(Json(CodeView::of(&record, codes.now(), &caller)))
}

#[derive(Deserialize)]
struct RevokeRequest {
    code: String,
    reason: Option<String>,
}

/// `POST /api/codes/revoke`: makes a code worthless that nobody has used.
async fn revoke(
    Extension(request): Extension<RequestContext>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<CodeView>, NotAnswered> {
    require(&caller, Scope::Revoke)?;
    let RevokeRequest { code, reason } = parse(&body)?;
    let (code, key) = (typed(&code)?, idempotency_key(&headers)?);
    let reason = remark("reason", reason.unwrap_or_default())?;
    let codes = &request.rooms.codes;
    let record = codes.revoke(&caller, &code, reason, key.as_ref()).await?;
    Ok(Json(CodeView::of(&record, codes.now(), &caller)))
}

#[derive(Deserialize)]
struct ListRequest {
    /// The `next` of the answer before.
    after: Option<u64>,
    limit: Option<usize>,
    status: Option<String>,
}

/// `GET /api/codes`: all codes, page by page.
async fn list(
    Extension(request): Extension<RequestContext>,
    Extension(caller): Extension<Caller>,
    parameters: Result<Query<ListRequest>, QueryRejection>,
) -> Result<Json<ListView>, HttpError> {
    require(&caller, Scope::Read)?;
    let Query(ListRequest { after, limit, status }) = parameters.map_err(|error| malformed(error.body_text()))?;
    let limit = limit.unwrap_or(LISTED_AT_ONCE);
    if !(1..=MOST_LISTED_AT_ONCE).contains(&limit) {
        return Err(malformed(format!("limit must be from 1 to {MOST_LISTED_AT_ONCE}")).into());
    }
    let named = |name: String| {
        CodeStatus::named(&name).ok_or_else(|| malformed("status must be valid, redeemed, expired or revoked"))
    };
    let status = status.map(named).transpose()?;
    let codes = &request.rooms.codes;
    let listed = codes.list(RoundNumber(after.unwrap_or(0)), status, limit).await;
    let records = listed.map_err(|error| storage_unavailable(&error))?;
    Ok(Json(ListView::of(&records, limit, codes.now(), &caller)))
}

fn typed(code: &str) -> Result<TypedCode, ApiError> {
    TypedCode::new(code).map_err(|error| malformed(format!("code {error}")))
}

fn remark(field: &str, text: String) -> Result<Remark, ApiError> {
    Remark::new(text).map_err(|error| malformed(format!("{field} {error}")))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let key = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.to_str().ok().and_then(IdempotencyKey::new),
        (Some(_), Some(_)) => None,
    };
    let rule = "Idempotency-Key is one text of 1 to 255 printable ASCII characters";
    key.map(Some).ok_or_else(|| malformed(rule))
}

fn malformed(detail: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::Malformed, detail)
}
