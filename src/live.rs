//! Everybody who is connected, what they report, and what they are told.
//!
//! Each connection is a task of its own that sends the newest announcement and
//! the newest figures, never a backlog: a reader that does not keep up misses
//! intermediate values and delays nobody. Every broadcast is serialised once and
//! shared. Who counts as a miner is the race's to say; the figures are bounded per
//! network.

mod bounds;
mod chat;
mod events;
pub mod polling;

pub use chat::Chat;
pub use events::{Event, Events};

use crate::{
    clock::Clock,
    gate::network::Network,
    identity::session::{Session, SessionId},
    identity::sessions::Sessions,
    lock::lock,
    race::{Announcement, Race, ShareError, ShareVerdict},
};
use app::wire::{Figures, RoundView, ServerMessage, Share};
use bounds::bounded_sum;
use events::Reset;
use puzzle::proof::ProofInterval;
use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, UNIX_EPOCH},
};
use tokio::sync::watch;

/// A reported rate counts for this long.
const RATE_LIFETIME: Duration = Duration::from_secs(10);

/// Between two broadcasts of the figures.
const FIGURES_INTERVAL: Duration = Duration::from_secs(2);

/// Between two looks at what time has brought about in the race.
const TICK: Duration = Duration::from_millis(200);

/// The highest rate that is believed of one connection, in hashes per second.
pub const HIGHEST_RATE: f64 = 100_000.0;

/// A cheap handle to everybody who is connected.
#[derive(Clone)]
pub struct Live {
    shared: Arc<Shared>,
}

struct Shared {
    race: Race,
    sessions: Arc<Sessions>,
    proof_interval: ProofInterval,
    clock: Arc<dyn Clock>,
    connections: Mutex<Connections>,
    /// The newest figures, serialised.
    figures: watch::Sender<Arc<str>>,
    /// The newest announcement, serialised.
    resets: watch::Sender<Reset>,
    /// The same for the rest of the server, a moment later.
    announced: watch::Sender<Announcement>,
    /// True once the server stops.
    stopping: watch::Sender<bool>,
}

#[derive(Debug)]
struct Connections {
    last_id: u64,
    by_id: HashMap<u64, Connection>,
    /// What everybody was told last.
    gathered: Figures,
}

#[derive(Debug)]
struct Connection {
    session: SessionId,
    network: Network,
    mining: bool,
    /// Hashes per second, and when that was reported.
    rate: Option<(f64, Duration)>,
}

/// A session among the connected, until it is dropped.
#[derive(Debug)]
pub struct Presence {
    live: Live,
    id: u64,
    session: Session,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

impl Live {
    /// Nobody is connected yet. [`Live::run`] must run for anything to be told.
    pub fn new(race: Race, sessions: Arc<Sessions>, proof_interval: ProofInterval, clock: Arc<dyn Clock>) -> Self {
        let announcement = *race.announcements().borrow();
        let reset = reset(announcement, &race);
        let shared = Shared {
            race,
            sessions,
            proof_interval,
            clock,
            connections: Mutex::new(Connections { last_id: 0, by_id: HashMap::new(), gathered: Figures::default() }),
            figures: watch::Sender::new("".into()),
            resets: watch::Sender::new(reset),
            announced: watch::Sender::new(announcement),
            stopping: watch::Sender::new(false),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The figures as everybody was told them last, but for the number of those
    /// online, which is that of this moment. Gathering takes time in proportion to
    /// all who mine: whoever comes in must not cause it, or a crowd that comes back
    /// after a restart would keep itself out.
    pub fn figures(&self) -> Figures {
        let connections = self.lock();
        Figures { online: count(connections.by_id.len()), ..connections.gathered }
    }

    fn gather_figures(&self) -> Figures {
        let now = self.shared.clock.now();
        let mut connections = self.lock();
        connections.gathered = connections.figures(&self.shared.race, now);
        connections.gathered
    }

    /// How many are connected.
    pub fn online(&self) -> u32 {
        count(self.lock().by_id.len())
    }

    /// Passes on what happens until the server stops.
    pub async fn run(self) {
        let mut announcements = self.shared.race.announcements();
        let mut figures = tokio::time::interval(FIGURES_INTERVAL);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut stopping = self.shared.stopping.subscribe();
        loop {
            tokio::select! {
                // Resets first: whoever waits for one waits for the race itself.
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => return,
                changed = announcements.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let announcement = *announcements.borrow_and_update();
                    self.shared.resets.send_replace(reset(announcement, &self.shared.race));
                    self.shared.announced.send_replace(announcement);
                }
                _ = tick.tick() => self.shared.race.tick(),
                _ = figures.tick() => {
                    self.shared.figures.send_replace(self.figures_message());
                    self.shared.race.forget_miners();
                }
            }
        }
    }

    /// The announcements as they go out: one comes here after it was handed to
    /// everybody who is connected.
    pub fn announced(&self) -> watch::Receiver<Announcement> {
        self.shared.announced.subscribe()
    }

    /// Closes every connection with 1012, "service restart".
    pub fn stop(&self) {
        self.shared.stopping.send_replace(true);
    }

    fn figures_message(&self) -> Arc<str> {
        let Figures { online, active_miners, total_hashrate } = self.gather_figures();
        let since_1970 = self.shared.clock.time_of_day().duration_since(UNIX_EPOCH).unwrap_or_default();
        let timestamp = since_1970.as_secs_f64();
        let RoundView { round, mining_time, clock_running, .. } = self.shared.race.view();
        message(&ServerMessage::NetworkHashrate {
            total_hashrate,
            active_miners,
            online,
            timestamp,
            round,
            mining_time,
            clock_running,
        })
        .into()
    }

    /// A session comes in from `address`.
    pub fn join(&self, session: Session, address: IpAddr) -> Presence {
        let mut connections = self.lock();
        connections.last_id += 1;
        let id = connections.last_id;
        let connection = Connection { session: session.id.clone(), network: address.into(), mining: false, rate: None };
        connections.by_id.insert(id, connection);
        Presence { live: self.clone(), id, session }
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        lock(&self.shared.connections)
    }
}

impl Connections {
    /// The figures of this moment.
    fn figures(&self, race: &Race, now: Duration) -> Figures {
        let mining: Vec<&Connection> = self.by_id.values().filter(|connection| connection.mining).collect();
        let counting = race.networks_of_miners(mining.iter().map(|connection| &connection.session));
        let mut networks: HashMap<Network, (HashSet<&SessionId>, f64)> = HashMap::new();
        for (connection, network) in mining.into_iter().zip(counting) {
            let Some(network) = network else { continue };
            let (miners, rate) = networks.entry(network).or_default();
            miners.insert(&connection.session);
            *rate += connection.rate.filter(|(_, at)| now < *at + RATE_LIFETIME).map_or(0.0, |(rate, _)| rate);
        }
        let strength = |(network, (miners, rate)): (Network, (HashSet<_>, f64))| (network, (miners.len(), rate));
        let (miners, total_hashrate) = bounded_sum(networks.into_iter().map(strength).collect());
        Figures { online: count(self.by_id.len()), active_miners: count(miners), total_hashrate }
    }

