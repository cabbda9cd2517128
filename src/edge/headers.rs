//! What the gate wants to know of a request, taken from its headers.

use crate::gate::{address::ForwardingHeaders, origin::CallingPage};
use axum::http::{HeaderMap, HeaderValue, header};

/// Where the request says it comes from.
pub fn forwarding_headers(headers: &HeaderMap) -> ForwardingHeaders<'_> {
    let lines = |name| headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    ForwardingHeaders {
        forwarded_for: lines("x-forwarded-for"),
        connecting_ip: lines("cf-connecting-ip"),
        connecting_ipv6: lines("cf-connecting-ipv6"),
        forwarded_proto: lines("x-forwarded-proto"),
    }
}

/// The header that a session stamp comes in.
const STAMP_HEADER: &str = "x-hashcash";

/// The session stamp of a request, if it has exactly one.
pub(crate) fn session_stamp(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(STAMP_HEADER).iter();
    match (values.next(), values.next()) {
        (Some(stamp), None) => stamp.to_str().ok(),
        _ => None,
    }
}

/// Which page the request says it is made by, on a connection that is TLS for the client
/// or not.
pub(crate) fn calling_page(headers: &HeaderMap, is_tls: bool) -> CallingPage<'_> {
    let value = |name| headers.get(name).map(HeaderValue::as_bytes);
    CallingPage {
        fetch_site: value("sec-fetch-site"),
        origin: value(header::ORIGIN.as_str()),
        host: value(header::HOST.as_str()),
        is_tls,
    }
}
