//! The drop: what is given out, when, and what is left.

use crate::read::{Read, deserialize_by_reading, field, read_fields};
use serde::Serialize;
use serde_json::Value;

/// The state of a drop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropState {
    /// It opens later.
    Scheduled,
    /// Codes can be won.
    #[default]
    Open,
    /// The operator has halted it.
    Paused,
    /// It is over.
    Over,
}

/// Why a drop is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OverReason {
    /// Every code is given out.
    SoldOut,
    /// Its time is over, or the operator has ended it.
    Closed,
}

/// The answer of `GET /api/drop`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DropView {
    /// The state.
    pub state: DropState,
    /// Why it is over, if it is.
    pub reason: Option<OverReason>,
    /// Codes in all; `null` for any number.
    pub supply: Option<u64>,
    /// Codes that are left; `null` for any number.
    pub left: Option<u64>,
    /// When it opens or has opened, RFC 3339 in UTC; `null` if no time is set.
    pub opens_at: Option<String>,
    /// When it closes; `null` if no time is set.
    pub closes_at: Option<String>,
    /// What time it is, by the server's clock.
    pub now: String,
    /// The rules, in words.
    pub rules: Vec<String>,
}

/// How much one person may win.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct DropLimits {
    /// Codes of one person; 0 for any number.
    pub wins_per_person: u64,
    /// Codes of one network; 0 for any number.
    pub wins_per_network: u64,
    /// Seconds after a win in which the person wins nothing.
    pub win_cooldown: f64,
    /// Seconds after a win in which nobody wins.
    pub min_round: f64,
}

/// The drop on the live connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DropNews {
    /// How it stands.
    #[serde(flatten)]
    pub drop: DropView,
    /// How much one person may win.
    pub limits: DropLimits,
    /// Seconds until it opens; `null` if it does not by itself.
    pub opens_in: Option<f64>,
    /// Seconds until it closes; `null` if it does not by itself.
    pub closes_in: Option<f64>,
}

// By hand: `serde`'s readers of two more enums would be a good part of a kilobyte.
impl Read for DropState {
    fn read(value: &Value) -> Option<Self> {
        Some(match value.as_str()? {
            "scheduled" => Self::Scheduled,
            "open" => Self::Open,
            "paused" => Self::Paused,
            "over" => Self::Over,
            _ => return None,
        })
    }
}

impl Read for OverReason {
    fn read(value: &Value) -> Option<Self> {
        Some(if value.as_str()? == "sold_out" { Self::SoldOut } else { Self::Closed })
    }
}

read_fields! {
    DropView { state, reason, supply, left, opens_at, closes_at, now, rules }
    DropLimits { wins_per_person, wins_per_network, win_cooldown, min_round }
}
deserialize_by_reading!(DropNews);

impl Read for DropNews {
    fn read(value: &Value) -> Option<Self> {
        Some(Self {
            drop: DropView::read(value)?,
            limits: field(value, "limits")?,
            opens_in: field(value, "opens_in")?,
            closes_in: field(value, "closes_in")?,
        })
    }
}
