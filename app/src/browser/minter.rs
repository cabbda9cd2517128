//! Mints stamps in a worker of its own: the miner's program, which needs no memory
//! for that. It is spawned when a stamp is needed for the first time.
//!
//! Like the miners, it is asked for one bounded batch at a time, so that a search
//! that is given up ends by itself. One search at a time; the others wait.
//!
//! Where no worker comes up (something blocks its script, or the device has no room
//! for one more), the browser's own cryptography does it from then on, much slower.

use crate::{
    mining::page_time,
    scene::{MintEvent, Proof},
};
use gloo_timers::future::TimeoutFuture;
use gloo_worker::{Spawnable, WorkerBridge};
use miner::{Miner, Postcard, Reply, Request};
use puzzle::stamp::Prefix;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::Duration,
};
use wasm_bindgen_futures::spawn_local;

mod web_crypto;

/// How long a batch should take.
const BATCH_TIME: Duration = Duration::from_millis(150);

/// The first batch, in tries.
const FIRST_BATCH: u32 = 1 << 15;

/// The largest one.
const LARGEST_BATCH: u32 = 1 << 24;

/// A worker that does not answer for so many milliseconds is given up.
const LONGEST_SILENCE: u32 = 15_000;

/// What a search is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// The race's session stamp.
    Race,
    /// One of the lobby's stamps, by the lobby's own number.
    Lobby(u64),
}

/// The minting worker. Clones are the same one.
#[derive(Clone)]
pub struct Minter(Rc<Inner>);

struct Inner {
    loader_url: String,
    tell: Box<dyn Fn(Search, MintEvent)>,
    bridge: RefCell<Option<WorkerBridge<Miner>>>,
    searches: RefCell<VecDeque<Running>>,
    /// A batch is with the worker.
    busy: Cell<bool>,
    /// True if that batch belongs to the first search.
    is_firsts: Cell<bool>,
    asked_at: Cell<Duration>,
    batch: Cell<u32>,
    /// Counts batches, for the watchdog.
    batches: Cell<u64>,
    /// The worker said nothing when it was asked.
    has_no_worker: Cell<bool>,
}

struct Running {
    search: Search,
    prefix: Prefix,
    proof: Proof,
}

impl Minter {
    /// A minter without a worker yet.
    pub fn new(loader_url: String, tell: impl Fn(Search, MintEvent) + 'static) -> Self {
        Self(Rc::new(Inner {
            loader_url,
            tell: Box::new(tell),
            bridge: RefCell::default(),
            searches: RefCell::default(),
            busy: Cell::new(false),
            is_firsts: Cell::new(false),
            asked_at: Cell::default(),
            batch: Cell::new(FIRST_BATCH),
            batches: Cell::new(0),
            has_no_worker: Cell::new(false),
        }))
    }

    /// Searches for a stamp; what comes of it is told.
    pub fn search(&self, search: Search, prefix: Prefix) {
        let proof = Proof { bits: prefix.bits().get(), ..Proof::default() };
        self.0.searches.borrow_mut().push_back(Running { search, prefix, proof });
        self.0.ask();
    }

    /// Gives up a search.
    pub fn cancel(&self, search: Search) {
        let mut searches = self.0.searches.borrow_mut();
        if searches.front().is_some_and(|first| first.search == search) {
            // The batch under way belongs to nobody.
            self.0.is_firsts.set(false);
        }
        searches.retain(|waiting| waiting.search != search);
    }
}

impl Inner {
    fn ask(self: &Rc<Self>) {
        if self.busy.get() {
            return;
        }
        let Some(prefix) = self.searches.borrow().front().map(|first| first.prefix.clone()) else { return };
        self.busy.set(true);
        self.is_firsts.set(true);
        self.asked_at.set(page_time());
        if self.has_no_worker.get() {
            return self.mint_without_worker(prefix);
        }
        let bridge = self.bridge.borrow_mut().take().unwrap_or_else(|| self.spawn());
        bridge.send(Request::Mint { prefix, salt: random(), tries: self.batch.get() });
        self.bridge.replace(Some(bridge));
        self.watch();
    }

    fn spawn(self: &Rc<Self>) -> WorkerBridge<Miner> {
        let minter = Rc::downgrade(self);
        Miner::spawner()
            .encoding::<Postcard>()
            .callback(move |reply| {
                if let Some(minter) = minter.upgrade() {
                    minter.heard(reply);
                }
            })
            .with_loader(true)
            .as_module(true)
            .spawn(&format!("{}#minter", self.loader_url))
    }

    fn mint_without_worker(self: &Rc<Self>, prefix: Prefix) {
        let minter = Rc::downgrade(self);
        spawn_local(async move {
            let minted = web_crypto::mint(&prefix, random(), BATCH_TIME).await;
            let Some(minter) = minter.upgrade() else { return };
            match minted {
                Some((tries, stamp)) => minter.minted(tries, stamp),
                None => minter.give_up(),
            }
        });
    }

    fn heard(self: &Rc<Self>, reply: Reply) {
        if let Reply::Minted { tries, stamp } = reply {
            self.minted(tries, stamp);
        }
    }

    fn minted(self: &Rc<Self>, tries: u64, stamp: Option<String>) {
        self.busy.set(false);
        let took = page_time().saturating_sub(self.asked_at.get());
        self.fit_batch(tries, took, stamp.is_some());
        let told = if self.is_firsts.get() { self.count(tries, took, stamp) } else { None };
        self.ask();
        if let Some((search, event)) = told {
            (self.tell)(search, event);
        }
    }

    fn count(&self, tries: u64, took: Duration, stamp: Option<String>) -> Option<(Search, MintEvent)> {
        let mut searches = self.searches.borrow_mut();
        let first = searches.front_mut()?;
        first.proof.tries += tries;
        first.proof.elapsed += took;
        let (search, proof) = (first.search, first.proof);
        let Some(stamp) = stamp else { return Some((search, MintEvent::Progress(proof))) };
        searches.pop_front();
        Some((search, MintEvent::Found(stamp, proof)))
    }

    /// The first batch pays for the worker's coming up, and one that found something
    /// was cut short: neither says much of the speed.
    fn fit_batch(&self, tries: u64, took: Duration, found: bool) {
        if found || took.is_zero() {
            return;
        }
        // Clamped right away.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let fitting = (tries as f64 * BATCH_TIME.as_secs_f64() / took.as_secs_f64()) as u32;
        self.batch.set(fitting.clamp(FIRST_BATCH, LARGEST_BATCH));
    }

    /// Gives the worker up if it does not answer.
    fn watch(self: &Rc<Self>) {
        let batch = self.batches.get() + 1;
        self.batches.set(batch);
        let minter = Rc::downgrade(self);
        spawn_local(async move {
            TimeoutFuture::new(LONGEST_SILENCE).await;
            let Some(minter) = minter.upgrade() else { return };
            if !minter.busy.get() || minter.batches.get() != batch {
                return;
            }
            minter.busy.set(false);
            drop(minter.bridge.borrow_mut().take());
            minter.has_no_worker.set(true);
            minter.ask();
        });
    }

    /// There is nothing to mint with.
    fn give_up(&self) {
        self.busy.set(false);
        let searches = std::mem::take(&mut *self.searches.borrow_mut());
        for waiting in searches {
            (self.tell)(waiting.search, MintEvent::Failed);
        }
    }
}

/// 64 random bits, from two numbers of 32.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn random() -> u64 {
    let half = || (js_sys::Math::random() * f64::from(u32::MAX)) as u64;
    half() << 32 | half()
}
