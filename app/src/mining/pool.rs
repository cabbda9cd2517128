//! The pool: carries out in the browser what the crew decides.
//!
//! All of this runs on the page's thread, but one call can happen inside another: the
//! page may call the pool from inside `on_event`, and a worker is dropped from inside
//! its own callback. Hence one rule: decisions are made under a borrow and carried out
//! from a queue without one.
//!
//! The pool needs timers only to find workers that fell silent, so mining goes on
//! in a background tab, where timers hardly run.

use super::{
    crew::{Crew, Effect, WorkerId},
    event::PoolEvent,
};
use crate::inbox::Source;
use gloo_timers::future::TimeoutFuture;
use gloo_worker::{Spawnable, WorkerBridge};
use miner::{Job, Miner, Postcard};
use puzzle::{Cost, Nonce};
use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    rc::Rc,
    time::Duration,
};
use wasm_bindgen::{JsCast, closure::Closure};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{BroadcastChannel, Response};

/// The smallest module that only a browser with SIMD accepts: one function that
/// counts the bits of a vector.
const SIMD_MODULE: [u8; 31] =
    [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];

/// The loader for this browser: `simd` where it can run that, otherwise `scalar`.
pub fn loader_url<'a>(simd: &'a str, scalar: &'a str) -> &'a str {
    let module = js_sys::Uint8Array::from(SIMD_MODULE.as_slice());
    if js_sys::WebAssembly::validate(&module).unwrap_or(false) { simd } else { scalar }
}

/// The time since the page was loaded: monotonic, and right after the clock was set.
pub fn page_time() -> Duration {
    let milliseconds = web_sys::window().and_then(|window| window.performance()).map_or(0.0, |clock| clock.now());
    Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default()
}

/// The workers of this page.
///
/// All methods return at once; what comes of them is told to `on_event`, which may
/// call the pool again. Clones are the same pool; with the last one the workers end.
#[derive(Clone)]
pub struct MinerPool(Rc<Inner>);

/// Hears what the pool tells, and from which generation of it.
type OnEvent = Box<dyn Fn(&Source, PoolEvent)>;

struct Inner {
    loader_url: String,
    on_event: OnEvent,
    /// What the crew does now: an event of an earlier generation is stale.
    source: Source,
    crew: RefCell<Crew>,
    workers: RefCell<HashMap<WorkerId, Worker>>,
    /// Decided and not yet carried out.
    effects: RefCell<VecDeque<Effect>>,
    /// True while a caller up the stack carries out the effects.
    busy: Cell<bool>,
    /// True while the seconds are counted.
    counting: Cell<bool>,
}

/// What connects the page with one worker.
struct Worker {
    bridge: WorkerBridge<Miner>,
    _load_failure: Option<LoadFailureChannel>,
}

/// The channel in which a worker's loader says that it could not start the miner.
///
/// The bridge is of no use for that: only the miner itself can speak on it. The
/// channel is named by the fragment of the worker's address, which the loader can read.
struct LoadFailureChannel {
    channel: BroadcastChannel,
    _on_message: Closure<dyn FnMut()>,
}

impl LoadFailureChannel {
    /// `None` in browsers without such channels: then the watchdog must do.
    fn listen(name: &str, on_message: impl FnMut() + 'static) -> Option<Self> {
        let channel = BroadcastChannel::new(name).ok()?;
        let on_message = Closure::new(on_message);
        channel.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        Some(Self { channel, _on_message: on_message })
    }
}

impl Drop for LoadFailureChannel {
    fn drop(&mut self) {
        self.channel.set_onmessage(None);
        self.channel.close();
    }
}

impl std::fmt::Debug for MinerPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MinerPool").field("crew", &self.0.crew).finish_non_exhaustive()
    }
}

impl MinerPool {
    /// A pool without workers yet. `loader_url` is the worker's loader, see
    /// [`loader_url`]; it must be of the page's own origin. `on_event` also gets the
    /// source of the event, which begins anew with every start, stop and new job.
    pub fn new(loader_url: String, on_event: impl Fn(&Source, PoolEvent) + 'static) -> Self {
        Self(Rc::new(Inner {
            loader_url,
            on_event: Box::new(on_event),
            source: Source::default(),
            crew: RefCell::default(),
            workers: RefCell::default(),
            effects: RefCell::default(),
            busy: Cell::new(false),
            counting: Cell::new(false),
        }))
    }

    /// Loads one worker and has it allocate its memory, while the visitor reads.
    /// Failures are not reported: the start tries again.
    pub fn prepare(&self, cost: Cost) {
        self.0.act(|crew| crew.prepare(cost, page_time()));
    }

