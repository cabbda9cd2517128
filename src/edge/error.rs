//! Errors as HTTP answers: the one place where what a room refuses becomes a status, a
//! code of the protocol and a time to wait.

use crate::{
    gate::{error::GateError, stamps::SpendError},
    ledger,
    lobby::{LobbyError, store::StoreError},
    race::{Race, Refusal},
};
use app::{
    ApiError, ErrorCode,
    error::{DropDetails, StampDemand},
};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use puzzle::drop::DropState;
use std::time::{Duration, SystemTime};

/// After how long it makes sense to ask again whether a drop goes on.
const PAUSE_WAIT: Duration = Duration::from_secs(15);

/// The same for a drop that is over: there may be codes again.
const OVER_WAIT: Duration = Duration::from_secs(300);

/// An [`ApiError`] on its way out: status, `Retry-After` and JSON.
#[derive(Clone, Debug)]
pub struct HttpError(pub ApiError);

impl<E: Into<ApiError>> From<E> for HttpError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.0.retry_after;
        let mut response = (status, Json(self.0)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The same answer, unless it is an error that is not told in JSON: then one that is, with
/// the code that goes with the status.
pub(crate) fn in_json(response: Response) -> Response {
    let status = response.status();
    let content_type = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_json = content_type.is_some_and(|kind| kind.starts_with(b"application/json"));
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let HttpError(error) = match status {
        StatusCode::NOT_FOUND => not_found(),
        StatusCode::METHOD_NOT_ALLOWED => method_not_allowed(),
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(ErrorCode::BodyTooLarge, "The body is too large").into(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ApiError::new(ErrorCode::UnsupportedMediaType, "This path does not take that content type").into()
        }
        _ if status.is_server_error() => ApiError::new(ErrorCode::Internal, "Something went wrong on our side").into(),
        _ => ApiError::new(ErrorCode::Malformed, "The path, the query or a header is not what this path takes").into(),
    };
    let mut told = HttpError(error).into_response();
    let of_the_body =
        [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE];
    let kept = response.headers().iter().filter(|(name, _)| !of_the_body.contains(name));
    told.headers_mut().extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    told
}

/// `404 not_found`.
pub(crate) fn not_found() -> HttpError {
    ApiError::new(ErrorCode::NotFound, "There is nothing at this path").into()
}

/// `405 method_not_allowed`.
pub(crate) fn method_not_allowed() -> HttpError {
    ApiError::new(ErrorCode::MethodNotAllowed, "This path does not answer that method").into()
}

/// `503 storage_unavailable`: what was asked for cannot be read at the moment. The cause
/// is the operator's to know.
pub(crate) fn storage_unavailable(error: &ledger::StoreError) -> HttpError {
    tracing::warn!(%error, "the ledger cannot be read");
    ApiError {
        retry_after: Some(5),
        ..ApiError::new(ErrorCode::StorageUnavailable, "The storage cannot be read: try again in a moment")
    }
    .into()
}

/// Seconds, rounded up and at least 1, as `Retry-After` has it.
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() != 0)).max(1)
}

impl From<GateError> for ApiError {
    fn from(error: GateError) -> Self {
        let with = |code, retry_after| Self { retry_after, ..Self::new(code, error.to_string()) };
        match &error {
            GateError::MissingToken => with(ErrorCode::MissingToken, None),
            GateError::HumanCheckFailed { error_codes } => {
                Self { error_codes: error_codes.clone(), ..with(ErrorCode::TurnstileFailed, None) }
            }
            GateError::HumanCheckUnavailable => with(ErrorCode::TurnstileUnavailable, Some(10)),
            GateError::StampRequired(demand) => {
                let stamp = StampDemand {
                    hashcash_bits: demand.bits.get(),
                    resource: demand.resource.clone(),
                    reason: demand.reason.reason().to_owned(),
                };
                Self { stamp: Some(Box::new(stamp)), ..with(ErrorCode::StampRequired, None) }
            }
            GateError::StampNotSpent(SpendError::Busy | SpendError::Failed) => with(ErrorCode::LobbyBusy, Some(2)),
            GateError::TooManySessionsOfAddress { retry_after } | GateError::TooManyChecksOfAddress { retry_after } => {
                with(ErrorCode::TooManyRequests, Some(whole_seconds(*retry_after)))
            }
            GateError::NickTaken => with(ErrorCode::NickTaken, None),
            GateError::TooManySessions => with(ErrorCode::TooManyRequests, Some(60)),
        }
    }
}

