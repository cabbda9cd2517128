//! Which site's page makes a call.
//!
//! The cookie alone does not tell a visitor's wish from that of a page elsewhere,
//! so whatever changes state, and the WebSocket, is refused to other sites.
//! Browsers say where a call comes from in `Sec-Fetch-Site` and `Origin`; a client
//! that says neither is no browser, and no page can make it act for a visitor.

use axum::http::{HeaderMap, header};

/// True unless the request says that another site's page made it.
pub fn is_same_origin(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-site").map(|site| site.as_bytes()) {
        Some(b"same-origin" | b"none") => true,
        Some(_) => false,
        None => origin_matches_host(headers),
    }
}

/// True unless there is an `Origin` that is not the host called.
///
/// `Sec-Fetch-Site` is not asked: browsers do not send it on every WebSocket.
pub fn origin_matches_host(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    match (origin, host) {
        (Some((_, authority)), Some(host)) => authority.eq_ignore_ascii_case(host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_sites_are_told_apart() {
        let table: &[(&[(&'static str, &'static str)], bool)] = &[
            (&[], true),
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://hashpass.test")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("origin", "https://hashpass.test")], true),
            (&[("origin", "https://HashPass.test")], true),
            (&[("origin", "https://hashpass.test:444")], false),
            (&[("origin", "https://evil.test")], false),
            (&[("origin", "https://hashpass.test.evil.test")], false),
            (&[("origin", "null")], false),
        ];
        for (lines, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert("host", "hashpass.test".parse().unwrap());
            for (name, value) in *lines {
                headers.insert(*name, value.parse().unwrap());
            }
            assert_eq!(is_same_origin(&headers), *expected, "{lines:?}");
        }
    }
}
