//! The session cookie: read from requests, written into answers.
//!
//! It has two names. Behind TLS it is `__Host-neoirc_auth`: browsers take a cookie with
//! that prefix from this very host only, with `Secure` and for all paths, so that no
//! sibling domain can log a visitor into somebody else's session. Without TLS browsers
//! refuse the prefix, and the name is the plain one.

use crate::identity::session::IDLE_LIMIT;
use axum::http::{HeaderMap, HeaderValue, header};

/// The cookie's name without TLS; the lobby and the race share it.
pub const COOKIE: &str = "neoirc_auth";

/// Its name behind TLS.
pub const HOST_COOKIE: &str = "__Host-neoirc_auth";

/// The length of the cookie's value, in characters.
const TOKEN_LENGTH: usize = 64;

/// The session cookie's value, if there is one of the right form. Both names are read;
/// where both are there, the one that belongs to the connection counts.
pub fn session_token(headers: &HeaderMap, is_tls: bool) -> Option<&str> {
    let (first, second) = if is_tls { (HOST_COOKIE, COOKIE) } else { (COOKIE, HOST_COOKIE) };
    value_of(headers, first).or_else(|| value_of(headers, second))
}

/// As bytes: what stands in other cookies, in whatever encoding, does not matter.
fn value_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs
        .filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        .filter(|value| value.len() == TOKEN_LENGTH && value.iter().all(u8::is_ascii_graphic))
        .find_map(|value| str::from_utf8(value).ok())
}

/// The `Set-Cookie` line for a new session.
pub fn set_cookie(token: &str, is_tls: bool) -> String {
    line(token, IDLE_LIMIT.as_secs(), is_tls)
}

/// The `Set-Cookie` lines that take the cookie away, under every name that it may have.
pub fn clear_cookie(is_tls: bool) -> Vec<HeaderValue> {
    let names: &[bool] = if is_tls { &[true, false] } else { &[false] };
    names.iter().filter_map(|prefixed| line("", 0, *prefixed).try_into().ok()).collect()
}

fn line(value: &str, max_age: u64, is_tls: bool) -> String {
    let (name, secure) = if is_tls { (HOST_COOKIE, "; Secure") } else { (COOKIE, "") };
    format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::ManualClock, identity::session::Passed, identity::sessions::Sessions};
    use std::sync::Arc;

    fn with_cookie(line: &[u8]) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_bytes(line).unwrap())])
    }

    #[test]
    fn a_cookie_finds_its_session_and_nothing_else_does() {
        let sessions = Sessions::new(Arc::new(ManualClock::default()));
        let new = sessions.open(None, Passed::default()).unwrap();
        let found = |line: &str| sessions.by_cookie(session_token(&with_cookie(line.as_bytes()), false)?);
        assert_eq!(found(&format!("a=b; {COOKIE}={}; c=d", new.token)), Some(new.session.clone()));
        assert_eq!(found(&format!("{COOKIE}={}", "0".repeat(64))), None);
        assert_eq!(found(&format!("{COOKIE}=short")), None);
        assert_eq!(found(&format!("x{COOKIE}={}", new.token)), None);
        assert!(!new.token.contains(&new.session.id.0), "the id must not grant the session");
    }

    #[test]
    fn other_cookies_do_not_matter_whatever_they_hold() {
        let token = "0a".repeat(32);
        let line = [&b"name=J\xf6rg; "[..], format!("{COOKIE}={token}").as_bytes(), "; b=ü".as_bytes()].concat();
        assert_eq!(session_token(&with_cookie(&line), false), Some(&*token));
    }

    #[test]
    fn both_names_are_read_and_the_one_of_the_connection_wins() {
        let (plain, prefixed) = ("0a".repeat(32), "0b".repeat(32));
        let both = with_cookie(format!("{COOKIE}={plain}; {HOST_COOKIE}={prefixed}").as_bytes());
        assert_eq!(session_token(&both, true), Some(&*prefixed));
        assert_eq!(session_token(&both, false), Some(&*plain));
        for line in [format!("{COOKIE}={plain}"), format!("{HOST_COOKIE}={plain}")] {
            for is_tls in [true, false] {
                assert_eq!(session_token(&with_cookie(line.as_bytes()), is_tls), Some(&*plain), "{line} {is_tls}");
            }
        }
    }

    #[test]
    fn the_cookie_has_its_attributes() {
        assert_eq!(
            set_cookie("abc", true),
            "__Host-neoirc_auth=abc; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(set_cookie("abc", false), "neoirc_auth=abc; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict");
        assert_eq!(clear_cookie(false), ["neoirc_auth=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"]);
        assert_eq!(clear_cookie(true).len(), 2);
    }
}
