//! Every route, on one page, and what holds for all of them.
//!
//! | layer | does |
//! |---|---|
//! | `answer_panics` | a panic in a handler answers 500 and is logged; nobody else notices |
//! | `lobby::guard` | `/api/v1/*`: the same for the lobby, which other origins' pages may use |
//! | `guard_api` | all other `/api/*`: no foreign pages, JSON only, a bounded body read in bounded time, no caching |
//! | `identify` | bounds the path, works out the client's address and lends every handler its [`RequestContext`] |
//! | `security_headers` | on every response |

use crate::{
    config::TurnstileKeys,
    edge::assets,
    edge::context::RequestContext,
    edge::error::{HttpError, method_not_allowed, not_found},
    edge::language,
    edge::routes::{health, lobby, session, socket, trace, turnstile, wins},
    gate::origin::is_same_origin,
    server::Server,
};
use app::{ApiError, ErrorCode, host::Host, wire::View};
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Extension, Request},
    http::{HeaderMap, HeaderValue, Method, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use leptos::prelude::{provide_context, use_context, use_nonce};
use leptos_axum::ResponseOptions;
use std::{net::SocketAddr, num::NonZero, sync::Arc, time::Duration};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};

/// The largest body of a request, in bytes.
const LARGEST_BODY: usize = 8 * 1024;

/// The longest path with its query, in bytes: a token of the human check, each
/// of its characters escaped, still fits.
const LONGEST_URI: usize = 8 * 1024;

/// How long a client may take to send its body.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// The whole server as a service.
pub fn router(server: Server) -> Router {
    // The page renders on tokio; a second call changes nothing and says so.
    let _ = any_spawner::Executor::init_tokio();
    let api = Router::new()
        .route("/api/puzzle", get(server_function))
        .route("/api/verify", post(server_function))
        .route("/api/session", post(session::create))
        .route("/api/wins", get(wins::list))
        .route("/api/turnstile/config", get(turnstile::config))
        .route("/api/health", get(health::health))
        .route("/api/dev/trace", get(trace::development))
        .route("/api/ws", get(socket::upgrade))
        .route("/api/{*unknown}", any(async || not_found()))
        .method_not_allowed_fallback(async || method_not_allowed())
        .layer(middleware::from_fn(guard_api));

    Router::new()
        .merge(pages())
        .route("/cdn-cgi/trace", get(trace::edge))
        .merge(lobby::router(&server))
        .merge(api)
        .merge(assets::router())
        .layer(middleware::from_fn_with_state(server, identify))
        .layer(middleware::from_fn(security_headers))
        .layer(CatchPanicLayer::custom(answer_panic))
}

/// What is rendered for each visitor. The files beside it are compressed already; this
/// has to be on its way out. It holds no secret that its length could betray.
///
/// As many are rendered at a time as there are cores. Rendering is nothing but
/// computing: more at a time would be done no sooner, and every winner would wait for
/// all of them at each step of the way to its code.
fn pages() -> Router {
    let at_a_time = std::thread::available_parallelism().map_or(1, NonZero::get);
    Router::new()
        .route("/", get(page))
        .route("/lobby", get(page))
        .layer(CompressionLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(at_a_time))
}

/// Works out who asks, once for all handlers.
async fn identify(
    axum::extract::State(server): axum::extract::State<Server>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let length = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if LONGEST_URI < length {
        return HttpError(ApiError::new(ErrorCode::UriTooLong, "The path is too long")).into_response();
    }
    let context = RequestContext::new(server, peer, request.headers());
    request.extensions_mut().insert(context);
    next.run(request).await
}

/// What holds for all of `/api/*` but the lobby's.
async fn guard_api(request: Request, next: Next) -> Response {
    let mut response = match guarded(request).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn guarded(request: Request) -> Result<Request, HttpError> {
    if request.method() == Method::GET || request.method() == Method::HEAD {
        return Ok(request);
    }
    if !is_same_origin(request.headers()) {
        return Err(ApiError::new(ErrorCode::CrossSite, "Other sites' pages may not make this call").into());
    }
    if !is_json(request.headers()) {
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType, "The body must be application/json").into());
    }
    bounded_body(request).await
}

