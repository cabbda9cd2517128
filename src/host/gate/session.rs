//! Sessions: who has passed the check.
//!
//! A session is a random token in an HttpOnly cookie; only the token's SHA-256 is
//! kept. A Bearer token of the human check stands for an implicit session that
//! lives as long as the token is remembered. Sessions live in memory only and
//! their number is bounded. A session is never thrown away because its address
//! changed.

use crate::host::{clock::Clock, race::SessionId};
use axum::http::{HeaderMap, header};
use puzzle::VisitorId;
use rand::{Rng, seq::IndexedRandom};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    fmt::Write,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The cookie's name; the lobby and the race share it.
pub const COOKIE: &str = "neoirc_auth";

/// An unused session is forgotten after 30 days.
const IDLE_LIMIT: Duration = Duration::from_secs(720 * 3600);

/// A token of the human check is remembered for as long as Cloudflare would have
/// taken it.
const TOKEN_LIFETIME: Duration = Duration::from_secs(300);

/// How many sessions there can be; at some 300 bytes each, 60 MB.
const MOST_SESSIONS: usize = 200_000;

/// What a session grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Names the session without granting it.
    pub id: SessionId,
    /// Its name in the lobby.
    pub nick: String,
    key: Key,
}

/// A new session with the cookie's value, which is told once and not kept.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The session.
    pub session: Session,
    /// 64 hex digits.
    pub token: String,
}

/// The implicit session of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSession {
    /// The session.
    pub session: Session,
    /// False if an earlier call with the same token had already opened it.
    pub is_new: bool,
}

/// The visitor id is not the one that the session has used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherVisitor;

/// There are as many sessions as there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySessions;

type Key = [u8; 32];

/// A token of the human check at one address, as a hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenKey(Key);

impl TokenKey {
    /// The key of `token` when shown from `address`.
    pub fn new(token: &str, address: IpAddr) -> Self {
        Self(key(&["token", token, &address.to_string()]))
    }
}

#[derive(Debug)]
struct Entry {
    session: Session,
    /// Fixed at the first accepted submission.
    visitor: Option<VisitorId>,
    /// The session is forgotten at this moment …
    expires: Duration,
    /// … which moves to this far ahead with every use; `None` if it stays.
    renews: Option<Duration>,
}

/// All sessions.
pub struct Sessions {
    entries: Mutex<HashMap<Key, Entry>>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl Sessions {
    /// No sessions yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { entries: Mutex::default(), clock }
    }

    /// Opens a session.
    ///
    /// # Errors
    /// [`TooManySessions`].
    pub fn open(&self) -> Result<NewSession, TooManySessions> {
        let mut token = [0; 32];
        rand::rng().fill_bytes(&mut token);
        let token = hex(&token);
        let key = key(&["cookie", &token]);
        let entry = self.entry(&key, Some(IDLE_LIMIT));
        let session = entry.session.clone();
        self.insert(key, entry)?;
        Ok(NewSession { session, token })
    }

    /// The session of the request's cookie, if it has one.
    pub fn by_cookie(&self, headers: &HeaderMap) -> Option<Session> {
        let token = cookie(headers)?;
        self.find(&key(&["cookie", token]))
    }

    /// The implicit session of a token that was accepted from its address.
    pub fn by_token(&self, token: &TokenKey) -> Option<Session> {
        self.find(&token.0)
    }

    /// Remembers that a token was accepted from its address. Of calls that were
    /// made at once with the same token, the first opens the session for all.
    ///
    /// # Errors
    /// [`TooManySessions`].
    pub fn accept_token(&self, token: &TokenKey) -> Result<TokenSession, TooManySessions> {
        let TokenKey(key) = *token;
        let entry = self.entry(&key, None);
        let (session, is_new) = self.insert(key, entry)?;
        Ok(TokenSession { session, is_new })
    }

    /// Fixes the session's visitor id at its first use.
    ///
    /// # Errors
    /// [`OtherVisitor`] if it is fixed to another one.
    pub fn claim_visitor(&self, session: &Session, visitor: &VisitorId) -> Result<(), OtherVisitor> {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(&session.key) else { return Ok(()) };
        if entry.visitor.get_or_insert_with(|| visitor.clone()) == visitor { Ok(()) } else { Err(OtherVisitor) }
    }

    fn entry(&self, key: &Key, renews: Option<Duration>) -> Entry {
        let session = Session { id: SessionId(hex(&key[..16])), nick: friendly_nick(), key: *key };
        Entry { session, visitor: None, expires: self.clock.now() + renews.unwrap_or(TOKEN_LIFETIME), renews }
    }

    fn find(&self, key: &Key) -> Option<Session> {
        let now = self.clock.now();
        let mut entries = self.lock();
        let entry = entries.get_mut(key)?;
        if entry.expires <= now {
            entries.remove(key);
            return None;
        }
        if let Some(further) = entry.renews {
            entry.expires = now + further;
        }
        Some(entry.session.clone())
    }

