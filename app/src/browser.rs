//! The browser around the [race client](crate::race_client): carries out what it
//! asks for, tells it what happens, and shows its state on the page.
//!
//! One loop on the page's thread takes messages from one [queue](crate::inbox) and
//! hands them over one after the other, so nothing in here is ever in the middle of two
//! things. Everything that waits runs beside it and comes back as a message. Nothing in
//! here decides anything.

pub mod clipboard;
pub mod fingerprint;
pub mod human_check;
pub mod language;
pub mod lobby;
pub mod minter;
pub mod polling;
pub mod request;
pub mod socket;
pub mod storage;
pub mod theme;
pub mod view;

use crate::{
    board::Board,
    inbox::{Inbox, Sender, Source, inbox},
    live_route::{LiveRoute, Route},
    lobby_client::{self, LobbyClient},
    mining::{MinerPool, PoolEvent, chosen_workers, loader_url, page_time},
    race_client::{Device, Effect, Event, RaceClient},
    scene::{Command, Note, Wish},
    wire::{PageState, SessionRequest},
};
use futures::{
    StreamExt,
    channel::mpsc::UnboundedReceiver,
    future::{Either, select},
};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::{Set, Update, WithUntracked};
use minter::{Minter, Search};
use polling::Polling;
use request::{Answer, parse};
use serde::Serialize;
use socket::{Socket, SocketEvent};
use std::{pin::pin, time::Duration};
use wasm_bindgen::{JsCast, closure::Closure};
use wasm_bindgen_futures::spawn_local;

/// How often the figures on the page are renewed, while something moves.
const REFRESH_INTERVAL: Duration = Duration::from_millis(250);

/// How long a submission may take: the server may have a queue to work through.
const SUBMISSION_SECONDS: u32 = 30;

/// How long any other request may take.
const REQUEST_SECONDS: u32 = 12;

/// Takes part in the race, on a page rendered from `page`.
pub fn launch(page: PageState, board: Board, wishes: UnboundedReceiver<Wish>) {
    let (sender, inbox) = inbox();
    let driver = Driver::new(page, board, sender);
    driver.listen(wishes);
    spawn_local(driver.run(inbox));
}

/// What one of the two clients is to hear.
enum Message {
    Race(Event),
    Lobby(lobby_client::Event),
}

/// The live connection, on either route.
enum Connection {
    Socket(Socket),
    Polls(Polling),
}

struct Driver {
    page: PageState,
    board: Board,
    client: RaceClient,
    lobby: LobbyClient,
    minter: Minter,
    sender: Sender<Message>,
    human_check: human_check::Widget,
    socket: Option<Connection>,
    connection: Source,
    route: LiveRoute,
    pool: MinerPool,
    shown_at: Duration,
}

impl Driver {
    fn new(page: PageState, board: Board, sender: Sender<Message>) -> Self {
        let loader = loader_url(&page.miner_simd, &page.miner_scalar).to_owned();
        let (pool, human_check, minter) = {
            let [to_pool, to_check, to_minter] = [(); 3].map(|()| sender.clone());
            let pool = MinerPool::new(loader.clone(), move |source, event| {
                to_pool.of(source).send(Message::Race(Event::Pool(event)));
            });
            let human_check =
                human_check::Widget::new(&page, move |event| to_check.send(Message::Race(Event::Check(event))));
            let minter = Minter::new(loader, move |search, event| {
                to_minter.send(match search {
                    Search::Race => Message::Race(Event::Stamp(event)),
                    Search::Lobby(search) => Message::Lobby(lobby_client::Event::Stamp { search, event }),
                });
            });
            (pool, human_check, minter)
        };
        let client = RaceClient::new(&page, device());
        let lobby = LobbyClient::new(&page, js_sys::Math::random);
        let (socket, connection, route, shown_at) = (None, Source::default(), LiveRoute::default(), Duration::ZERO);
        Self { page, board, client, lobby, minter, sender, human_check, socket, connection, route, pool, shown_at }
    }

