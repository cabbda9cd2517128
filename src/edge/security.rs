//! What browsers are told to refuse, for every answer.

use super::{assets, settings::EdgeSettings};
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

/// Tells a browser that came by TLS to insist on it from now on. Without TLS the header
/// means nothing (RFC 6797, 7.2), and is not sent.
pub(super) fn insist_on_tls(response: &mut Response, settings: &EdgeSettings) {
    if let Some(policy) = &settings.hsts {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, policy.value().clone());
    }
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
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(*name).or_insert(HeaderValue::from_static(value));
    }
    // A worker's own policy comes with its script; documents bring theirs.
    if let Ok(policy) = HeaderValue::from_str(&content_security_policy(None, None)) {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    }
    response
}
