//! What a receiver is told: the bodies of deliveries.
//!
//! A body is made when what it tells of is decided, and written in the same transaction.
//! When that is, is known only then; so the time is put in when the body is sent
//! ([`sent_body`]), the same at every try: the time of the entry in the ledger.

use crate::ledger::WallTime;
use puzzle::{
    RoundNumber, VisitorId,
    drop::{Drop, DropState},
    invite_code::InviteCode,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// Stands in a stored body for the time at which it was written. No text in JSON holds
/// this character: it is escaped there, so that nobody else can put it in.
const WRITTEN_AT: char = '\u{1a}';

/// `WEBHOOK_FORMAT`: what is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebhookFormat {
    /// A win as `{"visitor_id":"…","invite_code":"…"}`, and nothing else.
    #[default]
    Documents,
    /// Wins and changes of the drop as events with a type, a time and data.
    Event,
}

/// A win, as a receiver is told it.
#[derive(Clone, Copy, Debug)]
pub struct CodeWon<'a> {
    /// The code.
    pub code: &'a InviteCode,
    /// In which round.
    pub round: RoundNumber,
    /// By whom.
    pub visitor: &'a VisitorId,
    /// From when on it is worth nothing, if there is such a time.
    pub expires_at: Option<WallTime>,
    /// What the site that sent the winner here has signed, if one did.
    pub state: Option<&'a str>,
}

/// A use of a code, as a receiver is told it.
#[derive(Clone, Copy, Debug)]
pub struct CodeRedeemed<'a> {
    /// The code.
    pub code: &'a InviteCode,
    /// In which round it was won.
    pub round: RoundNumber,
    /// For what it is used, in the words of whoever uses it.
    pub redeemed_for: Option<&'a str>,
}

