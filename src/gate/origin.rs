//! Which site's page makes a call.
//!
//! The cookie alone does not tell a visitor's wish from that of a page elsewhere,
//! so whatever changes state, and the WebSocket, is refused to other sites.
//! Browsers say where a call comes from in `Sec-Fetch-Site` and `Origin`; a client
//! that says neither is no browser, and no page can make it act for a visitor.

/// What a request says of the page that makes it.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallingPage<'a> {
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a [u8]>,
    /// `Origin`.
    pub origin: Option<&'a [u8]>,
    /// `Host`: the server that is called.
    pub host: Option<&'a [u8]>,
}

/// True unless the request says that another site's page made it.
pub fn is_same_origin(page: CallingPage<'_>) -> bool {
    match page.fetch_site {
        Some(b"same-origin" | b"none") => true,
        Some(_) => false,
        None => origin_matches_host(page),
    }
}

/// True unless there is an `Origin` that is not the host called.
///
/// `Sec-Fetch-Site` is not asked: browsers do not send it on every WebSocket.
pub fn origin_matches_host(page: CallingPage<'_>) -> bool {
    let Some(origin) = page.origin else { return true };
    let host = page.host.and_then(|host| str::from_utf8(host).ok());
    let origin = str::from_utf8(origin).ok().and_then(|origin| origin.split_once("://"));
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
            let said = |wanted| lines.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_bytes());
            let page = CallingPage {
                fetch_site: said("sec-fetch-site"),
                origin: said("origin"),
                host: Some(b"hashpass.test"),
            };
            assert_eq!(is_same_origin(page), *expected, "{lines:?}");
        }
    }
}
