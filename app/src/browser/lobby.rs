//! The browser around the [lobby client](crate::lobby_client): the part of the
//! driver that carries out what it asks for.

use super::{
    Driver, Message, REQUEST_SECONDS, Request, json,
    minter::Search,
    request::{self, Answer, parse},
};
use crate::lobby_client::{Effect, Event, StampFor};
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
            Effect::Enter { stamp } => {
                let (path, body) = ("/api/v1/session".into(), Some("{}".into()));
                self.ask_for_lobby(Request { path, body, stamp, ..Request::default() }, |answer| {
                    Event::Entered(parse(answer))
                });
            }
            Effect::FetchState => {
                self.ask_for_lobby(Request::get("/api/v1/state"), |answer| Event::StateFetched(parse(answer)));
            }
            Effect::FetchMembers(channel) => {
                let path = format!("/api/v1/channels/{}/members", escaped(channel.trim_start_matches('#')));
                self.ask_for_lobby(Request::get(path), |answer| Event::MembersFetched {
                    channel,
                    result: parse(answer),
                });
            }
            Effect::FetchHistory(name) => {
                let path = format!("/api/v1/history?limit=100&target={}", escaped(&name));
                self.ask_for_lobby(Request::get(path), |answer| Event::HistoryFetched { name, result: parse(answer) });
            }
            Effect::Look { known } => {
                let sender = self.sender.clone();
                spawn_local(async move {
                    let path = "/api/v1/history?limit=50&target=%23lobby";
                    let lines = request::if_changed(path, &known, REQUEST_SECONDS).await;
                    sender.send(Message::Lobby(Event::Looked(lines)));
                });
            }
            Effect::Poll { after, seconds } => {
                let path = format!("/api/v1/messages?after={after}&timeout={seconds}");
                let seconds = seconds + REQUEST_SECONDS;
                self.ask_for_lobby(Request { path, seconds, ..Request::default() }, |answer| {
                    Event::Polled(parse(answer))
                });
            }
            Effect::Listen => {
                // What comes of it comes as an event; the answer itself tells nothing.
                let (path, body) = ("/api/v1/messages".into(), Some(r#"{"command":"PING"}"#.into()));
                self.ask_for_lobby(Request { path, body, seconds: COMMAND_SECONDS, ..Request::default() }, |_| {
                    Event::Moment
                });
            }
            Effect::Send(command) => {
                let (path, body) = ("/api/v1/messages".into(), json(&command));
                self.ask_for_lobby(Request { path, body, seconds: COMMAND_SECONDS, ..Request::default() }, |answer| {
                    Event::Answered(parse(answer))
                });
            }
            Effect::Mint { search, bits, purpose: StampFor::Session(resource) } => {
                self.mint_session_stamp(Search::Lobby(search), bits, &resource);
            }
            Effect::Mint { search, bits, purpose: StampFor::Message(to, body) } => {
                let prefix = channel::prefix(bits_of(bits), &to, &body, now());
                self.minter.search(Search::Lobby(search), prefix);
            }
            Effect::CancelMint(search) => self.minter.cancel(Search::Lobby(search)),
            Effect::Race(command) => {
                self.sender.send(Message::Race(crate::race_client::Event::Command(command)));
            }
        }
    }

    pub(super) fn mint_session_stamp(&self, search: Search, bits: u8, resource: &str) {
        self.minter.search(search, session::prefix(bits_of(bits), resource, now()));
    }

    fn ask_for_lobby(&self, request: Request, read: impl FnOnce(Answer) -> Event + 'static) {
        self.ask(request, |answer| Message::Lobby(read(answer)));
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
pub fn local_clock(time: &str) -> String {
    let date = js_sys::Date::new(&time.into());
    if time.is_empty() || date.get_time().is_nan() {
        return String::new();
    }
    format!("{:02}:{:02}", date.get_hours(), date.get_minutes())
}
