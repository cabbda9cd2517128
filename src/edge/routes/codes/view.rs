//! Codes as other servers are told them: what a key is not good for is left out.

use crate::{
    edge::error::{HttpError, storage_unavailable},
    ledger::{CodeEnd, CodeRecord, WallTime},
    prize::{
        codes::{CodeError, NotDone},
        keys::{Caller, Scope},
    },
};
use app::{ApiError, ErrorCode};
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use puzzle::{RoundNumber, VisitorId};
use serde::Serialize;
use std::net::IpAddr;

/// A code. Times are RFC 3339 in UTC.
#[derive(Debug, Serialize)]
pub(super) struct CodeView {
    /// The code itself, where several are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    status: &'static str,
    round: Option<RoundNumber>,
    won_at: Option<String>,
    expires_at: Option<String>,
    redeemed_at: Option<String>,
    /// Only for keys that may redeem.
    #[serde(skip_serializing_if = "Option::is_none")]
    redeemed_for: Option<Option<String>>,
    /// What the site that sent the winner here has signed, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// Only for keys that may see who won.
    #[serde(skip_serializing_if = "Option::is_none")]
    winner: Option<Winner>,
}

/// Who won a code.
#[derive(Debug, Serialize)]
struct Winner {
    visitor_id: VisitorId,
    address: IpAddr,
}

impl CodeView {
    /// A code as it stands at `now`, for a caller.
    pub(super) fn of(record: &CodeRecord, now: WallTime, caller: &Caller) -> Self {
        let CodeRecord { win, redeemed, .. } = record;
        let sees = |scope| caller.scopes.contain(scope);
        let redeemed_for = redeemed.as_ref().and_then(|(_, redeemed)| redeemed.redeemed_for.clone());
        let winner = || Winner { visitor_id: win.won.visitor.clone(), address: win.won.address };
        Self {
            code: None,
            status: record.status(now).name(),
            round: Some(win.round),
            won_at: Some(win.at.to_string()),
            expires_at: win.won.expires_at.map(|at| at.to_string()),
            redeemed_at: redeemed.as_ref().map(|(at, _)| at.to_string()),
            redeemed_for: sees(Scope::Redeem).then_some(redeemed_for),
            state: win.won.state.clone(),
            winner: sees(Scope::Identity).then(winner),
        }
    }

    /// What nobody has won.
    pub(super) fn unknown(caller: &Caller) -> Self {
        Self {
            code: None,
            status: "unknown",
            round: None,
            won_at: None,
            expires_at: None,
            redeemed_at: None,
            redeemed_for: caller.scopes.contain(Scope::Redeem).then_some(None),
            state: None,
            winner: None,
        }
    }
}

/// A page of codes.
#[derive(Debug, Serialize)]
pub(super) struct ListView {
    codes: Vec<CodeView>,
    /// Where the next page begins; `null` after the last one.
    next: Option<RoundNumber>,
}

impl ListView {
    /// A page of at most `limit` codes.
    pub(super) fn of(records: &[CodeRecord], limit: usize, now: WallTime, caller: &Caller) -> Self {
        let view = |record: &CodeRecord| {
            let code = Some(record.win.won.code.as_str().to_owned());
            CodeView { code, ..CodeView::of(record, now, caller) }
        };
        let last = records.last().filter(|_| records.len() == limit);
        Self { codes: records.iter().map(view).collect(), next: last.map(|record| record.win.round) }
    }
}

/// Why a code is not used or not made worthless, as it is told.
#[derive(Debug)]
pub(super) enum NotAnswered {
    /// The code is in the way.
    Code(NotDone),
    /// Anything else.
    Other(HttpError),
}

impl From<ApiError> for NotAnswered {
    fn from(error: ApiError) -> Self {
        Self::Other(error.into())
    }
}

impl From<HttpError> for NotAnswered {
    fn from(error: HttpError) -> Self {
        Self::Other(error)
    }
}

impl From<CodeError> for NotAnswered {
    fn from(error: CodeError) -> Self {
        match error {
            CodeError::NotDone(not_done) => Self::Code(not_done),
            CodeError::KeyReused => ApiError::new(ErrorCode::IdempotencyKeyReused, error.to_string()).into(),
            CodeError::Store(error) => Self::Other(storage_unavailable(&error)),
            CodeError::Refused(refused) => {
                tracing::error!(%refused, "the ledger cannot hold what a server asked for");
                ApiError::new(ErrorCode::Internal, "Something went wrong on our side").into()
            }
        }
    }
}

/// An error with the time since when it holds.
#[derive(Serialize)]
struct NotDoneView {
    #[serde(flatten)]
    error: ApiError,
    #[serde(skip_serializing_if = "Option::is_none")]
    redeemed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

impl IntoResponse for NotAnswered {
    fn into_response(self) -> Response {
        let not_done = match self {
            Self::Other(error) => return error.into_response(),
            Self::Code(not_done) => not_done,
        };
        let view = |code| NotDoneView {
            error: ApiError::new(code, not_done.to_string()),
            redeemed_at: None,
            revoked_at: None,
            expires_at: None,
        };
        let time = |at: WallTime| Some(at.to_string());
        let view = match not_done {
            NotDone::Unknown => view(ErrorCode::UnknownCode),
            NotDone::Ended(CodeEnd::Redeemed(at)) => {
                NotDoneView { redeemed_at: time(at), ..view(ErrorCode::AlreadyRedeemed) }
            }
            NotDone::Ended(CodeEnd::Revoked(at)) => NotDoneView { revoked_at: time(at), ..view(ErrorCode::Revoked) },
            NotDone::Ended(CodeEnd::Expired(at)) => NotDoneView { expires_at: time(at), ..view(ErrorCode::Expired) },
        };
        let status = StatusCode::from_u16(view.error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(view)).into_response()
    }
}
