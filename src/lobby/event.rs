//! Events: what is told to clients, and kept in the history.
//!
//! An event is serialised once; every queue, answer and connection shares the
//! bytes. How many bytes all events in memory have is counted, so that queues can
//! be kept short before memory runs out.

use crate::clock::rfc3339_milliseconds;
use serde::Serialize;
use serde_json::value::RawValue;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};
use uuid::Uuid;

/// A serialised event, shared by everybody who gets it.
pub struct Event {
    /// Its number: grows over the life of the database.
    pub seq: u64,
    /// When it was queued, on the monotonic clock.
    pub(super) at: Duration,
    json: Box<str>,
    all: EventBytes,
}

/// How many bytes all events in memory have together.
#[derive(Clone, Debug, Default)]
pub(super) struct EventBytes(Arc<AtomicUsize>);

/// An event before it has an id, a time and a number.
#[derive(Debug, Default)]
pub(super) struct Draft<'a> {
    /// A command, or the three digits of a numeric.
    pub(super) command: &'a str,
    /// A nick, or the server's name.
    pub(super) from: &'a str,
    /// A channel or a nick.
    pub(super) to: &'a str,
    /// More arguments.
    pub(super) params: &'a [String],
    /// The text, line by line.
    pub(super) body: &'a [String],
    /// What the sender added, if anything.
    pub(super) meta: Option<&'a RawValue>,
}

/// The fields of an event as they are delivered, in their order.
#[derive(Serialize)]
struct Fields<'a> {
    /// The same for all receivers and in the history.
    #[serde(serialize_with = "as_text")]
    id: Uuid,
    command: &'a str,
    from: &'a str,
    to: &'a str,
    params: &'a [String],
    body: &'a [String],
    ts: String,
    /// `{}` if the sender added nothing.
    meta: &'a RawValue,
}

fn as_text<S: serde::Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

impl Draft<'_> {
    /// The event as JSON.
    pub(super) fn to_json(&self, id: Uuid, at: SystemTime) -> String {
        let Self { command, from, to, params, body, meta } = *self;
        let no_meta = raw(&serde_json::Map::new());
        let ts = rfc3339_milliseconds(at);
        let fields = Fields { id, command, from, to, params, body, ts, meta: meta.unwrap_or(&no_meta) };
        // Our own types: serialising them cannot fail.
        serde_json::to_string(&fields).unwrap_or_default()
    }
}

/// Any value as raw JSON.
pub(super) fn raw(value: &impl Serialize) -> Box<RawValue> {
    // Maps with string keys and finite numbers: serialising them cannot fail.
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

impl EventBytes {
    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Event {
    pub(super) fn new(seq: u64, at: Duration, json: String, all: &EventBytes) -> Arc<Self> {
        all.0.fetch_add(json.len(), Ordering::Relaxed);
        Arc::new(Self { seq, at, json: json.into(), all: all.clone() })
    }

    /// The event as JSON.
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        self.all.0.fetch_sub(self.json.len(), Ordering::Relaxed);
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("seq", &self.seq).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_all_events_are_known() {
        let all = EventBytes::default();
        let event = Event::new(1, Duration::ZERO, "12345".into(), &all);
        let other = event.clone();
        assert_eq!(all.get(), 5);
        drop((event, other));
        assert_eq!(all.get(), 0);
    }
}
