//! What browsers are told to refuse, for every answer.

use super::{assets, context::RequestContext};
use axum::{
    extract::Request,
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};

/// What a document may load: its own scripts, styles, workers and connections,
/// and from the origin of the human check, if there is one, its script and its
/// frame. That is all that the check asks for.
pub(super) fn content_security_policy(nonce: Option<&str>, human_check: Option<&str>) -> String {
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
pub(super) async fn security_headers(request: Request, next: Next) -> Response {
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
