//! Durations in JSON: whole nanoseconds, so that nothing is rounded. For serde's `with`.

use super::values::LARGEST_NUMBER;
use serde::{Deserialize, Deserializer, Serializer};
use std::time::Duration;

pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(to_nanoseconds(*time))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_nanos)
}

/// A duration as every store can hold it; what is longer than 292 years is taken as that.
pub(super) fn to_nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).min(LARGEST_NUMBER)
}
