//! Session stamps, `1:bits:YYMMDD:resource::counter`: what opening a session costs.
//!
//! The resource is the server's name, so that work done for one server is worth
//! nothing at another. It is compared byte by byte.

use super::{Bits, Prefix, Rejection, StampHash, Timestamp, date, judge};

/// Judges a stamp for `resource` at `now`. `None` if no stamp is required: then
/// none is looked at, and none is to be spent.
///
/// # Errors
/// The first reason not to accept it, in the order: missing, length, six fields,
/// version, bits, resource, extension, date, counter, proof. Whether it was
/// [spent](Rejection::Spent) is the caller's to find out.
pub fn check(
    stamp: Option<&str>,
    required: Bits,
    resource: &str,
    now: Timestamp,
) -> Result<Option<StampHash>, Rejection> {
    judge(stamp, required, |fields| {
        if fields.resource != resource {
            return Err(Rejection::Resource);
        }
        if !fields.binding.is_empty() {
            return Err(Rejection::Extension);
        }
        date::check(fields.date, now)
    })
}

/// What a stamp for `resource` begins with when it is minted at `now`. A resource
/// with a colon in it has no stamps: [`check`] refuses them.
pub fn prefix(required: Bits, resource: &str, now: Timestamp) -> Prefix {
    Prefix::new(required, format!("1:{required}:{}:{resource}::", date::day_of(now)))
}

#[cfg(test)]
mod tests;