    /// Mines `job` with so many workers, at least one. Also right while mining or
    /// starting: nothing is ever mined twice. The job that was mined before the
    /// last stop goes on where it stopped, and its best hash counts.
    pub fn start(&self, job: Job, workers: usize) {
        self.0.act(|crew| crew.start(job, workers, random_nonce(), page_time()));
    }

    /// Goes on with another job: from each worker's next batch on. What is still
    /// computed for the old one is dropped. Without effect while stopped.
    pub fn replace_job(&self, job: Job) {
        self.0.act(|crew| crew.replace_job(job, random_nonce(), page_time()));
    }

    /// Mines with so many workers from now on, at least one. While stopped it only
    /// ends workers that are too many.
    pub fn set_workers(&self, workers: usize) {
        self.0.act(|crew| crew.set_workers(workers, page_time()));
    }

    /// Stops: no further batch begins, the present ones are dropped, and no
    /// progress is reported any more. The workers stay, with their memory.
    pub fn stop(&self) {
        self.0.act(Crew::stop);
    }
}

impl Inner {
    /// Makes a decision and carries it out, unless a caller up the stack will.
    fn act(self: &Rc<Self>, decide: impl FnOnce(&mut Crew)) {
        let effects = {
            let mut crew = self.crew.borrow_mut();
            decide(&mut crew);
            self.source.advance_to(crew.generation());
            crew.take_effects()
        };
        self.effects.borrow_mut().extend(effects);
        if self.busy.replace(true) {
            return;
        }
        loop {
            let next = self.effects.borrow_mut().pop_front();
            let Some(effect) = next else { break };
            self.carry_out(effect);
        }
        self.busy.set(false);
        self.count_seconds();
    }

    fn carry_out(self: &Rc<Self>, effect: Effect) {
        match effect {
            Effect::Spawn(id) => {
                let worker = self.spawn(id);
                self.workers.borrow_mut().insert(id, worker);
                self.probe(id);
            }
            Effect::Send(id, request) => {
                if let Some(worker) = self.workers.borrow().get(&id) {
                    worker.bridge.send(request);
                }
            }
            Effect::Dismiss(id) => {
                // The worker ends when its bridge is dropped, after its present batch.
                let worker = self.workers.borrow_mut().remove(&id);
                drop(worker);
            }
            Effect::Report(event) => (self.on_event)(&self.source, event),
        }
    }

    fn spawn(self: &Rc<Self>, id: WorkerId) -> Worker {
        let name = format!("#{}", random_nonce());
        let pool = Rc::downgrade(self);
        let load_failure = LoadFailureChannel::listen(&name, move || {
            if let Some(pool) = pool.upgrade() {
                pool.act(|crew| crew.load_failed(id));
            }
        });
        let pool = Rc::downgrade(self);
        let bridge = Miner::spawner()
            .encoding::<Postcard>()
            .callback(move |reply| {
                if let Some(pool) = pool.upgrade() {
                    pool.act(|crew| crew.heard(id, reply, page_time()));
                }
            })
            .with_loader(true)
            .as_module(true)
            .spawn(&format!("{}{name}", self.loader_url));
        Worker { bridge, _load_failure: load_failure }
    }

    /// Fetches the worker's loader beside the worker: a worker whose loader cannot be
    /// fetched says nothing, and the visitor should not wait ten seconds to learn that.
    fn probe(self: &Rc<Self>, id: WorkerId) {
        let Some(window) = web_sys::window() else { return };
        let answer = JsFuture::from(window.fetch_with_str(&self.loader_url));
        let pool = Rc::downgrade(self);
        spawn_local(async move {
            let answer = answer.await.ok().and_then(|answer| answer.dyn_into::<Response>().ok());
            if !answer.is_some_and(|answer| answer.ok())
                && let Some(pool) = pool.upgrade()
            {
                pool.act(|crew| crew.load_failed(id));
            }
        });
    }

    /// Counts seconds for as long as a worker is waited for.
    fn count_seconds(self: &Rc<Self>) {
        if !self.crew.borrow().is_waiting() || self.counting.replace(true) {
            return;
        }
        let pool = Rc::downgrade(self);
        spawn_local(async move {
            loop {
                TimeoutFuture::new(1000).await;
                let Some(pool) = pool.upgrade() else { return };
                pool.act(Crew::second_passed);
                if !pool.crew.borrow().is_waiting() {
                    pool.counting.set(false);
                    return;
                }
            }
        });
    }
}

/// Where a job's nonces begin: at random, so that two pages of one visitor do not
/// do the same work.
fn random_nonce() -> Nonce {
    // A double below 1 has 53 bits, and so has a nonce.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let number = (js_sys::Math::random() * (1u64 << 53) as f64) as u64;
    Nonce::new(number).unwrap_or(Nonce::MAX)
}
