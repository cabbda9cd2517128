//! TCP connections: accepted, bounded in number and in time, and closed in good
//! order.
//!
//! A connection costs a descriptor and some 8 KB, whoever holds it and whatever
//! for. So everything that a peer could leave half done has a limit: the head of
//! a request, the pause between two requests, an answer that it does not read
//! ([`activity`]). (The body of a request has its own limit in the
//! [`router`](crate::edge::router), a WebSocket in [`live`](super::live).) And there are
//! only so many connections, for one peer and for all together. One too many of a peer
//! is told so and closed, as it would otherwise wait for ever behind those that waste
//! theirs. When all together are too many, one of those that use theirs least is closed
//! for it ([`Places`]).
//!
//! HTTP/1.1 only: that is what proxies speak to us, and what WebSockets need.

mod activity;
mod body;
pub mod open_files;
mod settings;

pub use settings::ConnectionSettings;

use crate::gate::{
    address::TrustedProxies,
    limits::{Crowded, Place, Places},
};
use activity::{Activity, Watched};
use app::{ApiError, ErrorCode};
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
};
use body::Noted;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    future::Future,
    io::{self, ErrorKind, Write},
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::Instant,
};
use tower::Service;

/// The longest head of a request, in bytes: the request line and all headers.
const LARGEST_HEAD: usize = 16 * 1024;

/// How long nothing is accepted after the operating system refused to, most
/// likely because there are no descriptors left.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Between two lines in the log about connections that were turned away.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// A connection that has served no request for so long is idle: the one to be closed when
/// there are too many.
const IDLE_AFTER: Duration = Duration::from_secs(2);

/// The room for as many connections as `settings` allow.
pub fn places(settings: ConnectionSettings) -> Arc<Places> {
    Places::new(settings.per_peer, settings.in_all, IDLE_AFTER)
}

/// Serves `router` on `listener` until `stop` is done, with a place for each connection;
/// then closes every connection as soon as it has nothing under way, at the latest after
/// the grace.
///
/// Connections that became WebSockets are not waited for.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: ConnectionSettings,
    places: Arc<Places>,
    proxies: &TrustedProxies,
    stop: impl Future<Output = ()>,
) {
    let stopping = watch::Sender::new(false);
    let mut open = JoinSet::new();
    let mut turned_away = TurnedAway::default();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = open.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // The peer was quicker to leave than we to take it in.
            Err(error) if is_the_peers_fault(&error) => continue,
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted; trying again");
                tokio::select! {
                    () = &mut stop => break,
                    () = tokio::time::sleep(ACCEPT_RETRY_DELAY) => continue,
                }
            }
        };
        let counted = (!proxies.contains(peer.ip())).then(|| peer.ip());
        match places.take(counted) {
            Ok(place) => {
                let connection = Connection { router: router.clone(), peer, settings };
                open.spawn(connection.serve(stream, place, stopping.subscribe()));
            }
            Err(crowded) => {
                turned_away.count(peer.ip(), crowded, places.taken());
                turn_away(stream, crowded);
            }
        }
    }
    drop(listener);
    stopping.send_replace(true);
    let all = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(settings.grace, all).await.is_err() {
        tracing::warn!(connections = open.len(), "some connections did not end in time and are cut");
        open.shutdown().await;
    }
}

fn is_the_peers_fault(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused)
}

/// One connection.
struct Connection {
    router: Router,
    peer: SocketAddr,
    settings: ConnectionSettings,
}

impl Connection {
    async fn serve(self, stream: TcpStream, place: Place, mut stopping: watch::Receiver<bool>) {
        let Self { router, peer, settings } = self;
        // A reset is one small packet and must not wait for more.
        let _ = stream.set_nodelay(true);
        let activity = Arc::new(Activity::new(settings));
        let place = Arc::new(place);
        let io = TokioIo::new(Watched::new(stream, activity.clone(), place.clone()));
        let service = service_fn(|request: hyper::Request<Incoming>| {
            let mut request: Request = request.map(|body| Body::new(Noted::new(body, activity.clone())));
            request.extensions_mut().insert(ConnectInfo(peer));
            // Whoever becomes a WebSocket answers for its place itself.
            request.extensions_mut().insert(place.clone());
            let serving = activity.serving();
            let place = place.clone();
            place.begin_use();
            // A router is always ready.
            let answer = router.clone().call(request);
            async move {
                let answer = answer.await;
                place.end_use();
                drop(serving);
                answer
            }
        });
        let mut http = http1::Builder::new();
        // Heads are timed by `activity`: the library's own limit would end the
        // pause between two requests too.
        http.header_read_timeout(None).max_header_size(LARGEST_HEAD).max_buf_size(LARGEST_HEAD);
        let mut connection = pin!(http.serve_connection(io, service).with_upgrades());
        let mut overdue = pin!(activity.overdue());
        let mut told = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    return;
                }
                () = place.must_leave() => {
                    tracing::debug!("a connection is closed to make room");
                    return;
                }
                why = overdue.as_mut() => {
                    tracing::debug!(?why, "a connection is cut");
                    return;
                }
                _ = stopping.wait_for(|stopping| *stopping), if !told => {
                    told = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// Says in one packet why, without waiting for a request or for the peer.
fn turn_away(stream: TcpStream, crowded: Crowded) {
    let error = match crowded {
        Crowded::Network => ApiError::new(
            ErrorCode::TooManyRequests,
            "There are too many connections from your network: try again in a moment",
        ),
        Crowded::Everywhere => {
            ApiError::new(ErrorCode::ServerFull, "There are too many connections: try again in a moment")
        }
    };
    let (status, phrase) = match crowded {
        Crowded::Network => (429, "Too Many Requests"),
        Crowded::Everywhere => (503, "Service Unavailable"),
    };
    // Our own type: serialising it cannot fail.
    let body = serde_json::to_string(&ApiError { retry_after: Some(5), ..error }).unwrap_or_default();
    let answer = format!(
        "HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nretry-after: 5\r\n\
         cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    // Nothing has been sent on it, so that this fits and does not block. A peer
    // that is not told sees a closed connection, which says the same.
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write_all(answer.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
}

/// Tells the operator of connections that were turned away, now and then.
#[derive(Debug, Default)]
struct TurnedAway {
    count: u64,
    told_at: Option<Instant>,
}

impl TurnedAway {
    fn count(&mut self, peer: IpAddr, crowded: Crowded, open: usize) {
        self.count += 1;
        let now = Instant::now();
        if self.told_at.is_none_or(|told_at| told_at + LOG_INTERVAL <= now) {
            self.told_at = Some(now);
            let turned_away = self.count;
            tracing::warn!(%peer, why = %crowded, open, turned_away, "connections are turned away");
        }
    }
}
