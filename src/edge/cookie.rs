//! The session cookie: read from requests, written into answers.

use crate::identity::session::IDLE_LIMIT;
use axum::http::{HeaderMap, header};

/// The cookie's name; the lobby and the race share it.
pub const COOKIE: &str = "neoirc_auth";

/// The session cookie's value, if there is one of the right form.
pub fn session_token(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == COOKIE && value.len() == 64)
        .map(|(_, value)| value)
}

/// The `Set-Cookie` line for a new session.
pub fn set_cookie(token: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}", IDLE_LIMIT.as_secs())
}

/// The `Set-Cookie` line that takes the cookie away.
pub fn clear_cookie(secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::ManualClock, identity::session::Passed, identity::sessions::Sessions};
    use std::sync::Arc;

    fn with_cookie(line: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, line.parse().unwrap())])
    }

    #[test]
    fn a_cookie_finds_its_session_and_nothing_else_does() {
        let sessions = Sessions::new(Arc::new(ManualClock::default()));
        let new = sessions.open(None, Passed::default()).unwrap();
        let found = |line: &str| sessions.by_cookie(session_token(&with_cookie(line))?);
        assert_eq!(found(&format!("a=b; {COOKIE}={}; c=d", new.token)), Some(new.session.clone()));
        assert_eq!(found(&format!("{COOKIE}={}", "0".repeat(64))), None);
        assert_eq!(found(&format!("{COOKIE}=short")), None);
        assert_eq!(found(&format!("x{COOKIE}={}", new.token)), None);
        assert!(!new.token.contains(&new.session.id.0), "the id must not grant the session");
    }

    #[test]
    fn the_cookie_has_its_attributes() {
        assert_eq!(
            set_cookie("abc", true),
            "neoirc_auth=abc; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict; Secure"
        );
        assert!(!set_cookie("abc", false).contains("Secure"));
    }
}
