//! The live connection where WebSockets are blocked: the server is asked again and again
//! for what has happened.

use super::{
    request::{self, Answer, parse},
    socket::{SocketEvent, understand},
};
use crate::{
    error::{ApiError, ErrorCode},
    read::{Read, field},
    wire::{ClientMessage, ServerMessage},
};
use futures::{
    StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
};
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen_futures::spawn_local;

/// How long the server may wait for something to happen, in seconds.
const WAIT_SECONDS: u32 = 25;

/// How long an answer may take beyond that, in seconds.
const ANSWER_SECONDS: u32 = 12;

/// A connection that polls. Dropping it closes it without another word.
#[derive(Debug)]
pub struct Polling {
    alive: Rc<Cell<bool>>,
    to_say: UnboundedSender<String>,
}

/// One connection, as the tasks know it that keep it up.
struct Conversation<E> {
    alive: Rc<Cell<bool>>,
    /// Up to where the server was heard: what the next call repeats.
    last_id: RefCell<String>,
    on_event: E,
}

/// The answer to a poll.
struct Told {
    messages: Vec<Value>,
    last_id: String,
}

impl Read for Told {
    fn read(value: &Value) -> Option<Self> {
        Some(Self { messages: value.get("messages")?.as_array()?.clone(), last_id: field(value, "last_id")? })
    }
}

/// What a message is answered with: something that the server says, or nothing but that
/// it was heard.
struct Heard(Option<SocketEvent>);

impl Read for Heard {
    fn read(value: &Value) -> Option<Self> {
        Some(Self(understand(value)))
    }
}

impl Polling {
    /// Opens the connection.
    pub fn open(on_event: impl Fn(SocketEvent) + 'static) -> Self {
        let alive = Rc::new(Cell::new(true));
        let conversation = Rc::new(Conversation { alive: alive.clone(), last_id: RefCell::default(), on_event });
        let (to_say, said) = unbounded();
        spawn_local(conversation.clone().listen());
        spawn_local(conversation.speak(said));
        Self { alive, to_say }
    }

    /// Says something; in the order in which it is called.
    pub fn send(&self, message: &ClientMessage) {
        if let Ok(text) = serde_json::to_string(message) {
            // The other end is there as long as this one.
            drop(self.to_say.unbounded_send(text));
        }
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        self.alive.set(false);
    }
}

impl<E: Fn(SocketEvent)> Conversation<E> {
    async fn listen(self: Rc<Self>) {
        let mut path = "/api/events?wait=0".to_owned();
        loop {
            let told: Result<Told, ApiError> =
                parse(request::text(&path, None, None, WAIT_SECONDS + ANSWER_SECONDS).await);
            if !self.alive.get() {
                return;
            }
            let Told { messages, last_id } = match told {
                Ok(told) => told,
                Err(error) => return self.end(error),
            };
            let known = self.last_id.replace(last_id.clone());
            if known.is_empty() {
                (self.on_event)(SocketEvent::Opened);
            } else if stream(&known) != stream(&last_id) {
                // The server has forgotten that we mine: we come in anew.
                return self.close();
            }
            messages.iter().filter_map(understand).for_each(&self.on_event);
            path = format!("/api/events?wait={WAIT_SECONDS}&after={last_id}");
        }
    }

    /// One message after the other, so that none overtakes another.
    async fn speak(self: Rc<Self>, mut said: UnboundedReceiver<String>) {
        while let Some(message) = said.next().await {
            let path = format!("/api/events?after={}", self.last_id.borrow());
            let answer: Answer = request::text(&path, Some(&message), None, ANSWER_SECONDS).await;
            if !self.alive.get() {
                return;
            }
            match parse::<Heard>(answer) {
                Ok(Heard(event)) => event.into_iter().for_each(&self.on_event),
                // Whether the connection is lost is the other task's to find out.
                Err(error) if error.code.is_temporary() || error.code == ErrorCode::NotFound => {}
                Err(ApiError { code, detail, .. }) => {
                    (self.on_event)(SocketEvent::Heard(ServerMessage::Error { code, detail: detail.into() }));
                }
            }
        }
    }

    /// The server is gone, or does not want us: then it says why, as on a WebSocket.
    fn end(&self, ApiError { code, detail, retry_after, .. }: ApiError) {
        if code != ErrorCode::Unreachable {
            (self.on_event)(SocketEvent::Heard(ServerMessage::Rejected { code, detail: detail.into(), retry_after }));
        }
        self.close();
    }

    fn close(&self) {
        self.alive.set(false);
        (self.on_event)(SocketEvent::Closed);
    }
}

/// The part of a place that is the same for one connection.
fn stream(place: &str) -> &str {
    place.split('-').next().unwrap_or_default()
}
