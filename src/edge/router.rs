//! Every route, on one page, and what holds for all of them.
//!
//! | layer | does |
//! |---|---|
//! | `answer_panics` | a panic in a handler answers 500 and is logged; nobody else notices |
//! | `lobby::guard` | `/api/v1/*`: the same for the lobby, which other origins' pages may use |
//! | `codes::guard` | `/api/codes…`: for other servers, by their keys; no cookies, no pages |
//! | `guard_api` | all other `/api/*`: no foreign pages, JSON only, a bounded body read in bounded time, no caching |
//! | `json_errors` | under `/api` whatever fails says so in JSON with a code |
//! | `identify` | bounds the path, works out the client's address, counts its requests and lends every handler its [`RequestContext`]; tells browsers behind TLS to insist on it |
//! | `security_headers` | on every response |

use crate::{
    edge::{
        assets,
        body::{bounded_body, is_json},
        context::{RequestContext, Rooms, is_from_our_page},
        error::{HttpError, in_json, method_not_allowed, not_found, whole_seconds},
        page,
        port::server_function,
        routes::{codes, docs, drop, events, health, lobby, session, socket, trace, turnstile, way_back, wins},
        security::{insist_on_tls, security_headers},
    },
    gate::limits::Exceeded,
};
use app::{ApiError, ErrorCode};
use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, Method, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use std::{net::SocketAddr, time::Duration};
use tower_http::catch_panic::CatchPanicLayer;

/// The longest path with its query, in bytes: a token of the human check, each
/// of its characters escaped, still fits.
const LONGEST_URI: usize = 8 * 1024;

/// The whole server as a service.
pub fn router(rooms: Rooms) -> Router {
    // The page renders on tokio; a second call changes nothing and says so.
    let _ = any_spawner::Executor::init_tokio();
    let api = Router::new()
        .route("/api/puzzle", get(server_function))
        .route("/api/verify", post(server_function))
        .route("/api/drop", get(drop::drop))
        .route("/api/session", post(session::create))
        .route("/api/wins", get(wins::list))
        .route("/api/return", post(way_back::take))
        .route("/api/turnstile/config", get(turnstile::config))
        .route("/api/health", get(health::health))
        .route("/api/dev/trace", get(trace::development))
        .route("/api/ws", get(socket::upgrade))
        .route("/ws", get(socket::upgrade))
        .route("/api/events", get(events::poll).post(events::say))
        .route("/api/{*unknown}", any(async || not_found()))
        .method_not_allowed_fallback(async || method_not_allowed())
        .layer(middleware::from_fn(guard_api))
        // Nothing is there, whatever the method, and wherever the page's files come from.
        .route("/api", any(async || not_found()))
        .route("/api/", any(async || not_found()));

    Router::new()
        .merge(page::router())
        .merge(docs::router())
        .route("/cdn-cgi/trace", get(trace::edge))
        .route("/continue", get(way_back::go_on))
        .merge(lobby::router(&rooms))
        .merge(codes::router())
        .merge(api)
        .merge(assets::router())
        .layer(middleware::from_fn(json_errors))
        .layer(middleware::from_fn_with_state(rooms, identify))
        .layer(middleware::from_fn(security_headers))
        .layer(CatchPanicLayer::custom(answer_panic))
}

/// Works out who asks, once for all handlers.
async fn identify(
    State(rooms): State<Rooms>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let edge = rooms.edge.clone();
    let context = RequestContext::new(rooms, peer, request.headers());
    let is_tls = context.is_tls;
    let length = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let mut response = if let Err(Exceeded { retry_after }) = context.rooms.limits.requests.take(context.address) {
        HttpError(too_many_requests(retry_after)).into_response()
    } else if LONGEST_URI < length {
        HttpError(ApiError::new(ErrorCode::UriTooLong, "The path is too long")).into_response()
    } else {
        request.extensions_mut().insert(context);
        next.run(request).await
    };
    if is_tls {
        insist_on_tls(&mut response, &edge);
    }
    response
}

/// Answers in JSON with a code wherever a program may ask, also where the framework
/// refuses a request by itself: a path that is no UTF-8, a query that cannot be read.
async fn json_errors(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_for_programs = path == "/api" || path.starts_with("/api/") || path == "/ws";
    let response = next.run(request).await;
    if is_for_programs { in_json(response) } else { response }
}

fn too_many_requests(wait: Duration) -> ApiError {
    ApiError {
        retry_after: Some(whole_seconds(wait)),
        ..ApiError::new(ErrorCode::TooManyRequests, "Too many requests come from your address: try again in a moment")
    }
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
    if !is_from_our_page(&request) {
        return Err(ApiError::new(ErrorCode::CrossSite, "Other sites' pages may not make this call").into());
    }
    if !is_json(request.headers()) {
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType, "The body must be application/json").into());
    }
    bounded_body(request).await
}

fn answer_panic(_cause: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a handler panicked; its request is answered with 500");
    HttpError(ApiError::new(ErrorCode::Internal, "Something went wrong on our side")).into_response()
}
