//! The JSON that browser and server exchange. Field for field the protocol: an
//! outside client may rely on every name in here.

pub mod lobby;
pub mod read;

use crate::{error::ErrorCode, language::Language};
use lobby::LobbyPage;
use puzzle::{
    Cost, Curve, Hash, Nonce, RoundNumber, Seed, Target, TraceData, VisitorId, curve::RisingCurve,
    invite_code::InviteCode,
};
use read::read_fields;
use serde::{Deserialize, Serialize, Serializer};

/// One round as it stands at a moment: everything a miner needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RoundView {
    /// Which round; it only grows.
    pub round: RoundNumber,
    /// The random part of its puzzle.
    pub seed: Seed,
    /// The difficulty at this moment, in leading zero hex digits.
    #[serde(serialize_with = "shortest_number")]
    pub difficulty: f64,
    /// The target at this moment.
    pub target: Target,
    /// `memory_cost` (KiB), `time_cost` and `parallelism` of Argon2id.
    #[serde(flatten)]
    pub cost: Cost,
    /// Seconds of this round during which somebody mined.
    pub mining_time: f64,
    /// True while somebody mines, so that `mining_time` goes on.
    pub clock_running: bool,
    /// How the target goes on rising; absent when it stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub curve: Option<RisingCurve>,
}

impl RoundView {
    /// The curve of this round.
    pub fn target_curve(&self) -> Curve {
        self.curve.map_or(Curve::Fixed(self.target), Curve::Rising)
    }
}

/// The answer of `GET /api/puzzle`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Puzzle {
    /// The round.
    #[serde(flatten)]
    pub round: RoundView,
    /// How many hashes a win costs on average at the present target.
    #[serde(serialize_with = "shortest_number")]
    pub expected_hashes: f64,
}

/// The body of `POST /api/verify`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Submission {
    /// Who mined.
    pub visitor_id: VisitorId,
    /// What they found.
    pub nonce: Nonce,
    /// The seed they mined on.
    pub submitted_seed: Seed,
    /// The trace they mined with.
    pub trace_data: TraceData,
    /// The hash they claim.
    pub hash: Hash,
}

/// The answer to the winner.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Victory {
    /// The prize.
    pub invite_code: InviteCode,
    /// The round that was won.
    pub round: RoundNumber,
    /// Its mining time in seconds.
    pub solve_time: f64,
    /// Its difficulty.
    #[serde(serialize_with = "shortest_number")]
    pub difficulty: f64,
    /// The next round's difficulty.
    #[serde(serialize_with = "shortest_number")]
    pub new_difficulty: f64,
}

/// One of the session's own wins, in `GET /api/wins`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Win {
    /// The round that was won.
    pub round: RoundNumber,
    /// The prize.
    pub invite_code: InviteCode,
    /// When, RFC 3339 in UTC.
    pub at: String,
}

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

/// What is in front: the two share one document's program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// The race, with the lobby beside it where there is room.
    #[default]
    Race,
    /// The lobby.
    Lobby,
}

impl View {
    /// Its name in the page's markup.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Race => "race",
            Self::Lobby => "lobby",
        }
    }

    /// Its address.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Race => "/",
            Self::Lobby => "/lobby",
        }
    }
}

/// The network's figures at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Open WebSocket connections.
    pub online: u32,
    /// Sessions that mine and count as miners.
    pub active_miners: u32,
    /// The sum of their reported rates, in hashes per second.
    pub total_hashrate: f64,
}

/// Why a new round began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetReason {
    /// Somebody won.
    Solved,
    /// Nobody won in time.
    Timeout,
    /// The operator asked for it.
    Operator,
}

