//! How the lobby starts and stops.

use super::{
    announcer::Announcer,
    guesses::Guesses,
    handle::{Environment, Lobby, Shared},
    passwords::Passwords,
    polling::{ANSWERS_AT_ONCE, places_of_polls},
    restore::restore,
    runtime::OwnRuntime,
    settings::LobbySettings,
    state::Moment,
    store::{Loaded, Store},
};
use crate::{
    clock::{Clock, rfc3339_milliseconds},
    gate::{
        admission::Admission,
        limits::{Bucket, Places, Rate},
    },
    identity::sessions::Sessions,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::{mpsc, watch};

/// Attempts to log in that one network may make at once …
const LOGINS_AT_ONCE: u32 = 5;

/// … and in so long a time: one a second.
const LOGINS_PERIOD: Duration = Duration::from_secs(5);

/// How many wins may wait to be announced; one more is not announced.
const MOST_WAITING_WINS: usize = 64;

/// How many changes of one network may be on their way into the store: of the places in
/// its queue half for the widest network that there is.
const MOST_UNDERWAY_OF_A_NETWORK: usize = 256;

/// The time that the ceiling on new sessions is for.
const HOUR: Duration = Duration::from_secs(3600);

/// How many of so many new sessions one network may open: a sixteenth, unless they are so
/// few that it would be no more than a handful.
fn share_of_network(sessions: u32) -> u32 {
    (sessions / 16).max(sessions.min(10))
}

impl Lobby {
    /// Opens the lobby with what its store has `loaded`. Gives back the announcer as
    /// well, which must run for anything to be told of the race.
    pub fn open(
        settings: &LobbySettings,
        store: Store,
        loaded: Loaded,
        admission: Arc<Admission>,
        sessions: Arc<Sessions>,
        clock: Arc<dyn Clock>,
    ) -> (Self, Announcer) {
        let (wins, receiver) = mpsc::channel(MOST_WAITING_WINS);
        if let Ok(name) = settings.server_name.parse() {
            sessions.reserve(&name);
        }
        let moment = Moment { now: clock.now(), wall: clock.time_of_day() };
        let mut state = restore(loaded, &sessions, moment);
        if let Ok(slot) = store.reserve() {
            state.hand_over(slot).without_waiting();
        }
        let environment = Environment {
            server_name: settings.server_name.clone(),
            motd: Mutex::new(settings.motd.clone()),
            started: rfc3339_milliseconds(moment.wall),
            history: settings.history,
            sessions_per_hour: settings.sessions_per_hour,
            sessions,
        };
        let shared = Shared {
            stamp_shares: Rate::new(store.share_of_stamps(), HOUR, clock.clone()),
            underway: Places::new(MOST_UNDERWAY_OF_A_NETWORK, 0, Duration::ZERO),
            recent: state.recent.clone(),
            present: state.present.clone(),
            ceiling: Mutex::new(Bucket::full(f64::from(settings.sessions_per_hour), moment.now)),
            shares: Rate::new(share_of_network(settings.sessions_per_hour), HOUR, clock.clone()),
            environment,
            state: Mutex::new(state),
            store,
            admission,
            passwords: Passwords::start(),
            guesses: Guesses::new(moment.now),
            logins: Rate::new(LOGINS_AT_ONCE, LOGINS_PERIOD, clock.clone()),
            runtime: OwnRuntime::default(),
            polls: places_of_polls(),
            answers: Mutex::new(Bucket::full(ANSWERS_AT_ONCE, moment.now)),
            wins,
            stopping: watch::Sender::new(false),
            clock,
        };
        let lobby = Self { shared: Arc::new(shared) };
        (lobby, Announcer::new(receiver))
    }

    /// Starts the lobby's own thread; until then its work is done where it is asked for.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub fn start_runtime(&self) -> std::io::Result<()> {
        self.shared.runtime.start()
    }

    /// Has something done on it in the background.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.shared.runtime.spawn(work);
    }

    /// Answers everybody who waits for messages, and writes down what clients have
    /// not fetched.
    pub async fn stop(&self) {
        self.shared.stopping.send_replace(true);
        self.make_good().await;
        self.save_queues().await;
        if self.shared.store.settled().await.is_err() {
            tracing::error!("the lobby's database did not take everything");
        }
    }
}
