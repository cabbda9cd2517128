//! A record of the audit log.

use crate::{
    clock::rfc3339_milliseconds,
    ledger::{WallTime, body::Won},
};
use app::wire::shortest_number;
use puzzle::{Hash, Nonce, RoundNumber, Seed, TraceData, VisitorId, invite_code::InviteCode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{net::IpAddr, time::SystemTime};

/// One win, with the fields and in the order of the protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// When, by the time of day; written as RFC 3339 in UTC with milliseconds.
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub timestamp: SystemTime,
    /// The prize.
    pub invite_code: InviteCode,
    /// The winner.
    pub visitor_id: VisitorId,
    /// What the winner found.
    pub nonce: Nonce,
    /// The hash of it.
    pub hash: Hash,
    /// The round's seed.
    pub seed: Seed,
    /// The address that the submission came from.
    pub real_ip: IpAddr,
    /// The trace that was mined with.
    pub trace_data: TraceData,
    /// The difficulty of the round, in leading zero hex digits.
    #[serde(serialize_with = "shortest_number")]
    pub difficulty: f64,
    /// The mining time of the round in seconds.
    pub solve_time: f64,
    /// The difficulty of the next round, in leading zero hex digits.
    #[serde(serialize_with = "shortest_number")]
    pub new_difficulty: f64,
    /// Why the difficulty moved or did not, in words.
    pub adjustment_reason: String,
    /// The round that was won.
    pub round: RoundNumber,
}

impl AuditRecord {
    /// The record of a win that was committed at that time.
    pub fn of(at: WallTime, round: RoundNumber, won: &Won) -> Self {
        Self {
            timestamp: at.into(),
            invite_code: won.code.clone(),
            visitor_id: won.visitor.clone(),
            nonce: won.nonce,
            hash: won.hash,
            seed: won.seed,
            real_ip: won.address,
            trace_data: won.trace.clone(),
            difficulty: won.difficulty,
            solve_time: won.solve_time.as_secs_f64(),
            new_difficulty: won.new_difficulty,
            adjustment_reason: won.adjustment_reason.clone(),
            round,
        }
    }
}

fn write_time<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339_milliseconds(*time))
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<jiff::Timestamp>().map(SystemTime::from).map_err(de::Error::custom)
}
