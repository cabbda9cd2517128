//! `GET /cdn-cgi/trace` and `GET /api/dev/trace`: what the edge saw of a client, in
//! Cloudflare's `key=value` form.
//!
//! Behind Cloudflare the edge answers the first path itself and this code never
//! hears of it. Elsewhere the server answers, with the address it will compare.

use crate::{
    edge::context::RequestContext,
    edge::error::{HttpError, not_found},
};
use axum::{
    extract::Extension,
    http::{HeaderMap, header},
    response::IntoResponse,
};
use std::time::{SystemTime, UNIX_EPOCH};

/// The longest header value that is repeated in a trace, so that a trace always
/// fits into a submission.
const LONGEST_VALUE: usize = 300;

pub(crate) async fn edge(Extension(request): Extension<RequestContext>, headers: HeaderMap) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")],
        trace(&request, &headers),
    )
}

pub(crate) async fn development(
    Extension(request): Extension<RequestContext>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, HttpError> {
    if request.rooms.gate.dev_trace { Ok(edge(Extension(request), headers).await) } else { Err(not_found()) }
}

fn trace(request: &RequestContext, headers: &HeaderMap) -> String {
    let address = request.address;
    let host = printable(headers, header::HOST);
    let agent = printable(headers, header::USER_AGENT);
    let (scheme, tls) = if request.is_tls { ("https", "TLSv1.3") } else { ("http", "off") };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let (seconds, milliseconds) = (now / 1000, now % 1000);
    format!(
        "fl=0f0\nh={host}\nip={address}\nts={seconds}.{milliseconds:03}\nvisit_scheme={scheme}\nuag={agent}\ncolo=DEV\n\
         sliver=none\nhttp=http/1.1\nloc=XX\ntls={tls}\nsni=off\nwarp=off\ngateway=off\nrbi=off\nkex=none\n"
    )
}

/// A header's value without anything that could begin a line of its own.
fn printable(headers: &HeaderMap, name: header::HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.chars().filter(|character| !character.is_control()).take(LONGEST_VALUE).collect()
}
