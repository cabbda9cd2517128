//! The page: rendered on the server with the live state, in the visitor's language.

use super::{
    assets,
    context::RequestContext,
    error::HttpError,
    language,
    routes::turnstile::turnstile_config,
    security::content_security_policy,
    way_back::{self, Return, ReturnError},
};
use crate::{
    gate::{TurnstileSettings, admission::Admission},
    lobby::Lobby,
};
use app::{
    ApiError, ErrorCode, Language,
    host::Host,
    wire::{
        Gate, PageState, View, WayBack,
        lobby::{LobbyEvent, LobbyPage},
    },
};
use axum::{
    Router,
    body::to_bytes,
    extract::{Extension, Request},
    http::{HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use leptos::prelude::{provide_context, use_context, use_nonce};
use leptos_axum::ResponseOptions;
use std::{num::NonZero, sync::Arc};
use tokio::task::yield_now;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower_http::compression::CompressionLayer;

/// Larger than any page, in bytes: some 13 KB, and what the lobby's last lines may have.
const LARGEST_PAGE: usize = 4 * 1024 * 1024;

/// What is rendered for each visitor. The files beside it are compressed already; this
/// has to be on its way out. It holds no secret that its length could betray.
///
/// One core is left to all others, where there are several: rendering and compressing are
/// nothing but computing, and every winner would wait for it at each step of the way to its
/// code. So an answer is [whole] before the next is begun, and nothing of it is left to be
/// made while it is sent.
pub(super) fn router() -> Router {
    let at_a_time = std::thread::available_parallelism().map_or(1, NonZero::get).saturating_sub(1).max(1);
    Router::new()
        .route("/", get(page))
        .route("/lobby", get(page))
        .layer(map_response(whole))
        .layer(CompressionLayer::new())
        .layer(map_response(whole))
        .layer(GlobalConcurrencyLimitLayer::new(at_a_time))
}

/// The same answer, all of which is there. Whoever is ready to go on goes first: a page
/// whose turn comes would otherwise overtake them.
async fn whole(response: Response) -> Response {
    yield_now().await;
    let (head, body) = response.into_parts();
    match to_bytes(body, LARGEST_PAGE).await {
        Ok(bytes) => Response::from_parts(head, bytes.into()),
        Err(error) => {
            tracing::error!(%error, "a page cannot be made");
            HttpError(ApiError::new(ErrorCode::Internal, "Something went wrong on our side")).into_response()
        }
    }
}

/// The page, rendered with the live state and in the visitor's language. A language
/// that the address asks for is remembered: that is how those choose one whose
/// browser runs no scripts.
async fn page(Extension(mut context): Extension<RequestContext>, request: Request) -> Response {
    yield_now().await;
    let chosen = language::chosen_by_address(request.uri());
    context.language = chosen.unwrap_or(context.language);
    context.asked_return = match asked_return(request.uri().query(), &context) {
        Ok(asked) => asked,
        Err(error) => return return_refused(error, context.language),
    };
    context.view = if request.uri().path() == View::Lobby.path() { View::Lobby } else { View::Race };
    let (language, is_tls) = (context.language, context.is_tls);
    let human_check = context.rooms.gate.turnstile.as_ref().map(TurnstileSettings::script_origin);
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

/// Where the address asks that winners be sent back to.
fn asked_return(query: Option<&str>, context: &RequestContext) -> Result<Option<Return>, ReturnError> {
    let Some(request) = way_back::asked_for(query)? else { return Ok(None) };
    Return::new(&request, &context.rooms.edge.way_back).map(Some)
}

/// The page in the place of one whose address asks for a way back that there is not.
fn return_refused(error: ReturnError, language: Language) -> Response {
    let page = match language {
        Language::English => include_str!("return_refused.en.html"),
        Language::Chinese => include_str!("return_refused.zh-Hans.html"),
    };
    // The reason is one of our own sentences: nothing of the address is repeated.
    let page = page.replace("{{reason}}", &error.to_string());
    let headers = [
        (header::CONTENT_LANGUAGE, language.tag()),
        (header::VARY, language::VARIES_WITH),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::BAD_REQUEST, headers, Html(page)).into_response()
}

/// What the page is rendered from.
pub(super) fn state(context: &RequestContext) -> PageState {
    let rooms = &context.rooms;
    PageState {
        view: context.view,
        site: rooms.edge.site.clone(),
        way_back: way_back_of(context),
        language: context.language,
        round: rooms.race.view(),
        figures: rooms.live.figures(),
        drop: rooms.race.drop_news(),
        turnstile: turnstile_config(context),
        gate: gate(&rooms.admission),
        lobby: rooms.lobby.as_ref().map(lobby_page).unwrap_or_default(),
        turnstile_script: rooms.gate.turnstile.as_ref().map(TurnstileSettings::script).unwrap_or_default(),
        has_session: context.cookie_session().is_some_and(|session| rooms.admission.rule().is_met_by(session.passed)),
        miner_simd: env!("HASHPASS_MINER_SIMD").to_owned(),
        miner_scalar: env!("HASHPASS_MINER_SCALAR").to_owned(),
    }
}

/// What the address asks for; else what the browser has taken before.
fn way_back_of(context: &RequestContext) -> Option<WayBack> {
    match &context.asked_return {
        Some(asked) => Some(WayBack { host: asked.host(), offer: Some(asked.request()) }),
        None => context.way_back().map(|kept| WayBack { host: kept.host(), offer: None }),
    }
}

/// What the page must know of the gate.
fn gate(admission: &Admission) -> Gate {
    let (rule, stamps) = (admission.rule(), admission.stamps());
    Gate {
        asks_for_humans: rule.asks_for_humans(),
        asks_for_stamps: admission.asks_for_stamps(),
        stamp_bits: stamps.bits().get(),
        resource: stamps.resource().to_owned(),
    }
}

/// What the page shows of the lobby to everybody. What people sent along with their
/// words does not travel; what the server says of the race does.
fn lobby_page(lobby: &Lobby) -> LobbyPage {
    let view = lobby.server();
    let recent = lobby.recent();
    let lines = recent.iter().filter_map(|line| serde_json::from_str::<LobbyEvent>(line).ok());
    let lines = lines.map(|mut line| {
        if line.from != view.name {
            line.meta = serde_json::Value::Null;
        }
        line
    });
    LobbyPage { open: true, users: view.users, lines: lines.collect() }
}
