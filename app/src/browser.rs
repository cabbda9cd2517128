//! The browser around the [race client](crate::race_client): carries out what it
//! asks for, tells it what happens, and shows its state on the page.
//!
//! One loop on the page's thread takes events from one queue and hands them over
//! one after the other, so nothing in here is ever in the middle of two things.
//! Everything that waits runs beside it and comes back as an event. Nothing in
//! here decides anything.

pub mod clipboard;
pub mod fingerprint;
pub mod human_check;
pub mod language;
pub mod lobby;
pub mod minter;
pub mod request;
pub mod socket;
pub mod storage;
pub mod theme;
pub mod view;

use crate::{
    board::Board,
    lobby_client::LobbyClient,
    mining::{MinerPool, PoolEvent, chosen_workers, loader_url, page_time},
    race_client::{Device, Effect, Event, RaceClient},
    scene::{Note, Wish},
    wire::{PageState, SessionRequest},
};
use futures::{
    StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    future::{Either, select},
};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::{Set, Update, WithUntracked};
use minter::{Minter, Ticket};
use request::{Answer, parse};
use serde::Serialize;
use socket::{Socket, SocketEvent};
use std::{cell::Cell, rc::Rc, time::Duration};
use wasm_bindgen::{JsCast, closure::Closure};
use wasm_bindgen_futures::spawn_local;

/// How often the figures on the page are renewed, while something moves.
const REFRESH: Duration = Duration::from_millis(250);

/// How long a submission may take: the server may have a queue to work through.
const SUBMISSION_SECONDS: u32 = 30;

/// How long any other request may take.
const REQUEST_SECONDS: u32 = 12;

/// Takes part in the race, on a page rendered from `page`.
pub fn launch(page: PageState, board: Board, wishes: UnboundedReceiver<Wish>) {
    let (events, queue) = unbounded();
    let driver = Driver::new(page, board, events);
    driver.listen(wishes);
    spawn_local(driver.run(queue));
}

/// An event and where it comes from: what an old connection or an old job still
/// has to say is not heard any more.
enum Arrival {
    Event(Event),
    Lobby(crate::lobby_client::Event),
    Socket { connection: u64, event: Event },
    SocketLobby { connection: u64, event: crate::lobby_client::Event },
    Pool { generation: u64, event: PoolEvent },
}

struct Driver {
    page: PageState,
    board: Board,
    client: RaceClient,
    lobby: LobbyClient,
    minter: Minter,
    events: UnboundedSender<Arrival>,
    human_check: human_check::Widget,
    socket: Option<Socket>,
    /// Counts the connections.
    connection: u64,
    pool: MinerPool,
    /// Counts the jobs.
    generation: Rc<Cell<u64>>,
    shown_at: Duration,
}

impl Driver {
    fn new(page: PageState, board: Board, events: UnboundedSender<Arrival>) -> Self {
        let generation = Rc::new(Cell::new(0));
        let pool = {
            let (events, generation) = (events.clone(), generation.clone());
            let loader = loader_url(&page.miner_simd, &page.miner_scalar).to_owned();
            MinerPool::new(loader, move |event| send(&events, Arrival::Pool { generation: generation.get(), event }))
        };
        let human_check = {
            let events = events.clone();
            human_check::Widget::new(&page, move |event| send(&events, Arrival::Event(Event::Check(event))))
        };
        let minter = {
            let events = events.clone();
            let loader = loader_url(&page.miner_simd, &page.miner_scalar).to_owned();
            Minter::new(loader, move |ticket, event| {
                let arrival = match ticket {
                    Ticket::Race => Arrival::Event(Event::Stamp(event)),
                    Ticket::Lobby(ticket) => Arrival::Lobby(crate::lobby_client::Event::Stamp { ticket, event }),
                };
                send(&events, arrival);
            })
        };
        let client = RaceClient::new(&page, device());
        let lobby = LobbyClient::new(&page, js_sys::Math::random);
        let (socket, connection, shown_at) = (None, 0, Duration::ZERO);
        Self { page, board, client, lobby, minter, events, human_check, socket, connection, pool, generation, shown_at }
    }

    /// Passes on what the visitor does and what the browser tells.
    fn listen(&self, mut wishes: UnboundedReceiver<Wish>) {
        let events = self.events.clone();
        spawn_local(async move {
            while let Some(wish) = wishes.next().await {
                send(
                    &events,
                    match wish {
                        Wish::Race(command) => Arrival::Event(Event::Command(command)),
                        Wish::Lobby(command) => Arrival::Lobby(crate::lobby_client::Event::Command(command)),
                    },
                );
            }
        });
        let events = self.events.clone();
        let online = Closure::<dyn Fn()>::new(move || send(&events, Arrival::Event(Event::BackOnline)));
        if let Some(window) = web_sys::window() {
            window.set_ononline(Some(online.as_ref().unchecked_ref()));
        }
        // It listens for as long as the page is open.
        online.forget();
    }

    async fn run(mut self, mut queue: UnboundedReceiver<Arrival>) {
        let had_session = self.page.has_session || storage::read(storage::HAD_SESSION).is_some();
        self.hear(Event::Begin { had_session });
        loop {
            let wait = self.time_until_the_next_moment();
            let arrival = match select(queue.next(), TimeoutFuture::new(wait)).await {
                Either::Left((Some(arrival), _)) => arrival,
                Either::Left((None, _)) => return,
                Either::Right(((), _)) => Arrival::Event(Event::Moment),
            };
            match arrival {
                Arrival::Event(event) => self.hear(event),
                Arrival::Socket { connection, event } if connection == self.connection => self.hear(event),
                Arrival::Pool { generation, event } if generation == self.generation.get() => {
                    self.hear(Event::Pool(event));
                }
                Arrival::Lobby(event) => self.hear_lobby(event),
                Arrival::SocketLobby { connection, event } if connection == self.connection => self.hear_lobby(event),
                Arrival::Socket { .. } | Arrival::SocketLobby { .. } | Arrival::Pool { .. } => {}
            }
        }
    }