impl WebhookFormat {
    /// The body that tells of a win.
    pub(super) fn code_won(self, won: &CodeWon<'_>) -> String {
        let CodeWon { code, round, visitor, expires_at, state } = won;
        let (code, visitor) = (Value::from(code.as_str()), Value::from(visitor.as_str()));
        match self {
            // Written by hand, because the order of the fields is promised.
            Self::Documents => format!(r#"{{"visitor_id":{visitor},"invite_code":{code}}}"#),
            Self::Event => {
                let expires_at = expires_at.map(|at| format!(r#","expires_at":"{at}""#)).unwrap_or_default();
                let state = state.map(|state| format!(r#","state":{}"#, Value::from(state))).unwrap_or_default();
                event(
                    "code.won",
                    &format!(
                        r#"{{"code":{code},"round":{round},"won_at":"{WRITTEN_AT}","visitor_id":{visitor}{expires_at}{state}}}"#
                    ),
                )
            }
        }
    }

    /// The body that tells that a code was used, if anybody is told.
    pub(super) fn code_redeemed(self, used: &CodeRedeemed<'_>) -> Option<String> {
        let CodeRedeemed { code, round, redeemed_for } = used;
        let (code, redeemed_for) = (Value::from(code.as_str()), Value::from(*redeemed_for));
        (self == Self::Event).then(|| {
            let data = format!(
                r#"{{"code":{code},"round":{round},"redeemed_at":"{WRITTEN_AT}","redeemed_for":{redeemed_for}}}"#
            );
            event("code.redeemed", &data)
        })
    }

    /// The body that tells of nothing, for trying a receiver.
    pub(super) fn test(self) -> String {
        match self {
            Self::Documents => r#"{"visitor_id":"hashpass-test","invite_code":"TEST"}"#.to_owned(),
            Self::Event => event("webhook.test", "{}"),
        }
    }

    /// The body that tells of the drop's new state, if anybody is told.
    pub(super) fn drop_turned(self, drop: &Drop) -> Option<String> {
        let kind = match (self, drop.state()) {
            (Self::Documents, _) | (Self::Event, DropState::Scheduled) => return None,
            (Self::Event, DropState::Open) => "drop.opened",
            (Self::Event, DropState::Paused) => "drop.paused",
            (Self::Event, DropState::SoldOut | DropState::Closed) => "drop.over",
        };
        let time = |since_1970: Option<Duration>| since_1970.map(|time| WallTime::default().after(time).to_string());
        let rules = drop.rules();
        let data = DropData {
            state: drop.state().name(),
            reason: drop.state().reason(),
            supply: drop.supply(),
            left: drop.left(),
            opens_at: time(rules.opens_at),
            closes_at: time(rules.closes_at),
        };
        // Our own type of numbers and texts: serialising it cannot fail.
        Some(event(kind, &serde_json::to_string(&data).unwrap_or_default()))
    }
}

/// The drop, in the words of `GET /api/drop`.
#[derive(Serialize)]
struct DropData {
    state: &'static str,
    reason: Option<&'static str>,
    supply: Option<u64>,
    left: Option<u64>,
    opens_at: Option<String>,
    closes_at: Option<String>,
}

fn event(kind: &str, data: &str) -> String {
    format!(r#"{{"type":"{kind}","timestamp":"{WRITTEN_AT}","data":{data}}}"#)
}

/// A stored body as it is sent, which was written at this time: the same at every try.
pub(crate) fn sent_body(body: &str, written_at: WallTime) -> String {
    body.replace(WRITTEN_AT, &written_at.to_string())
}

/// The digest of the code in a delivery's body, for the log; empty if there is none.
pub(crate) fn code_digest(body: &str) -> String {
    #[derive(Deserialize)]
    struct Body {
        invite_code: Option<InviteCode>,
        data: Option<Data>,
    }
    #[derive(Deserialize)]
    struct Data {
        code: Option<InviteCode>,
    }
    // A bare control character is none in JSON.
    let body = body.replace(WRITTEN_AT, "");
    let Ok(Body { invite_code, data }) = serde_json::from_str::<Body>(&body) else { return String::new() };
    let code = invite_code.or_else(|| data?.code);
    code.map(|code| code.digest()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use puzzle::drop::DropRules;
    use serde_json::json;

    fn sent(body: &str) -> String {
        sent_body(body, WallTime::from_milliseconds(1_769_860_800_123))
    }

    fn code() -> InviteCode {
        InviteCode::listed("a \"quoted\" code").unwrap()
    }

    #[test]
    fn a_use_of_a_code_is_an_event_and_nothing_in_the_documents_form() {
        let used = CodeRedeemed { code: &code(), round: RoundNumber(7), redeemed_for: Some("order \"7\"") };
        let body = WebhookFormat::Event.code_redeemed(&used).unwrap();
        let told: Value = serde_json::from_str(&sent(&body)).unwrap();
        let at = "2026-01-31T12:00:00.123Z";
        let data = json!({"code": "a \"quoted\" code", "round": 7, "redeemed_at": at, "redeemed_for": "order \"7\""});
        assert_eq!(told, json!({"type": "code.redeemed", "timestamp": at, "data": data}));
        assert_eq!(code_digest(&body), code().digest());
        let without = WebhookFormat::Event.code_redeemed(&CodeRedeemed { redeemed_for: None, ..used }).unwrap();
        assert!(without.contains(r#""redeemed_for":null"#), "{without}");
        assert_eq!(WebhookFormat::Documents.code_redeemed(&used), None, "its body is that of a win, and nothing else");
    }

    #[test]
    fn a_win_is_an_event_whose_time_is_that_of_the_entry_whatever_the_visitor_calls_itself() {
        let visitor: VisitorId = "visitor-1".parse().unwrap();
        let expires_at = Some(WallTime::from_milliseconds(1_769_860_900_000));
        // A text of the visitor's own choice that holds the character itself.
        let won =
            CodeWon { code: &code(), round: RoundNumber(7), visitor: &visitor, expires_at, state: Some("\u{1a}\n\"") };
        let body = WebhookFormat::Event.code_won(&won);
        let digest = code_digest(&body);
        let told: Value = serde_json::from_str(&sent(&body)).unwrap();
        let at = "2026-01-31T12:00:00.123Z";
        let data = json!({
            "code": "a \"quoted\" code", "round": 7, "won_at": at, "visitor_id": "visitor-1",
            "expires_at": "2026-01-31T12:01:40.000Z", "state": "\u{1a}\n\""
        });
        assert_eq!(told, json!({ "type": "code.won", "timestamp": at, "data": data }));
        assert_eq!(digest, code().digest());
        let without = WebhookFormat::Event.code_won(&CodeWon { expires_at: None, state: None, ..won });
        assert!(!without.contains("state") && !without.contains("expires_at"), "{without}");
    }

    #[test]
    fn the_drop_is_an_event_in_every_state_but_before_it_opens() {
        let rules = DropRules { supply: 10, opens_at: Some(Duration::from_secs(1)), ..DropRules::default() };
        for (state, kind, name, reason) in [
            (DropState::Open, "drop.opened", "open", Value::Null),
            (DropState::Paused, "drop.paused", "paused", Value::Null),
            (DropState::SoldOut, "drop.over", "over", json!("sold_out")),
            (DropState::Closed, "drop.over", "over", json!("closed")),
        ] {
            let drop = Drop::resumed(rules, state, 3, None);
            let told: Value = serde_json::from_str(&sent(&WebhookFormat::Event.drop_turned(&drop).unwrap())).unwrap();
            assert_eq!(told["type"], kind);
            let data = json!({
                "state": name, "reason": reason, "supply": 10, "left": 7,
                "opens_at": "1970-01-01T00:00:01.000Z", "closes_at": null
            });
            assert_eq!(told["data"], data);
            assert_eq!(WebhookFormat::Documents.drop_turned(&drop), None, "the documents know of wins alone");
            assert_eq!(code_digest(&WebhookFormat::Event.drop_turned(&drop).unwrap()), "");
        }
        let scheduled = Drop::resumed(rules, DropState::Scheduled, 0, None);
        assert_eq!(WebhookFormat::Event.drop_turned(&scheduled), None);
    }
}
