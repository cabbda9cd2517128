//! The browser around the [lobby client](crate::lobby_client): the part of the
//! driver that carries out what it asks for.

use super::{Arrival, Driver, REQUEST_SECONDS, minter::Ticket, request, send};
use crate::{
    lobby_client::{Effect, Event, StampFor},
    scene::lobby::LobbyCommand,
    wire::lobby::LobbySession,
};
use futures::{StreamExt, channel::mpsc::UnboundedReceiver, future::LocalBoxFuture};
use gloo_timers::future::TimeoutFuture;
use leptos::{
    html::Input,
    prelude::{GetUntracked, NodeRef, Set, WithUntracked},
};
use puzzle::stamp::{Bits, Timestamp, channel, session};
use serde_json::json;
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlElement;

/// How long a command may take: the server slows down who sends too many.
const COMMAND_SECONDS: u32 = 30;

impl Driver {
    /// Passes on what the visitor does in the lobby.
    pub(super) fn listen_to_lobby(&self, mut commands: UnboundedReceiver<LobbyCommand>) {
        let events = self.events.clone();
        spawn_local(async move {
            while let Some(command) = commands.next().await {
                send(&events, Arrival::Lobby(Event::Command(command)));
            }
        });
    }

    pub(super) fn hear_lobby(&mut self, event: Event) {
        for effect in self.lobby.handle(event, crate::mining::page_time()) {
            self.carry_out_for_lobby(effect);
        }
        let scene = self.lobby.scene();
        if self.board.lobby.with_untracked(|shown| *shown != scene) {
            self.board.lobby.set(scene);
        }
    }

    /// Tells the lobby how the race stands, and that time passes.
    pub(super) fn tell_lobby(&mut self, now: Duration) {
        self.lobby.mines_at(self.client.local_rate(now));
        let (admitted, live) = (self.client.may_take_part(), self.client.is_live());
        if self.lobby.wants_to_hear(admitted, live, now) {
            self.hear_lobby(Event::Race { admitted, live });
        }
    }

    fn carry_out_for_lobby(&mut self, effect: Effect) {
        match effect {
            Effect::Enter { stamp } => self.lobby_later(Box::pin(async move {
                let nothing = json!({});
                let session = request::post_stamped::<LobbySession>(
                    "/api/v1/session",
                    &nothing,
                    stamp.as_deref(),
                    REQUEST_SECONDS,
                );
                Event::Entered(session.await)
            })),
            Effect::FetchState => self.lobby_later(Box::pin(async {
                Event::StateFetched(request::get_json("/api/v1/state", REQUEST_SECONDS).await)
            })),
            Effect::FetchMembers(channel) => self.lobby_later(Box::pin(async move {
                let path = format!("/api/v1/channels/{}/members", escaped(channel.trim_start_matches('#')));
                let result = request::get_json(&path, REQUEST_SECONDS).await;
                Event::MembersFetched { channel, result }
            })),
            Effect::FetchHistory(target) => self.lobby_later(Box::pin(async move {
                let path = format!("/api/v1/history?limit=100&target={}", escaped(&target));
                let result = request::get_json(&path, REQUEST_SECONDS).await;
                Event::HistoryFetched { target, result }
            })),
            Effect::Poll { after, seconds } => self.lobby_later(Box::pin(async move {
                let path = format!("/api/v1/messages?after={after}&timeout={seconds}");
                Event::Polled(request::get_json(&path, seconds + REQUEST_SECONDS).await)
            })),
            Effect::Listen => {
                if let Some(socket) = &self.socket {
                    socket.listen_to_lobby();
                }
            }
            Effect::Send(command) => self.lobby_later(Box::pin(async move {
                Event::Answered(request::post_json("/api/v1/messages", &command, COMMAND_SECONDS).await)
            })),
            Effect::Mint { ticket, bits, purpose: StampFor::Session(resource) } => {
                self.mint_session_stamp(Ticket::Lobby(ticket), bits, &resource);
            }
            Effect::Mint { ticket, bits, purpose: StampFor::Message(to, body) } => {
                let prefix = channel::prefix(bits_of(bits), &to, &body, now());
                self.minter.search(Ticket::Lobby(ticket), prefix);
            }
            Effect::CancelMint(ticket) => self.minter.cancel(Ticket::Lobby(ticket)),
            Effect::Race(command) => {
                send(&self.events, Arrival::Event(crate::race_client::Event::Command(command)));
            }
        }
    }

    pub(super) fn mint_session_stamp(&self, ticket: Ticket, bits: u8, resource: &str) {
        self.minter.search(ticket, session::prefix(bits_of(bits), resource, now()));
    }

    fn lobby_later(&self, work: LocalBoxFuture<'static, Event>) {
        let events = self.events.clone();
        spawn_local(async move { send(&events, Arrival::Lobby(work.await)) });
    }
}

fn bits_of(bits: u8) -> Bits {
    Bits::new(bits).unwrap_or(Bits::MAX)
}

fn escaped(text: &str) -> String {
    String::from(js_sys::encode_uri_component(text))
}

/// The time of day, as this device knows it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn now() -> Timestamp {
    Timestamp((js_sys::Date::now() / 1000.0) as u64)
}

/// Puts the focus into a field, once the page has shown it.
pub fn focus_soon(field: NodeRef<Input>) {
    spawn_local(async move {
        TimeoutFuture::new(0).await;
        if let Some(field) = field.get_untracked() {
            drop(field.focus());
        }
    });
}

/// Puts the focus on a tab, once the page has shown it.
pub fn focus_tab(at: usize) {
    spawn_local(async move {
        TimeoutFuture::new(0).await;
        let document = web_sys::window().and_then(|window| window.document());
        let tab = document.and_then(|document| document.get_element_by_id(&format!("lobby-tab-{at}")));
        if let Some(tab) = tab.and_then(|tab| tab.dyn_into::<HtmlElement>().ok()) {
            drop(tab.focus());
        }
    });
}

/// The time of day where the visitor is; empty for what is no time.
pub fn local_clock(stamp: &str) -> String {
    let time = js_sys::Date::new(&stamp.into());
    if stamp.is_empty() || time.get_time().is_nan() {
        return String::new();
    }
    format!("{:02}:{:02}", time.get_hours(), time.get_minutes())
}
