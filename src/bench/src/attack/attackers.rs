//! Those who do their worst.
//!
//! What they send is made before it is sent, and their pace is kept by permits, so
//! that they cost the machine that they share with the server as little as they can.

mod sockets;

use crate::{
    BenchError, Result,
    client::{Connection, Visitor},
};
use puzzle::{Hash, Nonce, Seed, TraceData};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};

/// How strong the attackers are.
#[derive(Clone, Copy, Debug)]
pub struct Force {
    /// Their sessions.
    pub sessions: usize,
    /// How many requests a second the paced attacks send.
    pub pace: usize,
    /// Connections of an attack by submissions: those whose hash is computed wait
    /// long.
    pub connections: usize,
    /// Connections of each kind that an attack by connections holds.
    pub held: usize,
}

impl Force {
    /// What the report's words say.
    pub const fn full(sessions: usize) -> Self {
        Self { sessions, pace: 1_000, connections: 512, held: 1_000 }
    }
}

/// Sessions that share an address, well within what one address may open in an hour.
const SESSIONS_OF_AN_ADDRESS: usize = 20;

/// What somebody can do to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// Claims that show themselves to be wrong.
    WeakHashes,
    /// Claims that look right, from one address.
    FalseHashesOfOneAddress,
    /// Claims that look right, from many addresses.
    FalseHashesOfMany,
    /// The same without a pause.
    FalseHashesWithoutPause,
    /// Bodies that are too large.
    HugeBodies,
    /// Heads and bodies that never end.
    HalfOpen,
    /// Connections that are never read.
    Stalled,
}

impl Attack {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::WeakHashes,
        Self::FalseHashesOfOneAddress,
        Self::FalseHashesOfMany,
        Self::FalseHashesWithoutPause,
        Self::HugeBodies,
        Self::HalfOpen,
        Self::Stalled,
    ];

    /// What it is called in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WeakHashes => "weak hashes, 1,000/s",
            Self::FalseHashesOfOneAddress => "false hashes of one address, 1,000/s",
            Self::FalseHashesOfMany => "false hashes of many, 1,000/s",
            Self::FalseHashesWithoutPause => "false hashes of many, without a pause",
            Self::HugeBodies => "huge bodies, 1,000/s",
            Self::HalfOpen => "half-open connections",
            Self::Stalled => "stalled sockets",
        }
    }

    /// What it is.
    pub const fn explained(self) -> &'static str {
        match self {
            Self::WeakHashes => {
                "claims that are not below the target, from 20 sessions of one address; refused without a hash."
            }
            Self::FalseHashesOfOneAddress => {
                "claims below the target whose nonce does not have them, from 20 sessions of one address; each one \
                 that is looked at costs the server a hash and its session a wait."
            }
            Self::FalseHashesOfMany => {
                "the same from all the sessions there are, 20 of an address, each used in turn: the worst that the \
                 limits of sessions and addresses let pass."
            }
            Self::FalseHashesWithoutPause => {
                "the same, each of 64 connections sending as soon as it has its answer; the attackers take as much of \
                 the machine as they can get."
            }
            Self::HugeBodies => "submissions that announce 16 MiB and send 64 KiB, each on a connection of its own.",
            Self::HalfOpen => {
                "1,000 connections whose head never ends and 1,000 whose body never comes, opened anew as soon as the \
                 server cuts them."
            }
            Self::Stalled => {
                "1,000 live connections that read nothing and 1,000 connections that ask for fifty pages each and \
                 read none of them, opened anew every 30 seconds."
            }
        }
    }
}

