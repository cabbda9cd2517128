//! Everybody who is connected, what they report, and what they are told.
//!
//! Each connection is a task of its own that sends the newest announcement and
//! the newest figures, never a backlog: a reader that does not keep up misses
//! intermediate values and delays nobody. Every broadcast is serialised once and
//! shared. The mining clock runs while any connection of an admitted session
//! mines.

mod chat;
mod connection;

pub use chat::Chat;
pub use connection::{Greeting, serve};

use crate::host::{
    clock::Clock,
    race::{Announcement, Race, SessionId},
};
use app::wire::{Figures, ServerMessage};
use axum::extract::ws::Utf8Bytes;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
    clock: Arc<dyn Clock>,
    connections: Mutex<Connections>,
    /// The newest figures, serialised.
    figures: watch::Sender<Utf8Bytes>,
    /// The newest announcement, serialised.
    resets: watch::Sender<Reset>,
    /// True once the server stops.
    stopping: watch::Sender<bool>,
}

/// An announcement with its message for everybody.
#[derive(Clone, Debug)]
pub(crate) struct Reset {
    pub(crate) announcement: Announcement,
    message: Utf8Bytes,
}

#[derive(Debug, Default)]
struct Connections {
    last_id: u64,
    by_id: HashMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    session: SessionId,
    mining: bool,
    /// Hashes per second, and when that was reported.
    rate: Option<(f64, Duration)>,
}

/// A place among the connected; gives it up when dropped.
#[derive(Debug)]
struct Place {
    live: Live,
    id: u64,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

impl Live {
    /// Nobody is connected yet. [`Live::run`] must run for anything to be told.
    pub fn new(race: Race, clock: Arc<dyn Clock>) -> Self {
        let announcement = *race.announcements().borrow();
        let reset = Reset { announcement, message: reset_message(&announcement) };
        let shared = Shared {
            race,
            clock,
            connections: Mutex::default(),
            figures: watch::Sender::new(Utf8Bytes::default()),
            resets: watch::Sender::new(reset),
            stopping: watch::Sender::new(false),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The present figures.
    pub fn figures(&self) -> Figures {
        let now = self.shared.clock.now();
        let connections = self.lock();
        let mut miners = HashSet::new();
        let mut total_hashrate = 0.0;
        for connection in connections.by_id.values().filter(|connection| connection.mining) {
            miners.insert(&connection.session);
            if let Some((rate, at)) = connection.rate
                && now < at + RATE_LIFETIME
            {
                total_hashrate += rate;
            }
        }
        Figures { online: count(connections.by_id.len()), active_miners: count(miners.len()), total_hashrate }
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
                    self.shared.resets.send_replace(Reset { announcement, message: reset_message(&announcement) });
                }
                _ = tick.tick() => self.shared.race.tick(),
                _ = figures.tick() => { self.shared.figures.send_replace(self.figures_message()); }
            }
        }
    }

    /// The resets as they go out: whoever hears of one here comes after everybody
    /// who is connected.
    pub(crate) fn resets(&self) -> watch::Receiver<Reset> {
        self.shared.resets.subscribe()
    }

    /// Closes every connection with 1012, "service restart".
    pub fn stop(&self) {
        self.shared.stopping.send_replace(true);
    }

    fn figures_message(&self) -> Utf8Bytes {
        let Figures { online, active_miners, total_hashrate } = self.figures();
        let since_1970 = self.shared.clock.time_of_day().duration_since(UNIX_EPOCH).unwrap_or_default();
        let timestamp = since_1970.as_secs_f64();
        text(&ServerMessage::NetworkHashrate { total_hashrate, active_miners, online, timestamp })
    }

    fn join(&self, session: SessionId) -> Place {
        let mut connections = self.lock();
        connections.last_id += 1;
        let id = connections.last_id;
        connections.by_id.insert(id, Connection { session, mining: false, rate: None });
        Place { live: self.clone(), id }
    }

    /// Changes the connections, then tells the race whether anybody mines, under
    /// one lock: two changes must not reach the race in another order.
    fn change(&self, change: impl FnOnce(&mut HashMap<u64, Connection>)) {
        let mut connections = self.lock();
        change(&mut connections.by_id);
        let anybody = connections.by_id.values().any(|connection| connection.mining);
        self.shared.race.set_mining(anybody);
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn set_mining(&self, mining: bool) {
        self.live.change(|connections| {
            if let Some(connection) = connections.get_mut(&self.id) {
                connection.mining = mining;
                connection.rate = connection.rate.filter(|_| mining);
            }
        });
    }

    fn report_rate(&self, rate: f64) {
        let now = self.live.shared.clock.now();
        if let Some(connection) = self.live.lock().by_id.get_mut(&self.id) {
            connection.rate = Some((rate, now));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.live.change(|connections| {
            connections.remove(&self.id);
        });
    }
}

fn reset_message(announcement: &Announcement) -> Utf8Bytes {
    text(&ServerMessage::PuzzleReset {
        round: announcement.view(Duration::ZERO, true),
        reason: announcement.reason,
        solve_time: announcement.solve_time.map(|time| time.as_secs_f64()),
    })
}

fn text(message: &ServerMessage) -> Utf8Bytes {
    // Our own types with finite numbers: serialising them cannot fail.
    serde_json::to_string(message).unwrap_or_default().into()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
