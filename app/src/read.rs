//! Reading what the server says.
//!
//! A text is parsed once into [`Value`], and the page's types take their fields from
//! there by name: each says how, beside its own definition. `serde`'s derived readers
//! would do the same with code of their own for every type and every field: a fifth of
//! the browser's program.

use puzzle::{RoundNumber, Seed, Target, VisitorId, curve::RisingCurve, invite_code::InviteCode};
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, Error as _,
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
                $crate::read::deserialize(deserializer)
            }
        }
    )+};
}
pub(crate) use deserialize_by_reading;

/// Reads a type field by field: `name`, `name as "another name"`, and after `or default`
/// those that need not be there.
macro_rules! read_fields {
    ($($type:ident { $($name:ident $(as $other:literal)?),* $(; or default $($optional:ident),+)? })+) => {$(
        impl $crate::read::Read for $type {
            fn read(value: &serde_json::Value) -> Option<Self> {
                Some(Self {
                    $($name: $crate::read::field(value, [$($other,)? stringify!($name)][0])?,)*
                    $($($optional: $crate::read::field_or_default(value, stringify!($optional))?,)+)?
                })
            }
        }
        $crate::read::deserialize_by_reading!($type);
    )+};
}
pub(crate) use read_fields;

/// For types that are one text, and whose `serde` form says which.
pub(crate) fn text<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(StrDeserializer::<Error>::new(value.as_str()?)).ok()
}

/// Reads such types.
macro_rules! read_texts {
    ($($type:ty),+ $(,)?) => {$(
        impl $crate::read::Read for $type {
            fn read(value: &serde_json::Value) -> Option<Self> {
                $crate::read::text(value)
            }
        }
    )+};
}
pub(crate) use read_texts;

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

read_texts!(InviteCode, Seed, Target, VisitorId);

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
