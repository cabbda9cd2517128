//! The lobby: IRC's semantics, for people who wait for a code together.
//!
//! | module | holds |
//! |---|---|
//! | [`channel_name`], [`modes`], [`numeric`], [`envelope`] | the words, read and checked |
//! | `state` | who is here, which channels there are, who hears what |
//! | `commands` | what each command does to that |
//! | `service`, `entry` | the same for whoever is asked over HTTP, WebSocket or anything else |
//! | [`stamps`], `passwords` | what coming in and speaking costs |
//! | [`store`] | what survives a restart |
//! | `herald`, `housekeeping` | news of the race; the passing of time |
//!
//! The lobby knows nothing of HTTP. It decides in memory and writes behind; the
//! race never waits for it, and runs on when its database cannot be opened. Nobody
//! waits for a slow reader: what is said goes into bounded queues, one a client.
//! It never tells an address, a fingerprint, a code or a nonce.

pub mod channel_name;
mod commands;
mod entry;
pub mod envelope;
mod herald;
mod housekeeping;
mod mailbox;
pub mod modes;
pub mod numeric;
mod passwords;
mod seat;
mod service;
mod state;
pub mod store;
mod view;

pub use entry::Opened;
pub use herald::Announcing;
pub use seat::Seat;
pub use service::{Answer, Batch};
pub use state::LOBBY;
pub use view::{ChannelView, MemberView, ServerView, StateView};

use crate::gate::stamps::Stamps;
use crate::{
    clock::{Clock, rfc3339_milliseconds},
    config::LobbyConfig,
    gate::limits::{Bucket, Rate},
    identity::{nick::InvalidNick, sessions::Sessions},
    lock::lock,
    race::SessionId,
};
use envelope::MalformedEnvelope;
use passwords::Passwords;
use puzzle::stamp::Rejection;
use state::{Moment, State};
use std::{
    sync::{Arc, Mutex, MutexGuard, atomic::AtomicUsize},
    time::Duration,
};
use store::{Store, StoreError};
use tokio::sync::{mpsc, watch};

/// How many clients may wait for messages at once.
const MOST_POLLERS: usize = 20_000;

/// Attempts to log in that one network may make at once …
const LOGINS_AT_ONCE: u32 = 5;

/// … and in so long a time: one a second.
const LOGINS_PERIOD: Duration = Duration::from_secs(5);

/// A cheap handle to the lobby.
#[derive(Clone)]
pub struct Lobby {
    shared: Arc<Shared>,
}

struct Shared {
    environment: Environment,
    /// Everything that decides. Std's mutex: critical sections are short and never
    /// await.
    state: Mutex<State>,
    store: Store,
    stamps: Stamps,
    passwords: Passwords,
    /// Attempts to log in.
    logins: Rate,
    /// New sessions, for everybody together.
    ceiling: Mutex<Bucket>,
    /// How many long polls are waiting.
    waiting: AtomicUsize,
    /// The turns of those that were woken.
    answers: Mutex<Bucket>,
    /// News of the race on its way to the herald.
    news: mpsc::Sender<SessionId>,
    stopping: watch::Sender<bool>,
    clock: Arc<dyn Clock>,
}

/// What does not change while the lobby is open.
#[derive(Debug)]
struct Environment {
    server_name: String,
    motd: String,
    /// When the server started, RFC 3339.
    started: String,
    /// Messages kept of each channel and conversation.
    history: u32,
    sessions_per_hour: u32,
    sessions: Arc<Sessions>,
}

/// Why the lobby did not do something. Errors of commands are numerics instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LobbyError {
    /// The session is no more.
    #[error("Not logged in: this session has ended")]
    Ended,
    /// The envelope is not what it must be.
    #[error(transparent)]
    Malformed(#[from] MalformedEnvelope),
    /// The nick is none.
    #[error(transparent)]
    BadNick(#[from] InvalidNick),
    /// Somebody else has the nick.
    #[error("nick already taken")]
    NickTaken {
        /// When it makes sense to try again, if whoever has it may never come.
        retry_after: Option<Duration>,
    },
    /// A session stamp is needed.
    #[error("A hashcash stamp is needed: {0}")]
    Stamp(Rejection),
    /// No such nick, or not its password: which of them is not told.
    #[error("Wrong nick or password")]
    WrongPassword,
    /// This client or address asks too often.
    #[error("Too many requests: slow down")]
    TooFast {
        /// When it makes sense to try again.
        retry_after: Duration,
    },
    /// More new sessions than the ceiling allows.
    #[error("Too many new sessions at the moment: try again later; the stamp stays good")]
    Ceiling {
        /// When it makes sense to try again.
        retry_after: Duration,
    },
    /// There are as many people here as there can be.
    #[error("The lobby is full: try again later")]
    Full,
    /// There is no such channel or nick, or none that the caller may know of.
    #[error("There is no such channel or nick")]
    NoSuchTarget,
    /// The caller is not a member.
    #[error("That is for members of the channel: join it first")]
    NotOnChannel,
    /// The store or the password pool is busy.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl std::fmt::Debug for Lobby {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lobby").finish_non_exhaustive()
    }
}

impl Lobby {
    /// Opens the lobby as the store remembers it, and gives back what its herald
    /// must read.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub async fn open(
        config: &LobbyConfig,
        store: Store,
        stamps: Stamps,
        sessions: Arc<Sessions>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Announcing), StoreError> {
        let (news, receiver) = mpsc::channel(64);
        if let Ok(name) = config.server_name.parse() {
            sessions.reserve(&name);
        }
        let loaded = store.load().await?;
        let moment = Moment { now: clock.now(), wall: clock.time_of_day() };
        let mut state = entry::restore(loaded, &sessions, moment);
        if let Ok(slot) = store.reserve() {
            slot.write(std::mem::take(&mut state.writes));
        }
        let environment = Environment {
            server_name: config.server_name.clone(),
            motd: config.motd.clone(),
            started: rfc3339_milliseconds(moment.wall),
            history: config.history,
            sessions_per_hour: config.sessions_per_hour,
            sessions,
        };
        let shared = Shared {
            ceiling: Mutex::new(Bucket::full(f64::from(config.sessions_per_hour), moment.now)),
            environment,
            state: Mutex::new(state),
            store,
            stamps,
            passwords: Passwords::start(),
            logins: Rate::new(LOGINS_AT_ONCE, LOGINS_PERIOD, clock.clone()),
            waiting: AtomicUsize::new(0),
            answers: Mutex::new(Bucket::full(service::ANSWERS_AT_ONCE, moment.now)),
            news,
            stopping: watch::Sender::new(false),
            clock,
        };
        Ok((Self { shared: Arc::new(shared) }, Announcing::new(receiver)))
    }

    /// Lets go of everybody who waits for messages, and writes down what clients
    /// have not fetched.
    pub async fn stop(&self) {
        self.shared.stopping.send_replace(true);
        self.save_queues().await;
        if self.shared.store.settled().await.is_err() {
            tracing::error!("the lobby's database did not take everything");
        }
    }

    fn moment(&self) -> Moment {
        Moment { now: self.shared.clock.now(), wall: self.shared.clock.time_of_day() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }
}

#[cfg(test)]
mod tests;
