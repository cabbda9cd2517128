//! The files that browsers load.
//!
//! The miner's worker is part of every build. The site (the page's code, style and
//! pictures) is part of the binary in release builds made by `./x build`, so that
//! an operator copies one file; elsewhere it is read from the directory that
//! `./x serve` or cargo-leptos fills.

use crate::edge::{error::method_not_allowed, language};
use app::Language;
use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use leptos::config::LeptosOptions;
use memory_serve::CacheControl;
use std::sync::LazyLock;

/// Routes for all files, and the answer to everything unknown.
pub(crate) fn router() -> Router {
    // Its path names its content: it can be kept for ever.
    let worker = memory_serve::load!("worker").index_file(None);
    Router::new()
        .merge(worker.cache_control(CacheControl::Long).into_router())
        .merge(site())
        .method_not_allowed_fallback(async || method_not_allowed())
}

#[cfg(embed_site)]
fn site() -> Router {
    let site = memory_serve::load!("site").index_file(None);
    let router: Router = site.cache_control(CacheControl::NoCache).into_router();
    router.fallback(missing)
}

#[cfg(not(embed_site))]
fn site() -> Router {
    use axum::{handler::HandlerWithoutStateExt, http::HeaderValue};
    use tower_http::{services::ServeDir, set_header::SetResponseHeader};
    let files = ServeDir::new(site_root()).append_index_html_on_directories(false).fallback(missing.into_service());
    let files = SetResponseHeader::if_not_present(files, header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Router::new().fallback_service(files)
}

async fn missing(headers: HeaderMap) -> Response {
    let language = language::asked_for(&headers);
    let page = match language {
        Language::English => include_str!("not_found.en.html"),
        Language::Chinese => include_str!("not_found.zh-Hans.html"),
    };
    let headers = [(header::CONTENT_LANGUAGE, language.tag()), (header::VARY, language::VARIES_WITH)];
    (StatusCode::NOT_FOUND, headers, Html(page)).into_response()
}

/// The directory that `./x serve` or cargo-leptos fills.
#[cfg(not(embed_site))]
fn site_root() -> String {
    std::env::var("LEPTOS_SITE_ROOT").unwrap_or_else(|_| "target/site".to_owned())
}

/// What the page's shell must know of the files' names. Under `cargo leptos watch`
/// that tool says so, together with where it tells pages to reload.
pub(crate) static LEPTOS_OPTIONS: LazyLock<LeptosOptions> = LazyLock::new(|| {
    leptos::config::get_configuration(None)
        .map(|file| file.leptos_options)
        .unwrap_or_else(|_| LeptosOptions::builder().output_name("hashpass").build())
});

/// True under `cargo leptos watch`: the page then connects to that tool too.
pub(crate) static RELOADS_BY_ITSELF: LazyLock<bool> = LazyLock::new(|| std::env::var_os("LEPTOS_WATCH").is_some());