    /// Passes on what the visitor does and what the browser tells.
    fn listen(&self, mut wishes: UnboundedReceiver<Wish>) {
        let sender = self.sender.clone();
        // Taken once, with the first Start: whoever presses it has seen where a win leads.
        let mut way_back = self.page.way_back.clone().and_then(|way_back| way_back.offer);
        spawn_local(async move {
            while let Some(wish) = wishes.next().await {
                if wish == Wish::Race(Command::Start)
                    && let Some(offer) = way_back.take()
                {
                    // What is won without it is won all the same, and the page shows the code.
                    let _ = request::text("/api/return", json(&offer).as_deref(), None, REQUEST_SECONDS).await;
                }
                sender.send(match wish {
                    Wish::Race(command) => Message::Race(Event::Command(command)),
                    Wish::Lobby(command) => Message::Lobby(lobby_client::Event::Command(command)),
                });
            }
        });
        let sender = self.sender.clone();
        let online = Closure::<dyn Fn()>::new(move || sender.send(Message::Race(Event::BackOnline)));
        if let Some(window) = web_sys::window() {
            window.set_ononline(Some(online.as_ref().unchecked_ref()));
        }
        // It listens for as long as the page is open.
        online.forget();
    }

    async fn run(mut self, mut inbox: Inbox<Message>) {
        let had_session = self.page.has_session || storage::read(storage::HAD_SESSION).is_some();
        self.hear(Event::Begin { had_session });
        loop {
            let wait = self.time_until_the_next_moment();
            match select(pin!(inbox.next()), TimeoutFuture::new(wait)).await {
                Either::Left((Some(Message::Race(event)), _)) => self.hear(event),
                Either::Left((Some(Message::Lobby(event)), _)) => self.hear_lobby(event),
                Either::Left((None, _)) => return,
                Either::Right(((), _)) => self.hear(Event::Moment),
            }
        }
    }

    /// In milliseconds.
    fn time_until_the_next_moment(&self) -> u32 {
        let now = page_time();
        let refresh = self.shown_at + REFRESH_INTERVAL;
        let deadlines = [self.client.deadline(now), self.lobby.deadline()];
        let next = deadlines.into_iter().flatten().fold(refresh, Duration::min);
        // Rounded up: a moment too early would only be followed by another one.
        u32::try_from(next.saturating_sub(now).as_micros().div_ceil(1000)).unwrap_or(1000)
    }

    fn hear(&mut self, event: Event) {
        match &event {
            Event::SocketOpened => self.route.opened(),
            Event::SocketClosed => self.route.closed(),
            _ => {}
        }
        let is_routine = matches!(event, Event::Moment | Event::Pool(PoolEvent::Progress { .. }));
        let now = page_time();
        for effect in self.client.handle(event, now) {
            self.carry_out(effect);
        }
        if !is_routine || self.shown_at + REFRESH_INTERVAL <= now {
            self.show(now);
            self.tell_lobby(now);
        }
    }

    fn show(&mut self, now: Duration) {
        self.shown_at = now;
        let scene = self.client.scene(now);
        if self.board.scene.with_untracked(|shown| *shown != scene) {
            self.board.scene.set(scene);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::ShowCheck => self.human_check.show(),
            Effect::ResetCheck => self.human_check.reset(),
            Effect::Enter { token, stamp, renew } => {
                let body = json(&SessionRequest { turnstile_token: token, renew });
                self.ask(Request { path: "/api/session".into(), body, stamp, ..Request::default() }, |answer| {
                    Message::Race(Event::Entered(parse(answer)))
                });
            }
            Effect::MintStamp { bits, resource } => self.mint_session_stamp(Search::Race, bits, &resource),
            Effect::CancelStamp => self.minter.cancel(Search::Race),
            Effect::RememberSession => storage::write(storage::HAD_SESSION, "yes"),
            Effect::FetchWins => {
                self.ask(Request::get("/api/wins"), |answer| Message::Race(Event::WinsFetched(parse(answer))))
            }
            Effect::IdentifyVisitor => {
                let sender = self.sender.clone();
                spawn_local(async move {
                    let (visitor, at_random) = fingerprint::visitor_id().await;
                    sender.send(Message::Race(Event::Identified { visitor, at_random }));
                });
            }
            // What the edge says it sees of this device. Cloudflare answers this path
            // itself, before our server.
            Effect::FetchTrace => self.ask(Request::get("/cdn-cgi/trace"), |answer| {
                let trace = answer.ok().filter(|(status, _)| (200..300).contains(status));
                Message::Race(Event::TraceFetched(trace.and_then(|(_, trace)| trace.parse().ok())))
            }),
            Effect::FetchPuzzle => {
                self.ask(Request::get("/api/puzzle"), |answer| Message::Race(Event::PuzzleFetched(parse(answer))))
            }
            Effect::OpenSocket => self.open_socket(),
            Effect::DropSocket => {
                self.route.closed();
                self.drop_socket();
            }
            Effect::Send(message) => match &self.socket {
                Some(Connection::Socket(socket)) => socket.send(&message),
                Some(Connection::Polls(polling)) => polling.send(&message),
                None => {}
            },
            Effect::PrepareMiner(cost) => self.pool.prepare(cost),
            Effect::StartMiner { job, workers } => self.pool.start(job, workers),
            Effect::ReplaceJob(job) => self.pool.replace_job(job),
            Effect::SetWorkers(workers) => self.pool.set_workers(workers),
            Effect::StopMiner => self.pool.stop(),
            Effect::RememberWorkers(workers) => storage::write(storage::WORKERS, &workers.to_string()),
            Effect::Submit { round, submission } => {
                let (path, body) = ("/api/verify".into(), json(&submission));
                self.ask(Request { path, body, seconds: SUBMISSION_SECONDS, ..Request::default() }, move |answer| {
                    Message::Race(Event::Answered { round, result: parse(answer) })
                });
            }
            Effect::Write(note) => self.write(note),
        }
    }