    /// Keeps an entry, unless there is a living one with this key; says which
    /// session the key stands for now, and whether that is the new one.
    fn insert(&self, key: Key, entry: Entry) -> Result<(Session, bool), TooManySessions> {
        let now = self.clock.now();
        let mut entries = self.lock();
        if let Some(present) = entries.get(&key).filter(|present| now < present.expires) {
            return Ok((present.session.clone(), false));
        }
        if MOST_SESSIONS <= entries.len() {
            entries.retain(|_, entry| now < entry.expires);
        }
        if MOST_SESSIONS <= entries.len() {
            return Err(TooManySessions);
        }
        let session = entry.session.clone();
        entries.insert(key, entry);
        Ok((session, true))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SHA-256 over the parts, each with its length, so that no two lists of parts
/// have the same key.
fn key(parts: &[&str]) -> Key {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The session cookie's value, if there is one of the right form.
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
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

/// Two words and a number, such as `calm_otter_417`.
fn friendly_nick() -> String {
    const MOODS: &[&str] = &[
        "amber", "bold", "brave", "bright", "calm", "clever", "cosy", "early", "fair", "gentle", "happy", "kind",
        "lively", "lucky", "merry", "mellow", "noble", "patient", "quiet", "quick", "silver", "steady", "sunny",
        "wise",
    ];
    const ANIMALS: &[&str] = &[
        "badger", "beaver", "crane", "deer", "dolphin", "falcon", "finch", "fox", "heron", "ibex", "lark", "lynx",
        "marten", "otter", "owl", "panda", "puffin", "raven", "robin", "seal", "swan", "tiger", "wren", "yak",
    ];
    let mut random = rand::rng();
    let mood = MOODS.choose(&mut random).copied().unwrap_or("calm");
    let animal = ANIMALS.choose(&mut random).copied().unwrap_or("otter");
    format!("{mood}_{animal}_{}", rand::random_range(100..1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::clock::ManualClock;

    fn sessions() -> (Arc<ManualClock>, Sessions) {
        let clock = Arc::new(ManualClock::default());
        (clock.clone(), Sessions::new(clock))
    }

    fn with_cookie(line: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, line.parse().unwrap())])
    }

    #[test]
    fn a_cookie_finds_its_session_and_nothing_else_does() {
        let (_, sessions) = sessions();
        let new = sessions.open().unwrap();
        let found = |line: &str| sessions.by_cookie(&with_cookie(line));
        assert_eq!(found(&format!("a=b; {COOKIE}={}; c=d", new.token)), Some(new.session.clone()));
        assert_eq!(found(&format!("{COOKIE}={}", "0".repeat(64))), None);
        assert_eq!(found(&format!("{COOKIE}=short")), None);
        assert_eq!(found(&format!("x{COOKIE}={}", new.token)), None);
        assert!(!new.token.contains(&new.session.id.0), "the id must not grant the session");
    }

    #[test]
    fn use_keeps_a_session_and_idleness_ends_it() {
        let (clock, sessions) = sessions();
        let line = format!("{COOKIE}={}", sessions.open().unwrap().token);
        for _ in 0..3 {
            clock.advance(IDLE_LIMIT - Duration::from_secs(1));
            assert!(sessions.by_cookie(&with_cookie(&line)).is_some());
        }
        clock.advance(IDLE_LIMIT);
        assert_eq!(sessions.by_cookie(&with_cookie(&line)), None);
    }

    #[test]
    fn an_accepted_token_is_bound_to_its_address_for_five_minutes() {
        let (clock, sessions) = sessions();
        let (here, there) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let here_key = TokenKey::new("secret", here);
        let TokenSession { session, is_new } = sessions.accept_token(&here_key).unwrap();
        assert!(is_new);
        let again = sessions.accept_token(&here_key).unwrap();
        assert_eq!(again, TokenSession { session: session.clone(), is_new: false });
        assert_eq!(sessions.by_token(&here_key), Some(session));
        assert_eq!(sessions.by_token(&TokenKey::new("secret", there)), None);
        assert_eq!(sessions.by_token(&TokenKey::new("Secret", here)), None);
        clock.advance(TOKEN_LIFETIME);
        assert_eq!(sessions.by_token(&here_key), None);
    }

    #[test]
    fn the_first_visitor_id_stays() {
        let (_, sessions) = sessions();
        let session = sessions.open().unwrap().session;
        let (one, two) = ("visitor-1".parse().unwrap(), "visitor-2".parse().unwrap());
        assert_eq!(sessions.claim_visitor(&session, &one), Ok(()));
        assert_eq!(sessions.claim_visitor(&session, &one), Ok(()));
        assert_eq!(sessions.claim_visitor(&session, &two), Err(OtherVisitor));
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
