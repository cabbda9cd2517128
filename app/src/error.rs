//! The one error that leaves the server, as JSON: `{"code","detail",…}`.
//!
//! `code` is for programs and never changes its meaning; `detail` is one sentence
//! for people. The race, the gate and the prizes have error types of their own
//! and know nothing of this one; the edge turns theirs into this.

use crate::read::{Read, deserialize_by_reading, field, field_or_default, read_texts};
use puzzle::{RoundNumber, Seed};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// `400`: the request is not what the protocol says; the detail names the field.
    Malformed,
    /// `414`: the path with its query is longer than any of ours.
    UriTooLong,
    /// `413`: the body is larger than the route allows.
    BodyTooLarge,
    /// `415`: the body is not `application/json`.
    UnsupportedMediaType,
    /// `404`: there is nothing at this path.
    NotFound,
    /// `405`: this path does not answer that method.
    MethodNotAllowed,
    /// `408`: the request was not sent in time.
    RequestTimeout,
    /// `403`: another site's page made this call.
    CrossSite,
    /// `403`: neither a session that passed the check nor a token.
    MissingToken,
    /// `403`: the human check was refused.
    TurnstileFailed,
    /// `503`: the human check cannot be asked.
    TurnstileUnavailable,
    /// `402`: a hashcash stamp is missing or not good enough.
    StampRequired,
    /// `403`: the submitted trace names another address than the request's.
    IdentityMismatch,
    /// `403`: the session belongs to another visitor id.
    VisitorMismatch,
    /// `503`: the drop has not opened yet.
    DropScheduled,
    /// `503`: the drop is paused.
    DropPaused,
    /// `503`: the drop is over.
    DropOver,
    /// `403`: the person or the network has won as much as it may.
    QuotaReached,
    /// `429`: somebody has just won, and for a while nobody does.
    TooSoonAfterWin,
    /// `401`: no API key, or one that is good for nothing.
    InvalidKey,
    /// `403`: the API key is not good for this.
    MissingScope,
    /// `404`: nobody has won this code.
    UnknownCode,
    /// `409`: the code was used before.
    AlreadyRedeemed,
    /// `410`: the code was not used in time.
    Expired,
    /// `410`: the code was made worthless.
    Revoked,
    /// `422`: another request came with this idempotency key.
    IdempotencyKeyReused,
    /// `409`: the round is over.
    PuzzleAlreadySolved,
    /// `400`: the claimed hash is not below the target.
    BelowDifficulty,
    /// `429`: one submission at a time.
    TooManySubmissions,
    /// `429`: too many requests from this address.
    TooManyRequests,
    /// `503`: the verifier is full.
    VerificationBusy,
    /// `400`: the hash is not the one that the nonce has.
    HashMismatch,
    /// `503`: as many are connected as there can be.
    ServerFull,
    /// `503`: what is decided or asked for cannot be written or read; the race pauses.
    StorageUnavailable,
    /// `503`: the server is stopping.
    ShuttingDown,
    /// `400`: not a valid nick; the detail says the rule.
    BadNick,
    /// `401`: the lobby knows its visitors by the cookie, and there is none, or an
    /// `Authorization` header in its place.
    NotLoggedIn,
    /// `401`: no such nick, or not its password.
    WrongPassword,
    /// `403`: what was asked for is for the members of a channel.
    NotOnChannel,
    /// `409`: somebody else has the nick.
    NickTaken,
    /// `503`: the lobby has no room or no time for this now.
    LobbyBusy,
    /// `503`: the lobby's store cannot be used; the race goes on without it.
    LobbyClosed,
    /// `500`: the server failed.
    Internal,
    /// On a WebSocket: no message of the protocol.
    UnknownMessage,
    /// On a WebSocket: a hash rate that no device has.
    BadHashrate,
    /// On a WebSocket: a share that proves nothing; the detail says why.
    BadShare,
    /// In the browser: the server could not be reached or understood.
    Unreachable,
}

impl ErrorCode {
    /// The HTTP status that goes with the code.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed
            | Self::BadNick
            | Self::BelowDifficulty
            | Self::HashMismatch
            | Self::UnknownMessage
            | Self::BadHashrate
            | Self::BadShare => 400,
            Self::NotLoggedIn | Self::WrongPassword | Self::InvalidKey => 401,
            Self::StampRequired => 402,
            Self::CrossSite
            | Self::MissingToken
            | Self::TurnstileFailed
            | Self::IdentityMismatch
            | Self::VisitorMismatch
            | Self::QuotaReached
            | Self::MissingScope
            | Self::NotOnChannel => 403,
            Self::NotFound | Self::UnknownCode => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::PuzzleAlreadySolved | Self::NickTaken | Self::AlreadyRedeemed => 409,
            Self::Expired | Self::Revoked => 410,
            Self::BodyTooLarge => 413,
            Self::UriTooLong => 414,
            Self::UnsupportedMediaType => 415,
            Self::IdempotencyKeyReused => 422,
            Self::TooManySubmissions | Self::TooManyRequests | Self::TooSoonAfterWin => 429,
            Self::Internal => 500,
            Self::TurnstileUnavailable
            | Self::VerificationBusy
            | Self::ServerFull
            | Self::StorageUnavailable
            | Self::ShuttingDown
            | Self::DropScheduled
            | Self::DropPaused
            | Self::DropOver
            | Self::LobbyBusy
            | Self::LobbyClosed
            | Self::Unreachable => 503,
        }
    }

    /// True if the same request may succeed a little later.
    pub const fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::Unreachable
                | Self::TurnstileUnavailable
                | Self::VerificationBusy
                | Self::ServerFull
                | Self::StorageUnavailable
                | Self::ShuttingDown
                | Self::Internal
                | Self::RequestTimeout
                | Self::TooManyRequests
                | Self::TooManySubmissions
                | Self::TooSoonAfterWin
        )
    }
}