    fn set_mining(&mut self, race: &Race, id: u64, mining: bool) {
        let Some(connection) = self.by_id.get_mut(&id).filter(|connection| connection.mining != mining) else { return };
        connection.mining = mining;
        connection.rate = None;
        if mining {
            race.start_mining(&connection.session, connection.network);
        } else {
            race.stop_mining(&connection.session);
        }
    }
}

impl Presence {
    /// The moment, on the clock of everybody who is connected.
    pub fn now(&self) -> Duration {
        self.live.shared.clock.now()
    }

    /// How many are connected.
    pub fn online(&self) -> u32 {
        self.live.online()
    }

    /// How things stand, and what happens from then on.
    pub fn listen(&self) -> (ServerMessage, Events) {
        let shared = &self.live.shared;
        // Subscribed before the snapshot is taken: nothing falls between the two.
        let (resets, figures) = (shared.resets.subscribe(), shared.figures.subscribe());
        // Read first: what changes meanwhile is told again rather than not at all.
        let told_drop = shared.race.announcements().borrow().drop;
        let (round, drop) = (shared.race.view(), Box::new(shared.race.drop_news()));
        let events =
            Events { told: round.round, told_drop, next: None, resets, figures, stopping: shared.stopping.subscribe() };
        let proof_interval = shared.proof_interval.get().as_secs_f64();
        (ServerMessage::Puzzle { round, figures: self.live.figures(), proof_interval, drop }, events)
    }

    /// Something was heard on the connection: its session is in use.
    pub fn touch(&self) {
        self.live.shared.sessions.touch(&self.session.client);
    }

    /// True if its session has shown work.
    pub fn has_shown_work(&self) -> bool {
        self.live.shared.sessions.is_proven(&self.session.id)
    }

    /// Says whether this connection's device mines.
    pub fn set_mining(&self, mining: bool) {
        self.live.lock().set_mining(&self.live.shared.race, self.id, mining);
    }

    /// Takes a share of the session in. `None` if there is nothing to wait for: it is of
    /// a round that is over, it came too soon, or there is no time to compute it.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn take_share(&self, share: &Share) -> Result<Option<ShareVerdict>, ShareError> {
        let Shared { race, sessions, .. } = &*self.live.shared;
        let Some(challenge) = race.share_challenge(share)? else { return Ok(None) };
        sessions.bind_visitor(&self.session, &share.visitor_id).map_err(|_| ShareError::OtherVisitor)?;
        race.take_share(&self.session.id, share, challenge)
    }

    /// Takes note of the device's rate, in hashes per second.
    pub fn report_rate(&self, rate: f64) {
        let now = self.live.shared.clock.now();
        if let Some(connection) = self.live.lock().by_id.get_mut(&self.id) {
            connection.rate = Some((rate, now));
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut connections = self.live.lock();
        connections.set_mining(&self.live.shared.race, self.id, false);
        connections.by_id.remove(&self.id);
    }
}

/// An announcement with its messages.
fn reset(announcement: Announcement, race: &Race) -> Reset {
    Reset {
        announcement,
        message: reset_message(&announcement, race),
        drop_message: message(&ServerMessage::Drop(race.drop_news().into())).into(),
    }
}

/// The announced round as it stands now, its clock too: pages hand in by it. Should
/// a newer round have been announced meanwhile, nothing is said of the clock.
fn reset_message(announcement: &Announcement, race: &Race) -> Arc<str> {
    let view = Some(race.view()).filter(|view| view.round == announcement.round);
    message(&ServerMessage::PuzzleReset {
        round: view.unwrap_or_else(|| announcement.view(Duration::ZERO, false)),
        reason: announcement.reason,
        solve_time: announcement.solve_time.map(|time| time.as_secs_f64()),
    })
    .into()
}

/// A message as it travels.
pub fn message(message: &ServerMessage) -> String {
    // Our own types with finite numbers: serialising them cannot fail.
    serde_json::to_string(message).unwrap_or_default()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