impl From<LobbyError> for ApiError {
    fn from(error: LobbyError) -> Self {
        let with = |code, retry_after| Self { retry_after, ..Self::new(code, error.to_string()) };
        match &error {
            LobbyError::Gate(error) => error.clone().into(),
            LobbyError::Ended => with(ErrorCode::NotLoggedIn, None),
            LobbyError::Malformed(_) => with(ErrorCode::Malformed, None),
            LobbyError::BadNick(_) => with(ErrorCode::BadNick, None),
            LobbyError::NickTaken { retry_after } => with(ErrorCode::NickTaken, retry_after.map(whole_seconds)),
            LobbyError::WrongPassword => with(ErrorCode::WrongPassword, None),
            LobbyError::TooFast { retry_after } => with(ErrorCode::TooManyRequests, Some(whole_seconds(*retry_after))),
            LobbyError::Ceiling { retry_after } => with(ErrorCode::LobbyBusy, Some(whole_seconds(*retry_after))),
            LobbyError::Full => with(ErrorCode::LobbyBusy, Some(60)),
            LobbyError::Store(StoreError::Busy) => with(ErrorCode::LobbyBusy, Some(2)),
            LobbyError::Store(StoreError::Failed) => with(ErrorCode::StorageUnavailable, Some(5)),
            LobbyError::NoSuchTarget => with(ErrorCode::NotFound, None),
            LobbyError::NotOnChannel => with(ErrorCode::NotOnChannel, None),
        }
    }
}

/// A refusal of the race. Whoever is told that a round is over is told the next one.
pub(crate) fn refused(refusal: Refusal, race: &Race) -> ApiError {
    let with = |code, retry_after| ApiError { retry_after, ..ApiError::new(code, refusal.to_string()) };
    match refusal {
        Refusal::AlreadySolved => {
            let round = race.view();
            ApiError { round: Some(round.round), seed: round.seed(), ..with(ErrorCode::PuzzleAlreadySolved, None) }
        }
        Refusal::DropNotOpen { state, opens_at, now } => {
            let (code, wait) = match state {
                DropState::Scheduled => (ErrorCode::DropScheduled, opens_at.map(|at| at.since(now))),
                DropState::Open | DropState::Paused => (ErrorCode::DropPaused, None),
                DropState::SoldOut | DropState::Closed => (ErrorCode::DropOver, None),
            };
            let wait = wait.unwrap_or(if code == ErrorCode::DropOver { OVER_WAIT } else { PAUSE_WAIT });
            let details = DropDetails { opens_at: Some(opens_at.map(|at| at.to_string())), ..DropDetails::default() };
            ApiError { drop: Some(details.into()), ..with(code, Some(whole_seconds(wait))) }
        }
        Refusal::QuotaReached { quota, until } => {
            let wait = until.map(|until| whole_seconds(until.since(SystemTime::now().into())));
            let (quota, until) = (Some(quota.name().to_owned()), Some(until.map(|until| until.to_string())));
            let details = DropDetails { quota, until, opens_at: None };
            ApiError { drop: Some(details.into()), ..with(ErrorCode::QuotaReached, wait) }
        }
        Refusal::TooSoonAfterWin { retry_after } => with(ErrorCode::TooSoonAfterWin, Some(whole_seconds(retry_after))),
        Refusal::BelowDifficulty { valid_in } => ApiError {
            valid_in: valid_in.map(|time| time.map(|time| time.as_secs_f64())),
            ..with(ErrorCode::BelowDifficulty, None)
        },
        Refusal::InFlight => with(ErrorCode::TooManySubmissions, Some(1)),
        Refusal::Struck { retry_after } | Refusal::TooManyFromAddress { retry_after } => {
            with(ErrorCode::TooManySubmissions, Some(whole_seconds(retry_after)))
        }
        Refusal::Busy | Refusal::VerifierFailed => with(ErrorCode::VerificationBusy, Some(2)),
        Refusal::HashMismatch => with(ErrorCode::HashMismatch, None),
        Refusal::StorageUnavailable => with(ErrorCode::StorageUnavailable, Some(5)),
        Refusal::Stopping => with(ErrorCode::ShuttingDown, Some(5)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_framework_refuses_is_told_in_json() {
        for (status, expected) in [(400, 400), (404, 404), (405, 405), (413, 413), (415, 415), (426, 400), (502, 500)] {
            let status = StatusCode::from_u16(status).unwrap();
            let told = in_json((status, "words").into_response());
            assert_eq!(told.status().as_u16(), expected, "{status}");
            assert_eq!(told.headers()[header::CONTENT_TYPE], "application/json", "{status}");
        }
        let fine = in_json((StatusCode::OK, "words").into_response());
        assert_eq!(fine.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    }

    #[test]
    fn retry_after_is_whole_seconds_rounded_up() {
        for (milliseconds, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (59_999, 60)] {
            assert_eq!(whole_seconds(Duration::from_millis(milliseconds)), seconds, "{milliseconds} ms");
        }
    }

    #[test]
    fn an_answerless_human_check_is_a_503_with_a_time_to_wait() {
        let error = ApiError::from(GateError::HumanCheckUnavailable);
        assert_eq!((error.code, error.retry_after), (ErrorCode::TurnstileUnavailable, Some(10)));
        assert_eq!(error.code.status(), 503);
    }
}
