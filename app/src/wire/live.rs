//! What is said on the WebSocket.

use super::{drop::DropNews, round::RoundView};
use crate::{
    error::ErrorCode,
    read::{Read, deserialize_by_reading, field, read_fields, read_texts},
};
use puzzle::{Hash, Nonce, RoundNumber, TraceData, VisitorId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// The drop has opened.
    Opened,
    /// The drop goes on after a pause.
    Resumed,
    /// The drop was over and is open again.
    Reopened,
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
        /// What is given out.
        drop: Box<DropNews>,
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
    /// The drop has changed: its state, what is left, or its rules.
    #[serde(rename = "DROP")]
    Drop(Box<DropNews>),
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

read_fields! {
    Figures { online, active_miners, total_hashrate }
}
read_texts!(ResetReason);
deserialize_by_reading!(ServerMessage);

impl Read for ServerMessage {
    fn read(value: &Value) -> Option<Self> {
        Some(match value.get("type")?.as_str()? {
            "PUZZLE" => Self::Puzzle {
                round: RoundView::read(value)?,
                figures: Figures::read(value)?,
                proof_interval: field(value, "proof_interval")?,
                drop: Box::new(field(value, "drop")?),
            },
            "DROP" => Self::Drop(Box::new(DropNews::read(value)?)),
            "PONG" => Self::Pong { online: field(value, "online")? },
            "PUZZLE_RESET" => Self::PuzzleReset {
                round: RoundView::read(value)?,
                reason: field(value, "reason")?,
                solve_time: field(value, "solve_time")?,
            },
            "NETWORK_HASHRATE" => {
                let Figures { online, active_miners, total_hashrate } = Figures::read(value)?;
                Self::NetworkHashrate {
                    total_hashrate,
                    active_miners,
                    online,
                    timestamp: field(value, "timestamp")?,
                    round: field(value, "round")?,
                    mining_time: field(value, "mining_time")?,
                    clock_running: field(value, "clock_running")?,
                }
            }
            "ERROR" => Self::Error { code: field(value, "code")?, detail: field(value, "detail")? },
            "REJECTED" => Self::Rejected {
                code: field(value, "code")?,
                detail: field(value, "detail")?,
                retry_after: field(value, "retry_after")?,
            },
            _ => return None,
        })
    }
}
