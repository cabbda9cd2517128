use super::*;
use crate::error::ErrorCode;
use puzzle::{Cost, Difficulty, Hash, Nonce, RoundNumber, Seed};
use serde_json::{Value, json};

fn round() -> RoundView {
    RoundView {
        round: RoundNumber(17),
        search: Some(Search {
            seed: Seed::from_bytes([0xab; 16]),
            target: Difficulty::new(3.0).unwrap().into(),
            curve: None,
        }),
        difficulty: 3.0,
        cost: Cost::DEFAULT,
        mining_time: 12.4,
        clock_running: true,
    }
}

fn drop_news() -> DropNews {
    DropNews {
        drop: DropView {
            state: DropState::Over,
            reason: Some(OverReason::SoldOut),
            supply: Some(100),
            left: Some(0),
            opens_at: Some("2026-12-24T19:00:00.000Z".into()),
            closes_at: None,
            now: "2026-12-24T20:00:00.000Z".into(),
            rules: vec!["100 codes in all.".into()],
        },
        limits: DropLimits { wins_per_person: 1, ..DropLimits::default() },
        opens_in: Some(12.5),
        closes_in: None,
    }
}

#[test]
fn of_a_round_that_is_over_nothing_is_told_that_could_be_searched_for() {
    let closed = serde_json::to_value(RoundView { search: None, ..round() }).unwrap();
    for name in ["seed", "target", "curve"] {
        assert_eq!(closed.get(name), Some(&Value::Null), "{name}");
    }
    assert_eq!(closed["difficulty"], 3);
}

#[test]
fn a_puzzle_is_flat_and_whole_numbers_have_no_fraction() {
    let puzzle = Puzzle { round: round(), expected_hashes: 4096.0 };
    let expected = json!({
        "round": 17, "seed": "ab".repeat(16), "difficulty": 3, "target": format!("001{}", "0".repeat(61)),
        "memory_cost": 65536, "time_cost": 3, "parallelism": 1, "mining_time": 12.4, "clock_running": true,
        "expected_hashes": 4096
    });
    assert_eq!(serde_json::to_value(&puzzle).unwrap(), expected);
    assert_eq!(serde_json::from_value::<Puzzle>(expected).unwrap(), puzzle);
}

#[test]
fn messages_survive_the_way_through_json() {
    let figures = Figures { online: 5, active_miners: 3, total_hashrate: 45.5 };
    let messages = [
        ServerMessage::Puzzle { round: round(), figures, proof_interval: 60.0, drop: Box::new(drop_news()) },
        ServerMessage::Puzzle {
            round: RoundView { search: None, ..round() },
            figures,
            proof_interval: 60.0,
            drop: Box::default(),
        },
        ServerMessage::Drop(Box::new(drop_news())),
        ServerMessage::Pong { online: 5 },
        ServerMessage::PuzzleReset { round: round(), reason: ResetReason::Timeout, solve_time: None },
        ServerMessage::NetworkHashrate {
            total_hashrate: 1.5,
            active_miners: 2,
            online: 3,
            timestamp: 1e9,
            round: RoundNumber(17),
            mining_time: 12.5,
            clock_running: true,
        },
        ServerMessage::Rejected { code: ErrorCode::MissingToken, detail: "no".into(), retry_after: None },
        ServerMessage::Rejected { code: ErrorCode::TooManyRequests, detail: "no".into(), retry_after: Some(15) },
    ];
    for message in messages {
        let text = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<ServerMessage>(&text).unwrap(), message, "{text}");
    }
    let reset: Value = serde_json::to_value(ServerMessage::PuzzleReset {
        round: round(),
        reason: ResetReason::Solved,
        solve_time: Some(87.3),
    })
    .unwrap();
    assert_eq!(reset["type"], "PUZZLE_RESET");
    assert_eq!(reset["reason"], "solved");
    assert_eq!(reset["solve_time"], 87.3);
    assert_eq!(reset["memory_cost"], 65536);
}

#[test]
fn client_messages_have_the_documented_form() {
    let table = [
        (ClientMessage::Ping, r#"{"type":"ping"}"#),
        (ClientMessage::MiningStart, r#"{"type":"mining_start"}"#),
        (ClientMessage::MiningStop, r#"{"type":"mining_stop"}"#),
        (ClientMessage::Hashrate { rate: 123.45 }, r#"{"type":"hashrate","payload":{"rate":123.45}}"#),
        (
            ClientMessage::Share(Share {
                round: RoundNumber(17),
                visitor_id: "visitor-1".parse().unwrap(),
                nonce: Nonce::new(4711).unwrap(),
                trace_data: "ip=::1\n".parse().unwrap(),
                hash: Hash::from_bytes([7; 32]),
            }),
            concat!(
                r#"{"type":"share","payload":{"round":17,"visitorId":"visitor-1","nonce":4711,"#,
                r#""traceData":"ip=::1\n","#,
                r#""hash":"0707070707070707070707070707070707070707070707070707070707070707"}}"#,
            ),
        ),
    ];
    for (message, text) in table {
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
        assert_eq!(serde_json::from_str::<ClientMessage>(text).unwrap(), message);
    }
}

#[test]
fn a_submission_says_which_field_is_wrong() {
    let good = json!({
        "visitorId": "visitor-1", "nonce": 1, "submittedSeed": "ab".repeat(16),
        "traceData": "ip=::1\n", "hash": "00".repeat(32), "unknown": true
    });
    assert!(serde_json::from_value::<Submission>(good.clone()).is_ok());
    let mut without = good;
    without.as_object_mut().unwrap().remove("nonce");
    let error = serde_json::from_value::<Submission>(without).unwrap_err();
    assert!(error.to_string().contains("`nonce`"), "{error}");
}
