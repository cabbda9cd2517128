//! The browser around the [lobby client](crate::lobby_client): the part of the
//! driver that carries out what it asks for.

use super::{Arrival, Driver, REQUEST_SECONDS, minter::Ticket, request, send};
use crate::{
    error::ApiError,
    lobby_client::{Effect, Event, StampFor},
    scene::lobby::LobbyCommand,
};
use futures::{StreamExt, channel::mpsc::UnboundedReceiver};
use gloo_timers::future::TimeoutFuture;
use leptos::{
    html::Input,
    prelude::{GetUntracked, NodeRef, Set, WithUntracked},
};
use puzzle::stamp::{Bits, Timestamp, channel, session};
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
        let get = |path: String, seconds: u32, read: Reader| self.ask(path, None, None, seconds, read);
        match effect {
            Effect::Enter { stamp } => {
                let read = |answer: Answer, _| Event::Entered(request::parse(answer));
                self.ask("/api/v1/session".into(), Some("{}".into()), stamp, REQUEST_SECONDS, read);
            }
            Effect::FetchState => {
                get("/api/v1/state".into(), REQUEST_SECONDS, |answer, _| Event::StateFetched(request::parse(answer)));
            }
            Effect::FetchMembers(channel) => {
                let path = format!("/api/v1/channels/{}/members", escaped(channel.trim_start_matches('#')));
                self.ask_about(channel, path, |answer, channel| Event::MembersFetched {
                    channel,
                    result: request::parse(answer),
                });
            }
            Effect::FetchHistory(target) => {
                let path = format!("/api/v1/history?limit=100&target={}", escaped(&target));
                self.ask_about(target, path, |answer, target| Event::HistoryFetched {
                    target,
                    result: request::parse(answer),
                });
            }
            Effect::Look { known } => {
                let events = self.events.clone();
                spawn_local(async move {
                    let news = request::news("/api/v1/history?limit=50&target=%23lobby", &known, REQUEST_SECONDS).await;
                    send(&events, Arrival::Lobby(Event::Looked(news)));
                });
            }
            Effect::Poll { after, seconds } => {
                let path = format!("/api/v1/messages?after={after}&timeout={seconds}");
                get(path, seconds + REQUEST_SECONDS, |answer, _| Event::Polled(request::parse(answer)));
            }
            Effect::Listen => {
                if let Some(socket) = &self.socket {
                    socket.listen_to_lobby();
                }
            }
            Effect::Send(command) => {
                // Text and lists of it: serialising them cannot fail.
                let body = serde_json::to_string(&command).unwrap_or_default();
                let read = |answer: Answer, _| Event::Answered(request::parse(answer));
                self.ask("/api/v1/messages".into(), Some(body), None, COMMAND_SECONDS, read);
            }
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

    fn ask_about(&self, subject: String, path: String, read: Reader) {
        self.request(subject, path, None, None, REQUEST_SECONDS, read);
    }

    fn ask(&self, path: String, body: Option<String>, stamp: Option<String>, seconds: u32, read: Reader) {
        self.request(String::new(), path, body, stamp, seconds, read);
    }

    /// The one request of the lobby: the code of waiting is there only once.
    fn request(
        &self,
        subject: String,
        path: String,
        body: Option<String>,
        stamp: Option<String>,
        seconds: u32,
        read: Reader,
    ) {
        let events = self.events.clone();
        spawn_local(async move {
            let answer = request::text(&path, body.as_deref(), stamp.as_deref(), seconds).await;
            send(&events, Arrival::Lobby(read(answer, subject)));
        });
    }
}

/// Status and text of an answer.
type Answer = Result<(u16, String), ApiError>;

/// Makes an event of an answer, and of what was asked about.
type Reader = fn(Answer, String) -> Event;

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
