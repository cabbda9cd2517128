//! What is given back to a caller, and how it is written as JSON. Events are
//! serialised already: they are put in as they are.

use super::{event::Event, numeric::Numeric};
use std::{fmt::Write, sync::Arc};
use uuid::Uuid;

/// What a command came to.
#[derive(Debug, Default)]
pub struct Answer {
    /// Why nothing was done.
    pub refused: Option<Numeric>,
    /// The message that was delivered.
    pub id: Option<Uuid>,
    /// What was replied, in order; it is in the caller's queue as well.
    pub replies: Vec<Arc<Event>>,
    /// True if the session has ended.
    pub ended: bool,
}

/// Events out of a queue.
#[derive(Debug)]
pub struct Batch {
    /// The events, oldest first.
    pub events: Vec<Arc<Event>>,
    /// After which to go on.
    pub last_id: u64,
}

impl Answer {
    /// As JSON: `{"status":"ok",…}` or `{"status":"error","numeric":…}`.
    pub fn to_json(&self) -> String {
        let mut fields = serde_json::Map::new();
        match &self.refused {
            None => {
                fields.insert("status".into(), "ok".into());
            }
            Some(Numeric { code, params, text, meta }) => {
                fields.insert("status".into(), "error".into());
                fields.insert("numeric".into(), (*code).into());
                fields.insert("params".into(), params.clone().into());
                fields.insert("message".into(), text.clone().into());
                fields.insert("meta".into(), meta.clone().into());
            }
        }
        if let Some(id) = self.id {
            fields.insert("id".into(), id.to_string().into());
        }
        let mut json = serde_json::Value::Object(fields).to_string();
        // Without the closing brace the replies can be added.
        json.pop();
        let _ = write!(json, ",\"replies\":{}}}", array(&self.replies));
        json
    }
}

impl Batch {
    /// As JSON: `{"messages":[…],"last_id":n}`.
    pub fn to_json(&self) -> String {
        format!("{{\"messages\":{},\"last_id\":{}}}", array(&self.events), self.last_id)
    }
}

fn array(events: &[Arc<Event>]) -> String {
    let mut json = String::with_capacity(2 + events.iter().map(|event| event.json().len() + 1).sum::<usize>());
    json.push('[');
    for (at, event) in events.iter().enumerate() {
        if at != 0 {
            json.push(',');
        }
        json.push_str(event.json());
    }
    json.push(']');
    json
}
