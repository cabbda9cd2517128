//! Coming in: what a session needs, and what it is.

use crate::read::read_fields;
use serde::{Deserialize, Serialize};

/// The answer of `GET /api/turnstile/config`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnstileConfig {
    /// Cloudflare's public key for this site.
    pub site_key: String,
    /// True if every token passes and nobody is asked.
    pub test_mode: bool,
}

/// The body of `POST /api/session`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRequest {
    /// The token that the human check gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turnstile_token: Option<String>,
    /// True if the session that the cookie names was refused, and another is wanted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub renew: bool,
}

/// The answer of `POST /api/session`; the session itself is in the cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionView {
    /// Names the session without granting it.
    pub id: String,
    /// Its name in the lobby.
    pub nick: String,
    /// True once it may take part in the race.
    pub verified: bool,
}

/// What a session must pass before it may take part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// The human check is part of it.
    pub asks_for_humans: bool,
    /// A session stamp is part of it.
    pub asks_for_stamps: bool,
    /// How many leading zero bits a session stamp needs; 0: none is needed.
    pub stamp_bits: u8,
    /// What a session stamp is made out to: the server's name.
    pub resource: String,
}

read_fields! {
    Gate { asks_for_humans, asks_for_stamps, stamp_bits, resource }
    SessionView { id, nick, verified }
    TurnstileConfig { site_key as "siteKey", test_mode as "testMode" }
}