/// What attackers did and were told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were answered, or connections that were made.
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
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    force: Force,
    sessions: Vec<(Visitor, TraceData)>,
    /// The running round's, as far as it is known.
    seed: Mutex<Seed>,
    /// Counts up with every submission: whose turn it is, and a nonce.
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
        std::mem::take(&mut *self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Stranger {
    /// Opens the sessions, as many from an address as an address has no trouble with.
    ///
    /// # Errors
    /// [`BenchError`].
    pub async fn new(server: SocketAddr, force: Force) -> Result<Self> {
        let mut connection = Connection::open(server).await?;
        let mut opened = Vec::with_capacity(force.sessions);
        for number in 0..force.sessions {
            let network = number / SESSIONS_OF_AN_ADDRESS;
            let address = format!("10.{}.{}.1", network / 256, network % 256);
            let visitor = Visitor::new(server, Some(&address))?.pass_check(&mut connection).await?;
            let trace = format!("fl=0\nip={address}\nts=0\n");
            let trace = trace.parse().map_err(|_| BenchError::Answer(format!("this is no trace: {trace}")))?;
            opened.push((visitor, trace));
        }
        let Some((first, _)) = opened.first() else {
            return Err(BenchError::Answer("an attack needs a session".to_owned()));
        };
        let seed = first.round(&mut connection).await?.seed;
        let shared = Shared {
            server,
            force,
            sessions: opened,
            seed: Mutex::new(seed),
            turn: AtomicUsize::new(0),
            nonce: AtomicU64::new(0),
            counts: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Begins an attack.
    pub fn attack(&self, attack: Attack) -> Attackers {
        let mut tasks = JoinSet::new();
        let all = 0..self.shared.sessions.len();
        let one_address = 0..SESSIONS_OF_AN_ADDRESS.min(self.shared.sessions.len());
        let (weak, right_looking) = (Hash::from_bytes([0xff; 32]), Hash::from_bytes([0; 32]));
        match attack {
            Attack::WeakHashes => self.submit(&mut tasks, weak, one_address, true),
            Attack::FalseHashesOfOneAddress => self.submit(&mut tasks, right_looking, one_address, true),
            Attack::FalseHashesOfMany => self.submit(&mut tasks, right_looking, all, true),
            Attack::FalseHashesWithoutPause => self.submit(&mut tasks, right_looking, all, false),
            Attack::HugeBodies => sockets::huge_bodies(&mut tasks, &self.shared),
            Attack::HalfOpen => sockets::half_open(&mut tasks, &self.shared),
            Attack::Stalled => sockets::stalled(&mut tasks, &self.shared),
        }
        Attackers { tasks, shared: self.shared.clone() }
    }

    fn submit(&self, tasks: &mut JoinSet<()>, hash: Hash, sessions: Range<usize>, paced: bool) {
        let Force { connections, pace: rate, .. } = self.shared.force;
        let pace = paced.then(|| pace(tasks, rate));
        for _ in 0..if paced { connections } else { connections / 8 } {
            let (shared, sessions, pace) = (self.shared.clone(), sessions.clone(), pace.clone());
            tasks.spawn(async move {
                // A connection that the server closed is opened anew.
                loop {
                    let _ = shared.submit_for_ever(hash, &sessions, pace.as_deref()).await;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
        }
    }
}

/// Permits for `rate` requests a second; those that nobody takes within a second are
/// lost.
fn pace(tasks: &mut JoinSet<()>, rate: usize) -> Arc<Semaphore> {
    let permits = Arc::new(Semaphore::new(0));
    let released = permits.clone();
    tasks.spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Instant::now();
        let mut owed = 0.0;
        loop {
            let now = ticks.tick().await;
            owed += (now - last).as_secs_f64() * rate as f64;
            last = now;
            let whole = owed as usize;
            owed -= whole as f64;
            let room = rate.saturating_sub(released.available_permits());
            released.add_permits(whole.min(room));
        }
    });
    permits
}

/// Waits for one's turn.
async fn take(pace: Option<&Semaphore>) {
    if let Some(pace) = pace
        && let Ok(permit) = pace.acquire().await
    {
        permit.forget();
    }
}

impl Shared {
    async fn submit_for_ever(&self, hash: Hash, sessions: &Range<usize>, pace: Option<&Semaphore>) -> Result<()> {
        let mut connection = Connection::open(self.server).await?;
        loop {
            take(pace).await;
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let (visitor, trace) = &self.sessions[sessions.start + turn % sessions.len()];
            let seed = *self.seed.lock().unwrap_or_else(PoisonError::into_inner);
            let nonce = self.nonce.fetch_add(1, Ordering::Relaxed);
            let nonce = Nonce::new(nonce).map_err(|error| BenchError::Answer(error.to_string()))?;
            let body = visitor.submission(&seed, trace, nonce, &hash);
            let answer = connection.send(visitor.post("/api/verify", body)).await?;
            self.note(answer.status.as_u16(), &answer.body);
        }
    }

    /// Counts an answer and learns the round from it, if it tells.
    fn note(&self, status: u16, body: &[u8]) {
        let told: serde_json::Value = match status {
            400 | 409 => serde_json::from_slice(body).unwrap_or_default(),
            _ => serde_json::Value::Null,
        };
        if let Some(seed) = told["seed"].as_str().and_then(|seed| seed.parse().ok()) {
            *self.seed.lock().unwrap_or_else(PoisonError::into_inner) = seed;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.absorbed += 1;
        counts.hashed += u64::from(told["code"] == "hash_mismatch");
        *counts.by_status.entry(status).or_default() += 1;
    }

    /// Counts a connection that was made.
    fn note_connection(&self) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).absorbed += 1;
    }
}
