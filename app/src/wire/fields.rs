//! Reading what the server says about a round.
//!
//! Such an object is flat: a round's fields stand beside those of whatever is said
//! about it, and `type` among them. `serde` can take that apart by itself, but has to
//! keep a copy of everything it has not assigned yet, and the code for that would be
//! a tenth of the browser's program. So all fields there are get read by name, and
//! what is made of them says which ones it needs.

use super::{Figures, Puzzle, ResetReason, RoundView, ServerMessage};
use crate::error::ErrorCode;
use puzzle::{Cost, RoundNumber, Seed, Target, curve::RisingCurve};
use serde::Deserialize;

/// Every field that may be there.
#[derive(Deserialize)]
pub(super) struct Fields {
    #[serde(rename = "type")]
    kind: Option<String>,
    round: Option<RoundNumber>,
    seed: Option<Seed>,
    difficulty: Option<f64>,
    target: Option<Target>,
    memory_cost: Option<u32>,
    time_cost: Option<u32>,
    parallelism: Option<u32>,
    mining_time: Option<f64>,
    clock_running: Option<bool>,
    curve: Option<RisingCurve>,
    expected_hashes: Option<f64>,
    online: Option<u32>,
    active_miners: Option<u32>,
    total_hashrate: Option<f64>,
    proof_interval: Option<f64>,
    reason: Option<ResetReason>,
    solve_time: Option<f64>,
    timestamp: Option<f64>,
    code: Option<ErrorCode>,
    detail: Option<String>,
    retry_after: Option<u64>,
}

/// Why an object is not what it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// A field is missing.
    #[error("missing field `{0}`")]
    Missing(&'static str),
    /// There is no such message.
    #[error("no message of the protocol")]
    Unknown,
}

fn required<T>(field: Option<T>, name: &'static str) -> Result<T, Unreadable> {
    field.ok_or(Unreadable::Missing(name))
}

impl TryFrom<Fields> for RoundView {
    type Error = Unreadable;

    fn try_from(fields: Fields) -> Result<Self, Unreadable> {
        Ok(Self {
            round: required(fields.round, "round")?,
            seed: required(fields.seed, "seed")?,
            difficulty: required(fields.difficulty, "difficulty")?,
            target: required(fields.target, "target")?,
            cost: Cost {
                memory_cost: required(fields.memory_cost, "memory_cost")?,
                time_cost: required(fields.time_cost, "time_cost")?,
                parallelism: required(fields.parallelism, "parallelism")?,
            },
            mining_time: required(fields.mining_time, "mining_time")?,
            clock_running: required(fields.clock_running, "clock_running")?,
            curve: fields.curve,
        })
    }
}

impl TryFrom<Fields> for Puzzle {
    type Error = Unreadable;

    fn try_from(fields: Fields) -> Result<Self, Unreadable> {
        let expected_hashes = required(fields.expected_hashes, "expected_hashes")?;
        Ok(Self { round: fields.try_into()?, expected_hashes })
    }
}

impl TryFrom<Fields> for ServerMessage {
    type Error = Unreadable;

    fn try_from(mut fields: Fields) -> Result<Self, Unreadable> {
        let online = required(fields.online, "online");
        let active_miners = required(fields.active_miners, "active_miners");
        let total_hashrate = required(fields.total_hashrate, "total_hashrate");
        let code = required(fields.code, "code");
        let detail = required(fields.detail.take(), "detail");
        Ok(match required(fields.kind.take(), "type")?.as_str() {
            "PUZZLE" => Self::Puzzle {
                figures: Figures { online: online?, active_miners: active_miners?, total_hashrate: total_hashrate? },
                proof_interval: required(fields.proof_interval, "proof_interval")?,
                round: fields.try_into()?,
            },
            "PONG" => Self::Pong { online: online? },
            "PUZZLE_RESET" => Self::PuzzleReset {
                reason: required(fields.reason, "reason")?,
                solve_time: fields.solve_time,
                round: fields.try_into()?,
            },
            "NETWORK_HASHRATE" => Self::NetworkHashrate {
                total_hashrate: total_hashrate?,
                active_miners: active_miners?,
                online: online?,
                timestamp: required(fields.timestamp, "timestamp")?,
                round: required(fields.round, "round")?,
                mining_time: required(fields.mining_time, "mining_time")?,
                clock_running: required(fields.clock_running, "clock_running")?,
            },
            "ERROR" => Self::Error { code: code?, detail: detail? },
            "REJECTED" => Self::Rejected { code: code?, detail: detail?, retry_after: fields.retry_after },
            _ => return Err(Unreadable::Unknown),
        })
    }
}
