//! What the gate wants to know of a request, taken from its headers.

use crate::gate::{address::ForwardingHeaders, origin::CallingPage};
use axum::http::{HeaderMap, HeaderValue, header};

/// Where the request says it comes from.
pub fn forwarding_headers(headers: &HeaderMap) -> ForwardingHeaders<'_> {
    let lines = |name| headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    ForwardingHeaders {
        forwarded_for: lines("x-forwarded-for"),
        connecting_ip: lines("cf-connecting-ip"),
        forwarded_proto: lines("x-forwarded-proto"),
    }
}

/// Which page the request says it is made by.
pub(crate) fn calling_page(headers: &HeaderMap) -> CallingPage<'_> {
    let value = |name| headers.get(name).map(HeaderValue::as_bytes);
    CallingPage {
        fetch_site: value("sec-fetch-site"),
        origin: value(header::ORIGIN.as_str()),
        host: value(header::HOST.as_str()),
    }
}
