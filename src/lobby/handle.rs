//! The lobby itself: everything that its parts share, behind one cheap handle.

use super::{
    delivery::Recent,
    guesses::Guesses,
    passwords::Passwords,
    runtime::OwnRuntime,
    state::{Moment, State},
    store::{Store, StoreError},
};
use crate::{
    clock::Clock,
    gate::{
        admission::Admission,
        limits::{Bucket, Place, Places, Rate},
    },
    identity::{session::SessionId, sessions::Sessions},
    lock::lock,
};
use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, atomic::AtomicUsize},
};
use tokio::sync::{mpsc, watch};

/// A cheap handle to the lobby.
#[derive(Clone)]
pub struct Lobby {
    pub(super) shared: Arc<Shared>,
}

/// What the handles share.
pub(super) struct Shared {
    pub(super) environment: Environment,
    /// Everything that decides. Std's mutex: critical sections are short and never
    /// await.
    pub(super) state: Mutex<State>,
    pub(super) store: Store,
    /// By which sessions are opened, for the race as well.
    pub(super) admission: Arc<Admission>,
    pub(super) passwords: Passwords,
    /// Attempts to log in, per network …
    pub(super) logins: Rate,
    /// … and per nick.
    pub(super) guesses: Guesses,
    /// New sessions, for everybody together.
    pub(super) ceiling: Mutex<Bucket>,
    /// The share of one network in that.
    pub(super) shares: Rate,
    /// Stamps of messages, per network, while many are spent.
    pub(super) stamp_shares: Rate,
    /// What is on its way into the store: a network has a share of that.
    pub(super) underway: Arc<Places>,
    /// Where all of it is done.
    pub(super) runtime: OwnRuntime,
    /// Long polls that wait.
    pub(super) polls: Arc<Places>,
    /// How fast long polls that were woken are answered.
    pub(super) answers: Mutex<Bucket>,
    /// Sessions that have won, on their way to the announcer.
    pub(super) wins: mpsc::Sender<SessionId>,
    /// True once the lobby stops.
    pub(super) stopping: watch::Sender<bool>,
    pub(super) clock: Arc<dyn Clock>,
    /// The newest events of the lobby's own channel, and how many people are here: for
    /// those who only look, and must not wait for the state.
    pub(super) recent: Recent,
    pub(super) present: Arc<AtomicUsize>,
}

/// What does not change while the lobby is open.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) server_name: String,
    /// The message of the day; the one part that an operator may change meanwhile.
    pub(super) motd: Mutex<String>,
    /// When the server started, RFC 3339.
    pub(super) started: String,
    /// Messages kept of each channel and conversation.
    pub(super) history: u32,
    pub(super) sessions_per_hour: u32,
    pub(super) sessions: Arc<Sessions>,
}

impl std::fmt::Debug for Lobby {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lobby").finish_non_exhaustive()
    }
}

impl Lobby {
    /// Greets with another message of the day from now on.
    pub fn set_motd(&self, motd: String) {
        *lock(&self.shared.environment.motd) = motd;
    }

    /// Both times of this moment.
    pub(super) fn moment(&self) -> Moment {
        Moment { now: self.shared.clock.now(), wall: self.shared.clock.time_of_day() }
    }

    /// A place among what is on its way into the store. A network that has its share
    /// needs none as long as there is room for everybody.
    pub(super) fn begin(&self, address: IpAddr) -> Result<Option<Place>, StoreError> {
        match self.shared.underway.take(Some(address)) {
            Ok(place) => Ok(Some(place)),
            Err(_) if !self.shared.store.is_crowded() => Ok(None),
            Err(_) => Err(StoreError::Busy),
        }
    }

    /// The state, under its lock. It may be held for as long as a change takes that
    /// concerns everybody: so it is only taken on the lobby's own threads.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }
}