/// Reads the body, of bounded size and in bounded time.
pub(crate) async fn bounded_body(request: Request) -> Result<Request, HttpError> {
    let (mut parts, body) = request.into_parts();
    let body = tokio::time::timeout(BODY_LIMIT, axum::body::to_bytes(body, LARGEST_BODY))
        .await
        .map_err(|_| ApiError::new(ErrorCode::RequestTimeout, "The body was not sent in time"))?
        .map_err(|_| ApiError::new(ErrorCode::BodyTooLarge, "The body is larger than 8 KiB or was cut off"))?;
    // The framework answers a form post of a browser by a redirect when it asks
    // for HTML; this is no place for HTML.
    parts.headers.remove(header::ACCEPT);
    Ok(Request::from_parts(parts, Body::from(body)))
}

pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

async fn server_function(Extension(context): Extension<RequestContext>, request: Request) -> impl IntoResponse {
    let host: Arc<dyn Host> = Arc::new(context);
    leptos_axum::handle_server_fns_with_context(move || provide_context(host.clone()), request).await
}

/// The page, rendered with the live state and in the visitor's language. A language
/// that the address asks for is remembered: that is how those choose one whose
/// browser runs no scripts.
async fn page(Extension(mut context): Extension<RequestContext>, request: Request) -> Response {
    let chosen = language::chosen_by_address(request.uri());
    context.language = chosen.unwrap_or(context.language);
    context.view = if request.uri().path() == View::Lobby.path() { View::Lobby } else { View::Race };
    let (language, is_tls) = (context.language, context.is_tls);
    let human_check = context.server.gate.turnstile.as_ref().map(TurnstileKeys::script_origin);
    let host: Arc<dyn Host> = Arc::new(context);
    let render = leptos_axum::render_app_to_stream_with_context(
        move || {
            provide_context(host.clone());
            if let (Some(nonce), Some(answer)) = (use_nonce(), use_context::<ResponseOptions>()) {
                let policy = content_security_policy(Some(&nonce), human_check.as_deref());
                if let Ok(policy) = HeaderValue::from_str(&policy) {
                    answer.insert_header(header::CONTENT_SECURITY_POLICY, policy);
                }
                answer.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            }
        },
        || app::shell::shell(assets::LEPTOS_OPTIONS.clone()),
    );
    let mut response = render(request).await.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.insert(header::VARY, HeaderValue::from_static(language::VARIES_WITH));
    if let Some(cookie) = chosen.and_then(|chosen| HeaderValue::from_str(&chosen.cookie(is_tls)).ok()) {
        headers.append(header::SET_COOKIE, cookie);
    }
    response
}

/// What a document may load: its own scripts, styles, workers and connections,
/// and from the origin of the human check, if there is one, its script and its
/// frame. That is all that the check asks for.
fn content_security_policy(nonce: Option<&str>, human_check: Option<&str>) -> String {
    let nonce = nonce.map(|nonce| format!(" 'nonce-{nonce}'")).unwrap_or_default();
    let script = human_check.map(|origin| format!(" {origin}")).unwrap_or_default();
    let frame = human_check.map(|origin| format!(" frame-src {origin};")).unwrap_or_default();
    let reload = if *assets::RELOADS_BY_ITSELF { " ws:" } else { "" };
    format!(
        "default-src 'none'; script-src 'self'{nonce} 'wasm-unsafe-eval'{script};{frame} style-src 'self'; \
         worker-src 'self'; connect-src 'self'{reload}; img-src 'self' data:; manifest-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}

/// The headers that every response carries unless it set its own.
async fn security_headers(request: Request, next: Next) -> Response {
    const HEADERS: &[(&str, &str)] = &[
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), clipboard-write=(self)"),
    ];
    let is_tls = request.extensions().get::<RequestContext>().is_some_and(|context| context.is_tls);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(*name).or_insert(HeaderValue::from_static(value));
    }
    if is_tls {
        headers
            .entry(header::STRICT_TRANSPORT_SECURITY)
            .or_insert(HeaderValue::from_static("max-age=31536000; includeSubDomains"));
    }
    // A worker's own policy comes with its script; documents bring theirs.
    if let Ok(policy) = HeaderValue::from_str(&content_security_policy(None, None)) {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    }
    response
}

fn answer_panic(_cause: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a handler panicked; its request is answered with 500");
    HttpError(ApiError::new(ErrorCode::Internal, "Something went wrong on our side")).into_response()
}