    /// In milliseconds.
    fn time_until_the_next_moment(&self) -> u32 {
        let now = page_time();
        let refresh = self.shown_at + REFRESH;
        let deadlines = [self.client.deadline(now), self.lobby.deadline()];
        let next = deadlines.into_iter().flatten().fold(refresh, Duration::min);
        // Rounded up: a moment too early would only be followed by another one.
        u32::try_from(next.saturating_sub(now).as_micros().div_ceil(1000)).unwrap_or(1000)
    }

    fn hear(&mut self, event: Event) {
        let is_routine = matches!(event, Event::Moment | Event::Pool(PoolEvent::Progress { .. }));
        let now = page_time();
        for effect in self.client.handle(event, now) {
            self.carry_out(effect);
        }
        if !is_routine || self.shown_at + REFRESH <= now {
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
            Effect::Enter { token, stamp } => {
                let body = json(&SessionRequest { turnstile_token: token });
                self.ask(Request { path: "/api/session".into(), body, stamp, ..Request::default() }, |answer| {
                    Arrival::Event(Event::Entered(parse(answer)))
                });
            }
            Effect::MintStamp { bits, resource } => self.mint_session_stamp(Ticket::Race, bits, &resource),
            Effect::CancelStamp => self.minter.cancel(Ticket::Race),
            Effect::RememberSession => storage::write(storage::HAD_SESSION, "yes"),
            Effect::FetchWins => {
                self.ask(Request::get("/api/wins"), |answer| Arrival::Event(Event::WinsFetched(parse(answer))))
            }
            Effect::IdentifyVisitor => {
                let events = self.events.clone();
                spawn_local(async move {
                    let (visitor, at_random) = fingerprint::visitor_id().await;
                    send(&events, Arrival::Event(Event::Identified { visitor, at_random }));
                });
            }
            // What the edge says it sees of this device. Cloudflare answers this path
            // itself, before our server.
            Effect::FetchTrace => self.ask(Request::get("/cdn-cgi/trace"), |answer| {
                let trace = answer.ok().filter(|(status, _)| (200..300).contains(status));
                Arrival::Event(Event::TraceFetched(trace.and_then(|(_, trace)| trace.parse().ok())))
            }),
            Effect::FetchPuzzle => {
                self.ask(Request::get("/api/puzzle"), |answer| Arrival::Event(Event::PuzzleFetched(parse(answer))))
            }
            Effect::OpenSocket => self.open_socket(),
            Effect::DropSocket => self.socket = None,
            Effect::Send(message) => {
                if let Some(socket) = &self.socket {
                    socket.send(&message);
                }
            }
            Effect::PrepareMiner(cost) => self.pool.prepare(cost),
            Effect::StartMiner { job, workers } => {
                self.begin_generation();
                self.pool.start(job, workers);
            }
            Effect::ReplaceJob(job) => {
                self.begin_generation();
                self.pool.replace_job(job);
            }
            Effect::SetWorkers(workers) => self.pool.set_workers(workers),
            Effect::StopMiner => {
                self.begin_generation();
                self.pool.stop();
            }
            Effect::RememberWorkers(workers) => storage::write(storage::WORKERS, &workers.to_string()),
            Effect::Submit { round, submission } => {
                let (path, body) = ("/api/verify".into(), json(&submission));
                self.ask(Request { path, body, seconds: SUBMISSION_SECONDS, ..Request::default() }, move |answer| {
                    Arrival::Event(Event::Answered { round, result: parse(answer) })
                });
            }
            Effect::Write(note) => self.write(note),
        }
    }

    /// Asks the server beside the loop; what `read` makes of the answer comes back.
    fn ask(&self, request: Request, read: impl FnOnce(Answer) -> Arrival + 'static) {
        self.ask_boxed(request, Box::new(read));
    }

    /// Boxed, so that the code of waiting is there only once.
    fn ask_boxed(&self, request: Request, read: Box<dyn FnOnce(Answer) -> Arrival>) {
        let events = self.events.clone();
        spawn_local(async move {
            let Request { path, body, stamp, seconds } = request;
            send(&events, read(request::text(&path, body.as_deref(), stamp.as_deref(), seconds).await));
        });
    }

    fn open_socket(&mut self) {
        self.connection += 1;
        let (connection, events) = (self.connection, self.events.clone());
        self.socket = Socket::open(move |event| {
            let event = match event {
                SocketEvent::Lobby(id, event) => {
                    let event = crate::lobby_client::Event::Heard { id, event };
                    return send(&events, Arrival::SocketLobby { connection, event });
                }
                SocketEvent::Opened => Event::SocketOpened,
                SocketEvent::Heard(message) => Event::Heard(message),
                SocketEvent::Closed => Event::SocketClosed,
            };
            send(&events, Arrival::Socket { connection, event });
        });
        if self.socket.is_none() {
            send(&self.events, Arrival::Socket { connection, event: Event::SocketClosed });
        }
    }

    fn begin_generation(&self) {
        self.generation.set(self.generation.get() + 1);
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

/// The queue lives as long as the page; there is nobody to tell if it does not.
fn send(events: &UnboundedSender<Arrival>, arrival: Arrival) {
    drop(events.unbounded_send(arrival));
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
