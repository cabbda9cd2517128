//! Those who do their worst.
//!
//! What they send costs the machine that they share with the server as little as it can:
//! their pace is kept by permits, and they work on a thread of their own that the system
//! prefers all others to. So an attack without a pause takes what the server and the
//! honest leave, as one from other machines would.

mod crew;
pub mod kinds;
mod live;
pub(crate) mod requests;
mod sockets;

pub(crate) use crew::{Crew, Turns};
pub use kinds::{Attack, Kind, Pace};

use crate::{
    BenchError, Result,
    client::{Connection, Round, Visitor},
    stamp::StampDemand,
    wire,
};
use crew::Background;
use futures::future::try_join_all;
use puzzle::TraceData;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

/// How strong the attackers are.
#[derive(Clone, Copy, Debug)]
pub struct Force {
    /// Their sessions, all of which are in the lobby.
    pub sessions: usize,
    /// How much a second the paced attacks do.
    pub pace: usize,
    /// Connections of an attack whose answers may take long; others have an eighth.
    pub connections: usize,
    /// Connections of each kind that an attack by connections holds.
    pub held: usize,
    /// Live connections of an attack on those.
    pub sockets: usize,
    /// How long an attack lasts before anybody honest is measured.
    pub warm_up: Duration,
}

impl Force {
    /// What the report's words say.
    pub const fn full(sessions: usize) -> Self {
        Self { sessions, pace: 1_000, connections: 512, held: 1_000, sockets: 400, warm_up: Duration::from_secs(2) }
    }
}

/// Sessions that share an address, well within what one address may open in an hour.
const SESSIONS_OF_AN_ADDRESS: usize = 20;

/// So many sessions are in one channel of the lobby.
pub(crate) const MEMBERS_OF_A_CHANNEL: usize = 4_000;

/// How many sessions are opened side by side.
const OPENED_AT_ONCE: usize = 16;

/// What attackers did and were told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were answered, frames that were sent, or connections that were made.
    pub absorbed: u64,
    /// Of these, false hashes that the server computed.
    pub hashed: u64,
    /// Answers by status.
    pub by_status: BTreeMap<u16, u64>,
}

impl Counts {
    /// Adds what others did.
    pub fn add(&mut self, other: Self) {
        self.absorbed += other.absorbed;
        self.hashed += other.hashed;
        for (status, count) in other.by_status {
            *self.by_status.entry(status).or_default() += count;
        }
    }
}

/// Somebody with many sessions and bad intentions.
#[derive(Clone, Debug)]
pub struct Stranger {
    shared: Arc<Shared>,
    background: Arc<Background>,
}

/// What all attackers know.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) server: SocketAddr,
    pub(crate) force: Force,
    sessions: Vec<(Visitor, TraceData)>,
    /// The running round, as far as it is known.
    round: Mutex<Round>,
    /// What a session cost at the last refusal; nothing before the first.
    price: Mutex<Option<StampDemand>>,
    /// Counts up with everything that is sent: whose turn it is, and a nonce.
    turn: AtomicUsize,
    nonce: AtomicU64,
    counts: Mutex<Counts>,
}

/// An attack that is going on; dropping it ends it.
#[derive(Debug)]
pub struct Attackers {
    tasks: JoinSet<()>,
    shared: Arc<Shared>,
}

impl Attackers {
    /// Ends it, and says what was done.
    pub async fn end(mut self) -> Counts {
        self.tasks.shutdown().await;
        std::mem::take(&mut *lock(&self.shared.counts))
    }
}

