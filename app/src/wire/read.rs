//! Reading what the server says.
//!
//! A text is parsed once into [`Value`], and the page's types take their fields from
//! there by name. `serde`'s derived readers would do the same with code of their own for
//! every type and every field: a fifth of the browser's program.

use super::{Figures, Puzzle, ResetReason, RoundView, ServerMessage, View};
use crate::{
    error::{ApiError, ErrorCode, StampDemand},
    language::Language,
};
use puzzle::{Cost, RoundNumber, Seed, Target, VisitorId, curve::RisingCurve, invite_code::InviteCode};
use serde::{
    Deserialize, Deserializer,
    de::{
        Error as _,
        value::{Error, StrDeserializer},
    },
};
use serde_json::Value;

/// What can be read from JSON.
pub trait Read: Sized {
    /// `None` if `value` is no such thing. An absent field is `null`.
    fn read(value: &Value) -> Option<Self>;
}

/// The field `name` of an object.
pub(crate) fn field<T: Read>(object: &Value, name: &str) -> Option<T> {
    T::read(object.get(name).unwrap_or(&Value::Null))
}

/// The same for a field that need not be there.
pub(crate) fn field_or_default<T: Read + Default>(object: &Value, name: &str) -> Option<T> {
    object.get(name).map_or_else(|| Some(T::default()), T::read)
}

/// For `serde`, wherever it is handed one of the types that are read here.
pub(crate) fn deserialize<'de, T: Read, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::read(&Value::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("not what the protocol says"))
}

/// Has `serde` read these types by their [`Read`].
macro_rules! deserialize_by_reading {
    ($($type:ty),+ $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::wire::read::deserialize(deserializer)
            }
        }
    )+};
}
pub(crate) use deserialize_by_reading;

/// Reads a type field by field: `name`, `name as "another name"`, and after `or default`
/// those that need not be there.
macro_rules! read_fields {
    ($($type:ident { $($name:ident $(as $other:literal)?),* $(; or default $($optional:ident),+)? })+) => {$(
        impl $crate::wire::read::Read for $type {
            fn read(value: &serde_json::Value) -> Option<Self> {
                Some(Self {
                    $($name: $crate::wire::read::field(value, [$($other,)? stringify!($name)][0])?,)*
                    $($($optional: $crate::wire::read::field_or_default(value, stringify!($optional))?,)+)?
                })
            }
        }
        $crate::wire::read::deserialize_by_reading!($type);
    )+};
}
pub(crate) use read_fields;

deserialize_by_reading!(ApiError, Puzzle, RoundView, ServerMessage);

impl Read for bool {
    fn read(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl Read for f64 {
    fn read(value: &Value) -> Option<Self> {
        value.as_f64()
    }
}

impl Read for u64 {
    fn read(value: &Value) -> Option<Self> {
        value.as_u64()
    }
}

impl Read for u32 {
    fn read(value: &Value) -> Option<Self> {
        value.as_u64()?.try_into().ok()
    }
}

impl Read for u8 {
    fn read(value: &Value) -> Option<Self> {
        value.as_u64()?.try_into().ok()
    }
}

impl Read for usize {
    fn read(value: &Value) -> Option<Self> {
        value.as_u64()?.try_into().ok()
    }
}

impl Read for RoundNumber {
    fn read(value: &Value) -> Option<Self> {
        value.as_u64().map(Self)
    }
}

impl Read for String {
    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl Read for Value {
    fn read(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}

impl<T: Read> Read for Option<T> {
    fn read(value: &Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::read(value).map(Some) }
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(T::read).collect()
    }
}

/// Types that are one text, and know themselves which.
macro_rules! read_texts {
    ($($type:ty),+ $(,)?) => {$(
        impl Read for $type {
            fn read(value: &Value) -> Option<Self> {
                Self::deserialize(StrDeserializer::<Error>::new(value.as_str()?)).ok()
            }
        }
    )+};
}

read_texts!(ErrorCode, InviteCode, Language, ResetReason, Seed, Target, View, VisitorId);

impl Read for RisingCurve {
    fn read(value: &Value) -> Option<Self> {
        Some(Self {
            reference_time: field(value, "reference_time")?,
            reference_target: field(value, "reference_target")?,
            power: field(value, "power")?,
            easiest: field(value, "easiest")?,
            hardest: field(value, "hardest")?,
        })
    }
}

impl Read for RoundView {
    fn read(value: &Value) -> Option<Self> {
        Some(Self {
            round: field(value, "round")?,
            seed: field(value, "seed")?,
            difficulty: field(value, "difficulty")?,
            target: field(value, "target")?,
            cost: Cost {
                memory_cost: field(value, "memory_cost")?,
                time_cost: field(value, "time_cost")?,
                parallelism: field(value, "parallelism")?,
            },
            mining_time: field(value, "mining_time")?,
            clock_running: field(value, "clock_running")?,
            curve: field(value, "curve")?,
        })
    }
}

impl Read for Puzzle {
    fn read(value: &Value) -> Option<Self> {
        Some(Self { round: RoundView::read(value)?, expected_hashes: field(value, "expected_hashes")? })
    }
}

impl Read for ServerMessage {
    fn read(value: &Value) -> Option<Self> {
        Some(match value.get("type")?.as_str()? {
            "PUZZLE" => Self::Puzzle {
                round: RoundView::read(value)?,
                figures: Figures::read(value)?,
                proof_interval: field(value, "proof_interval")?,
            },
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

impl Read for ApiError {
    fn read(value: &Value) -> Option<Self> {
        let stamp = || {
            let (hashcash_bits, resource) = (field(value, "hashcash_bits")?, field(value, "resource")?);
            Some(StampDemand { hashcash_bits, resource, reason: field(value, "reason")? }.into())
        };
        Some(Self {
            code: field(value, "code")?,
            detail: field(value, "detail")?,
            round: field(value, "round")?,
            seed: field(value, "seed")?,
            // Present and `null`: never.
            valid_in: value.get("valid_in").map(Value::as_f64),
            retry_after: field(value, "retry_after")?,
            error_codes: field_or_default::<Vec<String>>(value, "error-codes")?.into(),
            stamp: stamp(),
        })
    }
}