/// What a stamp must be, with `stamp_required`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StampDemand {
    /// How many leading zero bits it needs.
    pub hashcash_bits: u8,
    /// What it must be made out to: the server's name.
    pub resource: String,
    /// Why the one that came was not accepted, in one stable word.
    pub reason: String,
}

/// Why the drop gives nothing to this visitor, or to nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DropDetails {
    /// By what a win is refused, with `quota_reached`: `person`, `network` or `cooldown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<String>,
    /// Until when, RFC 3339 in UTC, with `quota_reached`; `Some(None)`, JSON `null`, for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Option<String>>,
    /// When the drop opens, RFC 3339 in UTC, with `drop_scheduled` and its kin;
    /// `Some(None)`, JSON `null`, if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<Option<String>>,
}

/// An error as it travels. Fields beyond `code` and `detail` are there only
/// where the protocol names them.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[error("{detail}")]
pub struct ApiError {
    /// For programs.
    pub code: ErrorCode,
    /// One sentence for people.
    pub detail: Box<str>,
    /// The round that is being played, with `puzzle_already_solved`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<RoundNumber>,
    /// Its seed, with `puzzle_already_solved`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<Seed>,
    /// With `below_difficulty` on a rising target: in how many seconds of mining
    /// time the hash wins; `Some(None)`, JSON `null`, if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_in: Option<Option<f64>>,
    /// Why the drop gives nothing, with `quota_reached`, `drop_scheduled` and its kin.
    #[serde(flatten)]
    pub drop: Option<Box<DropDetails>>,
    /// Whole seconds after which a retry makes sense; also the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Cloudflare's error codes, with `turnstile_failed`.
    #[serde(rename = "error-codes", skip_serializing_if = "<[String]>::is_empty")]
    pub error_codes: Box<[String]>,
    /// What a stamp must be, with `stamp_required`.
    #[serde(flatten)]
    pub stamp: Option<Box<StampDemand>>,
}

impl ApiError {
    /// An error without extra fields.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into().into_boxed_str(),
            round: None,
            seed: None,
            valid_in: None,
            drop: None,
            retry_after: None,
            error_codes: Box::default(),
            stamp: None,
        }
    }

    /// How long the server wants to be left alone; zero if it does not say.
    pub fn asked_wait(&self) -> Duration {
        Duration::from_secs(self.retry_after.unwrap_or_default())
    }
}

read_texts!(ErrorCode);
deserialize_by_reading!(ApiError);

/// The page takes what it acts by: the times are for programs.
impl Read for DropDetails {
    fn read(value: &Value) -> Option<Self> {
        let quota = value.get("quota")?.as_str()?;
        Some(Self { quota: Some(quota.to_owned()), until: None, opens_at: None })
    }
}

impl Read for ApiError {
    fn read(value: &Value) -> Option<Self> {
        let stamp = || {
            let (hashcash_bits, resource) = (field(value, "hashcash_bits")?, field(value, "resource")?);
            Some(StampDemand { hashcash_bits, resource, reason: field(value, "reason")? }.into())
        };
        Some(Self {
            code: field(value, "code")?,
            detail: field::<String>(value, "detail")?.into(),
            round: field(value, "round")?,
            seed: field(value, "seed")?,
            // Present and `null`: never.
            valid_in: value.get("valid_in").map(Value::as_f64),
            drop: DropDetails::read(value).map(Box::new),
            retry_after: field(value, "retry_after")?,
            error_codes: field_or_default::<Vec<String>>(value, "error-codes")?.into(),
            stamp: stamp(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_fields_that_apply_travel() {
        let plain = ApiError::new(ErrorCode::PuzzleAlreadySolved, "Puzzle already solved by someone else");
        assert_eq!(
            serde_json::to_string(&plain).unwrap(),
            r#"{"code":"puzzle_already_solved","detail":"Puzzle already solved by someone else"}"#
        );
        let never = ApiError { valid_in: Some(None), ..ApiError::new(ErrorCode::BelowDifficulty, "no") };
        let text = serde_json::to_string(&never).unwrap();
        assert_eq!(text, r#"{"code":"below_difficulty","detail":"no","valid_in":null}"#);
        assert_eq!(serde_json::from_str::<ApiError>(&text).unwrap(), never);
        let until = Some(Some("2026-12-24T20:00:00.000Z".into()));
        let details = DropDetails { quota: Some("cooldown".into()), until, opens_at: None };
        let quota = ApiError { drop: Some(details.into()), ..ApiError::new(ErrorCode::QuotaReached, "no") };
        let text = serde_json::to_string(&quota).unwrap();
        assert!(text.ends_with(r#","quota":"cooldown","until":"2026-12-24T20:00:00.000Z"}"#), "{text}");
        let read = serde_json::from_str::<ApiError>(&text).unwrap();
        assert_eq!(read.drop.unwrap().quota.as_deref(), Some("cooldown"));
        let demand = StampDemand { hashcash_bits: 20, resource: "hashpass".into(), reason: "missing".into() };
        let demand = ApiError { stamp: Some(demand.into()), ..ApiError::new(ErrorCode::StampRequired, "no") };
        let text = serde_json::to_string(&demand).unwrap();
        assert!(text.ends_with(r#","hashcash_bits":20,"resource":"hashpass","reason":"missing"}"#), "{text}");
        assert_eq!(serde_json::from_str::<ApiError>(&text).unwrap(), demand);
    }
}
