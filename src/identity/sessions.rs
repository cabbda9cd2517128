//! All sessions, in memory: the table that everybody asks.
//!
//! What must survive a restart is written down by others, who are never waited for here:
//! by the [ledger](kept) whatever has passed a gate, by the lobby's store whoever is in
//! the lobby. The number of clients is bounded, and never refuses a newcomer: when there is
//! no room, the one that has shown no work and has not been used for longest goes. A
//! session is never thrown away because its address changed.

mod kept;
mod tables;

use super::session::{
    ClientKey, IDLE_LIMIT, MOST_CLIENTS_OF_A_SESSION, NewSession, OpenError, OtherVisitor, Passed, Session, SessionId,
    StoredSession, TOKEN_LIFETIME, TokenKey, TokenSession, key,
};
use crate::{
    clock::Clock,
    identity::nick::{Nick, friendly_nick},
    lock::lock,
};
use puzzle::VisitorId;
use rand::Rng;
use std::{
    collections::hash_map,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tables::{Record, Tables};

pub use tables::MOST_CLIENTS;

/// All sessions.
pub struct Sessions {
    tables: Mutex<Tables>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl Sessions {
    /// No sessions yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_room_for(MOST_CLIENTS, clock)
    }

    /// No sessions yet, and room for so many clients.
    pub fn with_room_for(clients: usize, clock: Arc<dyn Clock>) -> Self {
        Self { tables: Mutex::new(Tables::new(clients)), clock }
    }

    /// Opens a session with its first client; without a nick it gets a friendly one.
    ///
    /// # Errors
    /// [`OpenError::NickTaken`].
    pub fn open(&self, nick: Option<Nick>, passed: Passed) -> Result<NewSession, OpenError> {
        let (token, key) = new_token();
        let now = self.clock.now();
        let mut tables = self.lock();
        let nick = match nick {
            Some(nick) if tables.nicks.contains_key(&nick.folded()) => return Err(OpenError::NickTaken),
            Some(nick) => nick,
            None => tables.free_nick(),
        };
        tables.make_room(1);
        let id = session_id(&key);
        tables.nicks.insert(nick.folded(), id.clone());
        let session = tables.insert((key, None), id, (nick, true), passed, now);
        Ok(NewSession { session, token })
    }

    /// Adds a client to a session.
    ///
    /// # Errors
    /// [`OpenError::TooMany`], [`OpenError::Ended`].
    pub fn add_client(&self, id: &SessionId) -> Result<NewSession, OpenError> {
        let (token, client) = new_token();
        let now = self.clock.now();
        let mut tables = self.lock();
        let record = tables.sessions.get(id).ok_or(OpenError::Ended)?;
        if MOST_CLIENTS_OF_A_SESSION <= record.clients.len() {
            return Err(OpenError::TooMany);
        }
        let session = Session { id: id.clone(), nick: record.nick.clone(), passed: record.passed, client };
        // Whoever knows its password has more to show than a newcomer; and it must not be
        // the session itself that goes for its own client.
        tables.prove(id);
        tables.add_client((client, None), id.clone(), now, Duration::ZERO);
        tables.make_room(0);
        Ok(NewSession { session, token })
    }

    /// Brings back a session from the lobby's store. One whose nick is taken, or for which
    /// there is no room, does not come back; one that the ledger has brought back before is
    /// there.
    pub fn restore(&self, stored: StoredSession) -> bool {
        let now = self.clock.now();
        let mut tables = self.lock();
        if tables.sessions.contains_key(&stored.id) {
            tables.prove(&stored.id);
            return true;
        }
        let room = tables.has_room_for(stored.clients.len());
        let living: Vec<_> = stored.clients.into_iter().filter(|(_, idle)| *idle < IDLE_LIMIT).collect();
        if !room || living.is_empty() || tables.nicks.contains_key(&stored.nick.folded()) {
            return false;
        }
        tables.nicks.insert(stored.nick.folded(), stored.id.clone());
        let record = Record {
            nick: stored.nick,
            nick_is_reserved: true,
            passed: stored.passed,
            // It was worth keeping.
            proven: true,
            visitor: None,
            clients: Vec::new(),
            unclaimed_until: None,
        };
        tables.sessions.insert(stored.id.clone(), record);
        for (key, idle) in living {
            tables.add_client((key, None), stored.id.clone(), now, idle);
        }
        true
    }

    /// The session of the client whose cookie has this value.
    pub fn by_cookie(&self, token: &str) -> Option<Session> {
        self.find(&key(&["cookie", token]))
    }

    /// The implicit session of a token that was accepted from its address.
    pub fn by_token(&self, token: &TokenKey) -> Option<Session> {
        self.find(&token.0)
    }

    /// Remembers that a token was accepted from its address. Of calls that were
    /// made at once with the same token, the first opens the session for all.
    pub fn accept_token(&self, token: &TokenKey) -> TokenSession {
        let TokenKey(key) = *token;
        let now = self.clock.now();
        let mut tables = self.lock();
        if let Some(session) = tables.find(&key, now) {
            return TokenSession { session, is_new: false };
        }
        tables.make_room(1);
        let passed = Passed { human: true, stamped: false };
        let ends_at = Some(now + TOKEN_LIFETIME);
        let session = tables.insert((key, ends_at), session_id(&key), (friendly_nick(), false), passed, now);
        TokenSession { session, is_new: true }
    }

    /// Takes note that a session has shown work or has spoken: it is kept for 30 days, and
    /// those that have not go first when there is no room.
    pub fn prove(&self, id: &SessionId) {
        self.lock().prove(id);
    }

    /// True if a session has shown work or has spoken.
    pub fn is_proven(&self, id: &SessionId) -> bool {
        self.lock().sessions.get(id).is_some_and(|record| record.proven)
    }

    /// What part of the room for sessions is taken by those that have shown nothing, from
    /// 0 to 1.
    pub fn unproven_part(&self) -> f64 {
        self.lock().unproven_part()
    }

    /// Notes that a session has passed more gates.
    pub fn upgrade(&self, id: &SessionId, passed: Passed) {
        let mut tables = self.lock();
        if let Some(record) = tables.sessions.get_mut(id) {
            record.passed = record.passed.and(passed);
        }
        tables.note(id);
    }

    /// Gives a session another nick. Its own nick in another case is not taken.
    ///
    /// # Errors
    /// [`OpenError::NickTaken`], [`OpenError::Ended`].
    pub fn rename(&self, id: &SessionId, nick: &Nick) -> Result<(), OpenError> {
        let mut tables = self.lock();
        let Tables { sessions, nicks, .. } = &mut *tables;
        let record = sessions.get_mut(id).ok_or(OpenError::Ended)?;
        match nicks.entry(nick.folded()) {
            hash_map::Entry::Occupied(taken) if taken.get() != id => return Err(OpenError::NickTaken),
            entry => drop(entry.insert_entry(id.clone())),
        }
        if record.nick.folded() != nick.folded() {
            nicks.remove(&record.nick.folded());
        }
        record.nick = nick.clone();
        tables.note(id);
        Ok(())
    }

    /// Keeps a nick from everybody: whoever bore the server's name could speak for it.
    pub fn reserve(&self, nick: &Nick) {
        self.lock().nicks.entry(nick.folded()).or_insert_with(|| SessionId("server".to_owned()));
    }

    /// True if a session has the nick, or nobody may.
    pub fn is_nick_taken(&self, nick: &Nick) -> bool {
        self.lock().nicks.contains_key(&nick.folded())
    }

    /// If the session that has the nick was opened and nobody has come with its cookie:
    /// how long the nick is still kept for them.
    pub fn unclaimed_for(&self, nick: &Nick) -> Option<Duration> {
        let now = self.clock.now();
        let tables = self.lock();
        let record = tables.sessions.get(tables.nicks.get(&nick.folded())?)?;
        Some(record.unclaimed_until?.saturating_sub(now))
    }

    /// Ends the session that has the nick, if nobody has come with its cookie in time.
    pub fn end_unclaimed(&self, nick: &Nick) -> Option<SessionId> {
        let now = self.clock.now();
        let mut tables = self.lock();
        let record = tables.sessions.get(tables.nicks.get(&nick.folded())?)?;
        record.unclaimed_until.filter(|until| *until <= now)?;
        // It has one client: another one could only have logged in with a password.
        let client = *record.clients.first()?;
        tables.close(&client)
    }

    /// Counts as a use of the client, which comes in another way than by its cookie: by a
    /// live connection.
    pub fn touch(&self, client: &ClientKey) {
        self.find(client);
    }

    /// True if the client has not ended.
    pub fn is_alive(&self, client: &ClientKey) -> bool {
        self.lock().clients.contains_key(client)
    }

    /// Forgets a client; true if that ended its session.
    pub fn close_client(&self, client: &ClientKey) -> bool {
        self.lock().close(client).is_some()
    }

    /// Forgets everybody who has been idle for too long, and says which sessions
    /// have ended by it since the last call.
    pub fn sweep(&self) -> Vec<SessionId> {
        let now = self.clock.now();
        let mut tables = self.lock();
        tables.sweep(now);
        std::mem::take(&mut tables.ended)
    }

    /// For how long each of the clients has been idle; those that are gone are
    /// left out.
    pub fn idle_times(&self, clients: &[ClientKey]) -> Vec<(ClientKey, Duration)> {
        let now = self.clock.now();
        let tables = self.lock();
        clients.iter().filter_map(|key| Some((*key, tables.idle_time(key, now)?))).collect()
    }

    /// Fixes the session's visitor id at its first use.
    ///
    /// # Errors
    /// [`OtherVisitor`] if it is fixed to another one.
    pub fn bind_visitor(&self, session: &Session, visitor: &VisitorId) -> Result<(), OtherVisitor> {
        let mut tables = self.lock();
        let Some(record) = tables.sessions.get_mut(&session.id) else { return Ok(()) };
        match &record.visitor {
            Some(bound) if bound == visitor => Ok(()),
            Some(_) => Err(OtherVisitor),
            None => {
                record.visitor = Some(visitor.clone());
                tables.note(&session.id);
                Ok(())
            }
        }
    }

    fn find(&self, key: &ClientKey) -> Option<Session> {
        let now = self.clock.now();
        self.lock().find(key, now)
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        lock(&self.tables)
    }
}

fn new_token() -> (String, ClientKey) {
    let mut token = [0; 32];
    rand::rng().fill_bytes(&mut token);
    let token = puzzle::hex::encode(&token);
    let key = key(&["cookie", &token]);
    (token, key)
}

fn session_id(key: &ClientKey) -> SessionId {
    SessionId(puzzle::hex::encode(&key.0[..16]))
}

#[cfg(test)]
mod tests;
