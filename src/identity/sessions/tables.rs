//! The rows behind [`Sessions`](super::Sessions), and what can be done to them under
//! one lock. No clocks and no locks in here: the caller says what time it is.

use crate::identity::{
    nick::{Folded, Nick, friendly_nick},
    session::{ClientKey, IDLE_LIMIT, Passed, Session, SessionId, UNPROVEN_LIMIT},
};
use puzzle::VisitorId;
use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

/// For so long a nick is kept for whoever opened its session and has not come with
/// the cookie yet. After that it is given to the next who asks: the answer with the
/// cookie has probably got lost, and nobody else could ever have the nick.
pub(super) const UNCLAIMED_LIMIT: Duration = Duration::from_secs(10);

/// How many clients there can be; at some 600 bytes each, 120 MB.
pub const MOST_CLIENTS: usize = 200_000;

#[derive(Debug)]
pub(super) struct Client {
    pub(super) session: SessionId,
    /// When it was used last, [`counted`] from 30 days before the clock's start: a
    /// session that comes back from the store was used before that.
    used_at: Duration,
    /// The client is forgotten at this moment, however much it is used; `None` if only
    /// idleness ends it.
    pub(super) ends_at: Option<Duration>,
}

/// A moment of the clock as moments of use are counted.
fn counted(moment: Duration) -> Duration {
    moment + IDLE_LIMIT
}

#[derive(Debug)]
pub(super) struct Record {
    pub(super) nick: Nick,
    /// False for implicit sessions, whose nick nobody sees.
    pub(super) nick_is_reserved: bool,
    pub(super) passed: Passed,
    /// True once it has shown work or has spoken.
    pub(super) proven: bool,
    /// Fixed at the first accepted submission.
    pub(super) visitor: Option<VisitorId>,
    pub(super) clients: Vec<ClientKey>,
    /// Until when the nick is kept, while nobody has come with the cookie.
    pub(super) unclaimed_until: Option<Duration>,
}

impl Record {
    /// For how long a client of it may be idle.
    pub(super) const fn idle_limit(&self) -> Duration {
        if self.proven { IDLE_LIMIT } else { UNPROVEN_LIMIT }
    }
}

#[derive(Debug)]
pub(super) struct Tables {
    pub(super) clients: HashMap<ClientKey, Client>,
    pub(super) sessions: HashMap<SessionId, Record>,
    pub(super) nicks: HashMap<Folded, SessionId>,
    /// Sessions that ended by idleness, until somebody asks.
    pub(super) ended: Vec<SessionId>,
    /// Sessions that are to be kept and have changed since that was written down.
    pub(super) changed: BTreeSet<SessionId>,
    /// Clients that have ended and may have been written down.
    pub(super) removed: BTreeSet<ClientKey>,
    /// The clients of sessions that have shown nothing, by when they were used last.
    unproven: BTreeSet<(Duration, ClientKey)>,
    /// Those of sessions that have.
    proven: BTreeSet<(Duration, ClientKey)>,
    most: usize,
}

impl Tables {
    /// Room for `most` clients.
    pub(super) fn new(most: usize) -> Self {
        Self {
            clients: HashMap::new(),
            sessions: HashMap::new(),
            nicks: HashMap::new(),
            ended: Vec::new(),
            changed: BTreeSet::new(),
            removed: BTreeSet::new(),
            unproven: BTreeSet::new(),
            proven: BTreeSet::new(),
            most,
        }
    }

    /// What part of the room is taken by those who have shown nothing, from 0 to 1.
    pub(super) fn unproven_part(&self) -> f64 {
        self.unproven.len() as f64 / self.most as f64
    }

    pub(super) fn has_room_for(&self, clients: usize) -> bool {
        self.clients.len() + clients <= self.most
    }

    /// A new session, with `client` as its first one.
    pub(super) fn insert(
        &mut self,
        (client, ends_at): (ClientKey, Option<Duration>),
        id: SessionId,
        (nick, nick_is_reserved): (Nick, bool),
        passed: Passed,
        now: Duration,
    ) -> Session {
        let session = Session { id: id.clone(), nick: nick.clone(), passed, client };
        let record = Record {
            nick,
            nick_is_reserved,
            passed,
            proven: false,
            visitor: None,
            clients: Vec::new(),
            unclaimed_until: Some(now + UNCLAIMED_LIMIT),
        };
        self.sessions.insert(id.clone(), record);
        self.add_client((client, ends_at), id, now, Duration::ZERO);
        session
    }

