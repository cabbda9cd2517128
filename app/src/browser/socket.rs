//! The live connection.

use crate::{
    read::Read,
    wire::{
        ClientMessage, ServerMessage,
        lobby::{LobbyEvent, LobbyMessage},
    },
};
use serde_json::Value;
use std::rc::Rc;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{MessageEvent, WebSocket};

/// What happens on the connection.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "an event is passed on at once, and most are messages")]
pub enum SocketEvent {
    /// It stands.
    Opened,
    /// The server said something.
    Heard(ServerMessage),
    /// The lobby has an event, at this place of the queue.
    Lobby(u64, LobbyEvent),
    /// It broke, or could not be made. Told once.
    Closed,
}

/// An open or opening connection. Dropping it closes it without another word.
#[derive(Debug)]
pub struct Socket {
    socket: WebSocket,
    /// They must live as long as the connection may call them.
    _opened: Closure<dyn Fn()>,
    _heard: Closure<dyn Fn(MessageEvent)>,
    _closed: Closure<dyn Fn()>,
}

impl Socket {
    /// Opens the connection; `None` if the browser does not even try.
    pub fn open(on_event: impl Fn(SocketEvent) + 'static) -> Option<Self> {
        let location = web_sys::window()?.location();
        let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
        let socket = WebSocket::new(&format!("{scheme}://{}/api/ws", location.host().ok()?)).ok()?;

        let on_event = Rc::new(on_event);
        let opened = {
            let on_event = on_event.clone();
            Closure::<dyn Fn()>::new(move || on_event(SocketEvent::Opened))
        };
        let heard = {
            let on_event = on_event.clone();
            Closure::<dyn Fn(MessageEvent)>::new(move |message: MessageEvent| {
                // Messages of kinds that this page does not know yet are no reason to fail.
                let text = message.data().as_string().unwrap_or_default();
                let value = serde_json::from_str(&text).unwrap_or_default();
                understand(&value).into_iter().for_each(&*on_event);
            })
        };
        let closed = Closure::<dyn Fn()>::new(move || on_event(SocketEvent::Closed));
        socket.set_onopen(Some(opened.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        // An error is always followed by the close.
        socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
        Some(Self { socket, _opened: opened, _heard: heard, _closed: closed })
    }

    /// Says something, if the connection stands.
    pub fn send(&self, message: &ClientMessage) {
        if self.socket.ready_state() == WebSocket::OPEN
            && let Ok(text) = serde_json::to_string(message)
        {
            drop(self.socket.send_with_str(&text));
        }
    }
}

/// What the server says by a message, if it is of a kind that this page knows.
pub fn understand(message: &Value) -> Option<SocketEvent> {
    if let Some(message) = ServerMessage::read(message) {
        return Some(SocketEvent::Heard(message));
    }
    match LobbyMessage::read(message)? {
        LobbyMessage { kind, id: Some(id), event: Some(event) } if kind == "LOBBY" => {
            Some(SocketEvent::Lobby(id, event))
        }
        _ => None,
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        drop(self.socket.close());
    }
}