/// What the server says on the WebSocket.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type")]
pub enum ServerMessage {
    /// The first message on every connection: everything.
    #[serde(rename = "PUZZLE")]
    Puzzle {
        /// The round.
        #[serde(flatten)]
        round: RoundView,
        /// The figures.
        #[serde(flatten)]
        figures: Figures,
        /// Seconds from one share of a miner to its next.
        proof_interval: f64,
    },
    /// The answer to a ping.
    #[serde(rename = "PONG")]
    Pong {
        /// Open connections.
        online: u32,
    },
    /// A new round has begun.
    #[serde(rename = "PUZZLE_RESET")]
    PuzzleReset {
        /// The new round.
        #[serde(flatten)]
        round: RoundView,
        /// Why.
        reason: ResetReason,
        /// The mining time of the round before, if it was solved.
        solve_time: Option<f64>,
    },
    /// Every two seconds.
    #[serde(rename = "NETWORK_HASHRATE")]
    NetworkHashrate {
        /// Hashes per second.
        total_hashrate: f64,
        /// Sessions that mine and count as miners.
        active_miners: u32,
        /// Open connections.
        online: u32,
        /// Seconds since 1970, UTC.
        timestamp: f64,
        /// The round at that moment.
        round: RoundNumber,
        /// Its mining time in seconds.
        mining_time: f64,
        /// True while `mining_time` goes on.
        clock_running: bool,
    },
    /// The last message was not understood or not allowed; the connection lives.
    #[serde(rename = "ERROR")]
    Error {
        /// For programs.
        code: ErrorCode,
        /// For people.
        detail: String,
    },
    /// The connection may not stay and is closed with 1008.
    #[serde(rename = "REJECTED")]
    Rejected {
        /// For programs.
        code: ErrorCode,
        /// For people.
        detail: String,
        /// Whole seconds after which another attempt makes sense, if any does.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
}

/// Proof of work for the mining clock: a hash below the share target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// The round it was mined in.
    pub round: RoundNumber,
    /// Who mined.
    pub visitor_id: VisitorId,
    /// What they found.
    pub nonce: Nonce,
    /// The trace they mined with.
    pub trace_data: TraceData,
    /// The hash they claim.
    pub hash: Hash,
}

/// The largest frame a client may send on the WebSocket, in bytes.
pub const LARGEST_FRAME: usize = 4096;

/// What the browser says on the WebSocket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Asks for the number of connections.
    Ping,
    /// This session mines.
    MiningStart,
    /// It does not any more.
    MiningStop,
    /// How fast it mines.
    Hashrate {
        /// Hashes per second, 0 … 100,000.
        rate: f64,
    },
    /// It really mines.
    Share(Share),
}

/// What the server renders the page from, and the browser takes over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PageState {
    /// Which page was asked for.
    pub view: View,
    /// The language that the visitor reads.
    pub language: Language,
    /// The round at the moment of rendering.
    pub round: RoundView,
    /// The figures at that moment.
    pub figures: Figures,
    /// The human check.
    pub turnstile: TurnstileConfig,
    /// What a session must pass.
    pub gate: Gate,
    /// The lobby at the moment of rendering.
    pub lobby: LobbyPage,
    /// Where the widget's script is; empty in test mode.
    pub turnstile_script: String,
    /// True if the request for the page carried the cookie of a living session.
    /// It may be there although this says no: a visit from another site's link
    /// arrives without it.
    pub has_session: bool,
    /// The worker's loader for browsers with SIMD: a path with a content hash.
    pub miner_simd: String,
    /// The worker's loader for browsers without.
    pub miner_scalar: String,
}

read_fields! {
    Figures { online, active_miners, total_hashrate }
    Gate { asks_for_humans, asks_for_stamps, stamp_bits, resource }
    PageState {
        view, language, round, figures, turnstile, gate, lobby, turnstile_script, has_session, miner_simd, miner_scalar
    }
    SessionView { id, nick, verified }
    TurnstileConfig { site_key as "siteKey", test_mode as "testMode" }
    Victory { invite_code, round, solve_time, difficulty, new_difficulty }
    Win { round, invite_code, at }
}

/// Writes whole numbers without a fraction: `3`, not `3.0`. For serde's
/// `serialize_with`.
///
/// # Errors
/// The serializer's.
pub fn shortest_number<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    // Below 2^53 a whole double is an integer exactly.
    #[allow(clippy::cast_possible_truncation)]
    if number.fract() == 0.0 && number.abs() < 9e15 {
        serializer.serialize_i64(*number as i64)
    } else {
        serializer.serialize_f64(*number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use puzzle::Difficulty;
    use serde_json::{Value, json};

    fn round() -> RoundView {
        RoundView {
            round: RoundNumber(17),
            seed: Seed::from_bytes([0xab; 16]),
            difficulty: 3.0,
            target: Difficulty::new(3.0).unwrap().into(),
            cost: Cost::DEFAULT,
            mining_time: 12.4,
            clock_running: true,
            curve: None,
        }
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
            ServerMessage::Puzzle { round: round(), figures, proof_interval: 60.0 },
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
}