    /// Takes note that a session has changed, if it is one that outlives the process: one
    /// that has passed a gate.
    pub(super) fn note(&mut self, id: &SessionId) {
        if self.sessions.get(id).is_some_and(|record| record.passed.any()) {
            self.changed.insert(id.clone());
        }
    }

    /// Gives a session one more client, which has been idle for `idle`.
    pub(super) fn add_client(
        &mut self,
        (client, ends_at): (ClientKey, Option<Duration>),
        id: SessionId,
        now: Duration,
        idle: Duration,
    ) {
        let used_at = counted(now).saturating_sub(idle);
        let Some(record) = self.sessions.get_mut(&id) else { return };
        record.clients.push(client);
        let order = if record.proven { &mut self.proven } else { &mut self.unproven };
        order.insert((used_at, client));
        self.clients.insert(client, Client { session: id.clone(), used_at, ends_at });
        self.note(&id);
    }

    /// The session of a living client, whose time begins anew.
    pub(super) fn find(&mut self, key: &ClientKey, now: Duration) -> Option<Session> {
        if self.is_over(key, now)? {
            let ended = self.close(key);
            self.ended.extend(ended);
            return None;
        }
        let client = self.clients.get_mut(key)?;
        let record = self.sessions.get_mut(&client.session)?;
        let order = if record.proven { &mut self.proven } else { &mut self.unproven };
        order.remove(&(client.used_at, *key));
        client.used_at = counted(now);
        order.insert((client.used_at, *key));
        record.unclaimed_until = None;
        Some(Session { nick: record.nick.clone(), passed: record.passed, client: *key, id: client.session.clone() })
    }

    /// Whether the client's time is over; `None` if there is no such client.
    fn is_over(&self, key: &ClientKey, now: Duration) -> Option<bool> {
        let client = self.clients.get(key)?;
        let idle_limit = self.sessions.get(&client.session)?.idle_limit();
        let idle = counted(now).saturating_sub(client.used_at);
        Some(client.ends_at.is_some_and(|end| end <= now) || idle_limit <= idle)
    }

    /// For how long a client has been idle, if it is there.
    pub(super) fn idle_time(&self, key: &ClientKey, now: Duration) -> Option<Duration> {
        Some(counted(now).saturating_sub(self.clients.get(key)?.used_at))
    }

    /// The session has shown work, or has spoken.
    pub(super) fn prove(&mut self, id: &SessionId) {
        let Some(record) = self.sessions.get_mut(id).filter(|record| !record.proven) else { return };
        record.proven = true;
        for key in &record.clients {
            if let Some(client) = self.clients.get(key) {
                self.unproven.remove(&(client.used_at, *key));
                self.proven.insert((client.used_at, *key));
            }
        }
    }

    /// Forgets a client; its session's id if that has ended with it.
    pub(super) fn close(&mut self, client: &ClientKey) -> Option<SessionId> {
        let Client { session: id, used_at, .. } = self.clients.remove(client)?;
        let _ = self.unproven.remove(&(used_at, *client)) || self.proven.remove(&(used_at, *client));
        let record = self.sessions.get_mut(&id)?;
        record.clients.retain(|other| other != client);
        if record.passed.any() && self.removed.len() < MOST_CLIENTS {
            self.removed.insert(*client);
        }
        if !record.clients.is_empty() {
            return None;
        }
        if let Some(record) = self.sessions.remove(&id)
            && record.nick_is_reserved
        {
            self.nicks.remove(&record.nick.folded());
        }
        Some(id)
    }

    pub(super) fn sweep(&mut self, now: Duration) {
        let over: Vec<ClientKey> =
            self.clients.keys().filter(|key| self.is_over(key, now) == Some(true)).copied().collect();
        for key in over {
            let ended = self.close(&key);
            self.ended.extend(ended);
        }
    }

    /// Makes room for so many more clients, if there is none: of those that have shown nothing
    /// the one that has not been used for longest goes. Who has shown work stays, unless
    /// those take up more than three quarters of the room, so that there is always some
    /// for newcomers.
    pub(super) fn make_room(&mut self, more: usize) {
        while !self.has_room_for(more) {
            let is_crowded_by_proven = self.most * 3 / 4 < self.proven.len() || self.unproven.is_empty();
            let order = if is_crowded_by_proven { &self.proven } else { &self.unproven };
            let Some((_, victim)) = order.first().copied() else { return };
            // The lobby finds out by itself whose clients are gone.
            self.close(&victim);
        }
    }

    pub(super) fn free_nick(&self) -> Nick {
        loop {
            let nick = friendly_nick();
            if !self.nicks.contains_key(&nick.folded()) {
                return nick;
            }
        }
    }
}
