//! One request: who asks, from where, and what it can reach.

use super::{
    advice::Advice,
    cookie::session_token,
    headers::{calling_page, forwarding_headers},
    language,
    settings::EdgeSettings,
    way_back::{self, Return},
};
use crate::{
    gate::{GateSettings, admission::Admission, error::GateError, limits::AddressLimits, origin::is_same_origin},
    identity::session::Session,
    identity::sessions::Sessions,
    live::{Live, polling::Pollers},
    lobby::Lobby,
    prize::{Prizes, codes::Codes, keys::Doorkeeper},
    race::Race,
};
use app::{Language, wire::View};
use axum::{
    extract::Request,
    http::{HeaderMap, header},
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// The rooms that requests can reach. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rooms {
    /// The race.
    pub race: Race,
    /// Everybody who is connected.
    pub live: Live,
    /// Those of them who poll.
    pub pollers: Pollers,
    /// Everybody who has a session.
    pub sessions: Arc<Sessions>,
    /// How much one address may ask for.
    pub limits: Arc<AddressLimits>,
    /// Who is let in.
    pub admission: Arc<Admission>,
    /// The settings of the gate.
    pub gate: Arc<GateSettings>,
    /// What becomes of wins.
    pub prizes: Prizes,
    /// The codes that were won.
    pub codes: Codes,
    /// Who lets other servers in.
    pub doorkeeper: Doorkeeper,
    /// The lobby; `None` while its database cannot be used.
    pub lobby: Option<Lobby>,
    /// The origins whose pages may use the lobby beside the server's own.
    pub cors_origins: Arc<[String]>,
    /// How HTTP is spoken.
    pub edge: Arc<EdgeSettings>,
    /// What the operator is told of requests that look wrong.
    pub advice: Arc<Advice>,
}

/// True unless the request says that another site's page made it. A refusal that looks
/// like the fault of a proxy is told to the operator.
pub(crate) fn is_from_our_page(request: &Request) -> bool {
    let Some(context) = request.extensions().get::<RequestContext>() else { return false };
    let is_ours = is_same_origin(calling_page(request.headers(), context.is_tls));
    if !is_ours {
        context.rooms.advice.note_refused_page(request.headers());
    }
    is_ours
}

/// One request.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// What it can reach.
    pub rooms: Rooms,
    /// The client's address, as far as it can be trusted.
    pub address: IpAddr,
    /// True if the client speaks TLS, to us or to a trusted proxy.
    pub is_tls: bool,
    /// The language that the client reads.
    pub language: Language,
    /// Which page is asked for, if it is one.
    pub view: View,
    /// Where the address of the page asks that winners be sent back to.
    pub(crate) asked_return: Option<Return>,
    headers: HeaderMap,
}

impl RequestContext {
    /// Takes what matters from a request whose socket has `peer` at its other end.
    pub fn new(rooms: Rooms, peer: SocketAddr, headers: &HeaderMap) -> Self {
        let forwarding = forwarding_headers(headers);
        let proxies = &rooms.gate.trusted_proxies;
        if !forwarding.forwarded_for.is_empty() && !proxies.contains(peer.ip()) {
            rooms.advice.note_untrusted_proxy(peer.ip());
        }
        Self {
            address: proxies.client_address(peer.ip(), &forwarding),
            is_tls: proxies.is_tls(peer.ip(), &forwarding),
            language: language::asked_for(headers),
            view: View::default(),
            asked_return: None,
            headers: headers.clone(),
            rooms,
        }
    }

    /// The session with which the request takes part in the race: by its cookie, or by
    /// a token of the human check as Bearer, or by `token` (the WebSocket's parameter).
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn session(&self, token: Option<&str>) -> Result<Session, GateError> {
        let token = token.or_else(|| self.bearer());
        self.rooms.admission.for_the_race(self.cookie_session(), token, self.address).await
    }

    /// The session of the request's cookie, whatever it has passed.
    pub fn cookie_session(&self) -> Option<Session> {
        self.rooms.sessions.by_cookie(session_token(&self.headers, self.is_tls)?)
    }

    /// Where a winner of this browser is sent back to, if it has taken a way back.
    pub(crate) fn way_back(&self) -> Option<Return> {
        way_back::kept(&self.headers, self.is_tls, &self.rooms.edge.way_back)
    }

    /// The origin under which the client knows this server.
    pub(crate) fn origin(&self) -> Option<String> {
        let host = self.headers.get(header::HOST)?.to_str().ok()?;
        let scheme = if self.is_tls { "https" } else { "http" };
        let url: reqwest::Url = format!("{scheme}://{host}").parse().ok()?;
        Some(url.origin().ascii_serialization())
    }

    /// What the header `Authorization` says behind `Bearer`.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let value = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }
}
