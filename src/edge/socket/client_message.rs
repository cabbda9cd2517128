//! What clients say on a live connection.

use crate::live::HIGHEST_RATE;
use app::{
    ErrorCode,
    wire::{ClientMessage, Share},
};
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

/// A message of the protocol.
///
/// # Errors
/// The code and the words to refuse it with.
pub fn understand(content: &str) -> Result<ClientMessage, (ErrorCode, Cow<'static, str>)> {
    const UNKNOWN: (ErrorCode, Cow<'static, str>) =
        (ErrorCode::UnknownMessage, Cow::Borrowed("This is no message of the protocol."));
    if content == "ping" {
        return Ok(ClientMessage::Ping);
    }
    let value: Value = serde_json::from_str(content).map_err(|_| UNKNOWN)?;
    match value.get("type").and_then(Value::as_str) {
        Some("ping") => Ok(ClientMessage::Ping),
        Some("mining_start") => Ok(ClientMessage::MiningStart),
        Some("mining_stop") => Ok(ClientMessage::MiningStop),
        Some("hashrate") => value
            .pointer("/payload/rate")
            .and_then(Value::as_f64)
            .filter(|rate| (0.0..=HIGHEST_RATE).contains(rate))
            // Adding zero makes a zero of minus zero.
            .map(|rate| ClientMessage::Hashrate { rate: rate + 0.0 })
            .ok_or((ErrorCode::BadHashrate, "A hash rate is a number from 0 to 100000.".into())),
        // The detail names the field and the rule, and repeats nothing of the client's.
        Some("share") => Share::deserialize(&value["payload"])
            .map(ClientMessage::Share)
            .map_err(|error| (ErrorCode::BadShare, error.to_string().into())),
        _ => Err(UNKNOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(content: &str) -> Option<ErrorCode> {
        understand(content).err().map(|(code, _)| code)
    }

    #[test]
    fn messages_are_understood_or_refused_for_a_reason() {
        for good in [
            "ping",
            r#"{"type":"ping"}"#,
            r#"{"type":"mining_start","extra":1}"#,
            r#"{"type":"mining_stop"}"#,
            r#"{"type":"hashrate","payload":{"rate":0}}"#,
            r#"{"type":"hashrate","payload":{"rate":100000}}"#,
        ] {
            assert_eq!(code(good), None, "{good}");
        }
        let Ok(ClientMessage::Hashrate { rate }) = understand(r#"{"type":"hashrate","payload":{"rate":-0.0}}"#) else {
            panic!("minus zero is zero");
        };
        assert!(rate == 0.0 && rate.is_sign_positive());
        let lobby = r##"{"type":"lobby","id":7,"payload":{"command":"JOIN","to":"#a"}}"##;
        for bad in ["", "pong", "{", "[]", "null", r#"{"type":5}"#, r#"{"type":"PING"}"#, r#"{"type":"admin"}"#, lobby]
        {
            assert_eq!(code(bad), Some(ErrorCode::UnknownMessage), "{bad}");
        }
        for bad in [
            r#"{"type":"hashrate"}"#,
            r#"{"type":"hashrate","payload":{"rate":-1}}"#,
            r#"{"type":"hashrate","payload":{"rate":100001}}"#,
            r#"{"type":"hashrate","payload":{"rate":"5"}}"#,
            r#"{"type":"hashrate","payload":{"rate":null}}"#,
            r#"{"type":"hashrate","payload":5}"#,
        ] {
            assert_eq!(code(bad), Some(ErrorCode::BadHashrate), "{bad}");
        }
        let good = r#"{"round":1,"visitorId":"visitor-1","nonce":1,"traceData":"ip=::1\n","hash":"HASH","more":1}"#;
        let good = good.replace("HASH", &"0".repeat(64));
        assert_eq!(code(&format!(r#"{{"type":"share","payload":{good}}}"#)), None);
        for (part, wrong) in [
            (r#""round":1"#, r#""round":-1"#),
            (r#""round":1,"#, ""),
            ("visitor-1", "<script>"),
            (r#""nonce":1"#, r#""nonce":1.5"#),
            (r#""nonce":1"#, r#""nonce":9007199254740992"#),
            ("ip=::1\\n", ""),
            ("0000", "zzzz"),
            (r#"{"round""#, r#"{"rounds""#),
        ] {
            let bad = good.replace(part, wrong);
            assert_ne!(bad, good, "{part}");
            assert_eq!(code(&format!(r#"{{"type":"share","payload":{bad}}}"#)), Some(ErrorCode::BadShare), "{bad}");
        }
        for bad in [r#"{"type":"share"}"#, r#"{"type":"share","payload":[]}"#, r#"{"type":"share","payload":null}"#] {
            assert_eq!(code(bad), Some(ErrorCode::BadShare), "{bad}");
        }
        // A number beyond the range of doubles is no JSON number to us.
        assert!(code(r#"{"type":"hashrate","payload":{"rate":1e999}}"#).is_some());
    }
}