    /// Asks the server beside the loop; what `read` makes of the answer comes back.
    fn ask(&self, request: Request, read: impl FnOnce(Answer) -> Message + 'static) {
        self.ask_boxed(request, Box::new(read));
    }

    /// Boxed, so that the code of waiting is there only once.
    fn ask_boxed(&self, request: Request, read: Box<dyn FnOnce(Answer) -> Message>) {
        let sender = self.sender.clone();
        spawn_local(async move {
            let Request { path, body, stamp, seconds } = request;
            sender.send(read(request::text(&path, body.as_deref(), stamp.as_deref(), seconds).await));
        });
    }

    fn open_socket(&mut self) {
        self.drop_socket();
        let sender = self.sender.of(&self.connection);
        let to_socket = sender.clone();
        let on_event = move |event| {
            to_socket.send(match event {
                SocketEvent::Lobby(id, event) => Message::Lobby(lobby_client::Event::Heard { id, event }),
                SocketEvent::Opened => Message::Race(Event::SocketOpened),
                SocketEvent::Heard(message) => Message::Race(Event::Heard(message)),
                SocketEvent::Closed => Message::Race(Event::SocketClosed),
            });
        };
        self.socket = match self.route.next() {
            Route::Socket => Socket::open(on_event).map(Connection::Socket),
            Route::Polls => Some(Connection::Polls(Polling::open(on_event))),
        };
        if self.socket.is_none() {
            sender.send(Message::Race(Event::SocketClosed));
        }
    }

    /// Closes the connection; what it has still said is not heard any more.
    fn drop_socket(&mut self) {
        self.socket = None;
        self.connection.begin_anew();
    }

    fn write(&self, note: Note) {
        let time = js_sys::Date::new_0();
        let time = format!("{:02}:{:02}:{:02}", time.get_hours(), time.get_minutes(), time.get_seconds());
        self.board.log.update(|log| log.write(time, note));
    }
}

/// A request to the server.
struct Request {
    path: String,
    /// JSON, if something is sent.
    body: Option<String>,
    /// A session stamp.
    stamp: Option<String>,
    /// How long the answer may take.
    seconds: u32,
}

impl Default for Request {
    fn default() -> Self {
        Self { path: String::new(), body: None, stamp: None, seconds: REQUEST_SECONDS }
    }
}

impl Request {
    fn get(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }
}

/// What is sent are plain values: writing them cannot fail.
fn json(body: &impl Serialize) -> Option<String> {
    serde_json::to_string(body).ok()
}

fn device() -> Device {
    let (cores, is_phone) = web_sys::window().map_or((1, true), |window| {
        let navigator = window.navigator();
        // Absent in some browsers, and then not a number: that counts as 0.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let cores = navigator.hardware_concurrency() as usize;
        let agent = navigator.user_agent().unwrap_or_default();
        // A tablet of Apple's calls itself a Mac, but no Mac has a touch screen.
        let is_phone = agent.contains("Mobi")
            || agent.contains("Android")
            || (agent.contains("Macintosh") && 1 < navigator.max_touch_points());
        (cores.clamp(1, 64), is_phone)
    });
    let remembered = storage::read(storage::WORKERS).and_then(|workers| workers.parse().ok());
    Device { workers: chosen_workers(remembered, cores, is_phone), most_workers: cores, random: js_sys::Math::random }
}
