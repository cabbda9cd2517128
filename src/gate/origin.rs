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
    /// True if the client is known to speak TLS. False says nothing: a proxy may keep
    /// it to itself.
    pub is_tls: bool,
}

/// True unless the request says that another site's page made it.
pub fn is_same_origin(page: CallingPage<'_>) -> bool {
    match page.fetch_site {
        Some(b"same-origin" | b"none") => true,
        Some(_) => false,
        None => origin_matches_host(page),
    }
}

/// True unless there is an `Origin` that is not the host called. A port that is the
/// default of the origin's scheme is none, as browsers leave it out of `Origin` and some
/// proxies put it into `Host`.
///
/// `Sec-Fetch-Site` is not asked: browsers do not send it on every WebSocket.
pub fn origin_matches_host(page: CallingPage<'_>) -> bool {
    let Some(origin) = page.origin else { return true };
    let host = page.host.and_then(|host| str::from_utf8(host).ok());
    let origin = str::from_utf8(origin).ok().and_then(|origin| origin.split_once("://"));
    let (Some((scheme, authority)), Some(host)) = (origin, host) else { return false };
    let default_port = match scheme {
        "https" => "443",
        "http" if !page.is_tls => "80",
        _ => return false,
    };
    without_port(authority, default_port).eq_ignore_ascii_case(without_port(host, default_port))
}

/// The host alone if its port is `port` or empty, otherwise both as they are.
fn without_port<'a>(authority: &'a str, port: &str) -> &'a str {
    match authority.rsplit_once(':') {
        Some((host, named)) if named == port || named.is_empty() => host,
        _ => authority,
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
                is_tls: false,
            };
            assert_eq!(is_same_origin(page), *expected, "{lines:?}");
        }
    }

    #[test]
    fn a_default_port_is_none() {
        for (origin, host, is_tls, expected) in [
            ("https://race.test", "race.test:443", true, true),
            ("https://race.test", "race.test:443", false, true),
            ("https://race.test:443", "race.test", true, true),
            ("http://race.test", "race.test:80", false, true),
            ("https://[2001:db8::443]", "[2001:db8::443]:443", true, true),
            ("https://race.test", "race.test", true, true),
            ("http://race.test", "race.test", false, true),
            ("https://race.test", "race.test:80", true, false),
            ("https://race.test:8443", "race.test", true, false),
            ("https://race.test:8443", "race.test:8443", true, true),
            // A page that came without TLS is not of a site with TLS.
            ("http://race.test", "race.test", true, false),
            ("http://race.test:443", "race.test:443", true, false),
            ("chrome-extension://race.test", "race.test", false, false),
            ("https://[2001:db8::443]", "[2001:db8::]", true, false),
        ] {
            let page =
                CallingPage { fetch_site: None, origin: Some(origin.as_bytes()), host: Some(host.as_bytes()), is_tls };
            assert_eq!(origin_matches_host(page), expected, "{origin} {host} {is_tls}");
        }
    }
}