impl Stranger {
    /// Opens the sessions, as many from an address as an address has no trouble with, and
    /// enters the lobby with all of them.
    ///
    /// # Errors
    /// [`BenchError`].
    pub async fn new(server: SocketAddr, force: Force) -> Result<Self> {
        let each = force.sessions.div_ceil(OPENED_AT_ONCE).max(1);
        let starts = (0..force.sessions).step_by(each);
        let opened = starts.map(|first| open_sessions(server, first..force.sessions.min(first + each)));
        let sessions: Vec<_> = try_join_all(opened).await?.into_iter().flatten().collect();
        let Some((first, _)) = sessions.first() else {
            return Err(BenchError::Answer("an attack needs a session".to_owned()));
        };
        let round = first.round(&mut Connection::open(server).await?).await?;
        let shared = Shared {
            server,
            force,
            sessions,
            round: Mutex::new(round),
            price: Mutex::default(),
            turn: AtomicUsize::new(0),
            nonce: AtomicU64::new(0),
            counts: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared), background: Arc::new(Background::start()?) })
    }

    /// How strong it is.
    pub fn force(&self) -> Force {
        self.shared.force
    }

    /// Begins an attack.
    pub fn attack(&self, attack: Attack) -> Attackers {
        let mut crew = Crew::new(self.shared.clone(), self.background.handle(), attack.pace);
        (attack.kind.begin)(&mut crew);
        Attackers { tasks: crew.into_tasks(), shared: self.shared.clone() }
    }
}

/// Opens the sessions of these numbers, and has each join its channel.
async fn open_sessions(server: SocketAddr, numbers: Range<usize>) -> Result<Vec<(Visitor, TraceData)>> {
    let mut connection = Connection::open(server).await?;
    let mut opened = Vec::with_capacity(numbers.len());
    for number in numbers {
        let network = number / SESSIONS_OF_AN_ADDRESS;
        let address = format!("10.{}.{}.1", network / 256, network % 256);
        let visitor = Visitor::new(server, Some(&address))?.pass_check(&mut connection).await?;
        let trace = format!("fl=0\nip={address}\nts=0\n");
        let trace = trace.parse().map_err(|_| BenchError::Answer(format!("this is no trace: {trace}")))?;
        let join = format!(r#"{{"command":"JOIN","to":"{}"}}"#, channel_of(number));
        connection.send(visitor.post("/api/v1/messages", join)).await?.ok()?;
        opened.push((visitor, trace));
    }
    Ok(opened)
}

/// The channel in which the session of this number is.
pub(crate) fn channel_of(number: usize) -> String {
    format!("#crowd{}", number / MEMBERS_OF_A_CHANNEL)
}

impl Shared {
    /// A number that nobody had before: whose turn it is.
    pub(crate) fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// The number of the session whose turn it is.
    pub(crate) fn number(&self, turn: usize) -> usize {
        turn % self.sessions.len()
    }

    /// The session of this number.
    pub(crate) fn visitor(&self, number: usize) -> &Visitor {
        &self.sessions[number].0
    }

    /// A live connection of the session whose turn it is, from an address of its own.
    async fn live(&self) -> Result<(wire::Live, usize)> {
        let number = self.number(self.next_turn());
        let wire = wire::Wire::open(self.server, wire::address(number as u32)).await?;
        let cookie = self.visitor(number).cookie().unwrap_or_default();
        Ok((wire.into_live(&format!("cookie: {cookie}\r\n")).await?, number))
    }

    /// Counts an answer and learns from it, if it tells something.
    fn note(&self, status: u16, body: &[u8]) {
        let told: serde_json::Value = match status {
            400 | 402 | 409 => serde_json::from_slice(body).unwrap_or_default(),
            _ => serde_json::Value::Null,
        };
        if let Some(seed) = told["seed"].as_str().and_then(|seed| seed.parse().ok()) {
            lock(&self.round).seed = seed;
        }
        if let Ok(demand) = StampDemand::deserialize(&told) {
            *lock(&self.price) = Some(demand);
        }
        let mut counts = lock(&self.counts);
        counts.absorbed += 1;
        counts.hashed += u64::from(told["code"] == "hash_mismatch");
        *counts.by_status.entry(status).or_default() += 1;
    }

    /// Counts so much that was done without an answer of its own.
    pub(crate) fn note_done(&self, much: u64) {
        lock(&self.counts).absorbed += much;
    }

    /// Counts a false hash that was computed.
    fn note_hashed(&self) {
        lock(&self.counts).hashed += 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
