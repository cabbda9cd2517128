//! `/docs`: the manual, as the build has made it from `app/docs`.

use crate::edge::error::method_not_allowed;
use axum::{
    Router,
    http::{HeaderValue, header},
};
use memory_serve::CacheControl;
use tower_http::set_header::SetResponseHeaderLayer;

/// What a page of the manual may load: its style and its icon. It runs no script.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Routes for the list of documents, for each of them, and for their style.
pub(crate) fn router() -> Router {
    // The language that the manual is written in.
    const ENGLISH: HeaderValue = HeaderValue::from_static("en");
    let manual =
        memory_serve::load!("manual").index_file(None).enable_clean_url(true).add_alias("/docs/", "/docs.html");
    // Addresses stay over versions, so browsers ask each time whether there is something new.
    let manual = manual.html_cache_control(CacheControl::NoCache).cache_control(CacheControl::NoCache);
    let router: Router = manual.into_router();
    router
        .method_not_allowed_fallback(async || method_not_allowed())
        .layer(SetResponseHeaderLayer::overriding(header::CONTENT_LANGUAGE, ENGLISH))
        .layer(SetResponseHeaderLayer::overriding(header::CONTENT_SECURITY_POLICY, POLICY))
}
