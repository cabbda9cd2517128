//! The rows behind [`Sessions`](super::Sessions), and what can be done to them under
//! one lock. No clocks and no locks in here: the caller says what time it is.

use crate::identity::{
    nick::{Folded, Nick, friendly_nick},
    session::{ClientKey, OpenError, Passed, Session, SessionId},
};
use puzzle::VisitorId;
use std::{collections::HashMap, time::Duration};

/// A token of the human check is remembered for as long as Cloudflare would have
/// taken it.
pub(super) const TOKEN_LIFETIME: Duration = Duration::from_secs(300);

/// For so long a nick is kept for whoever opened its session and has not come with
/// the cookie yet. After that it is given to the next who asks: the answer with the
/// cookie has probably got lost, and nobody else could ever have the nick.
pub(super) const UNCLAIMED_LIMIT: Duration = Duration::from_secs(10);

/// How many clients there can be; at some 500 bytes each, 100 MB.
pub(super) const MOST_CLIENTS: usize = 200_000;

#[derive(Debug)]
pub(super) struct Client {
    pub(super) session: SessionId,
    /// The client is forgotten at this moment …
    pub(super) expires: Duration,
    /// … which moves to this far ahead with every use; `None` if it stays.
    pub(super) renews: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Record {
    pub(super) nick: Nick,
    /// False for implicit sessions, whose nick nobody sees.
    pub(super) nick_is_reserved: bool,
    pub(super) passed: Passed,
    /// Fixed at the first accepted submission.
    pub(super) visitor: Option<VisitorId>,
    pub(super) clients: usize,
    /// Until when the nick is kept, while nobody has come with the cookie.
    pub(super) unclaimed_until: Option<Duration>,
}

#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) clients: HashMap<ClientKey, Client>,
    pub(super) sessions: HashMap<SessionId, Record>,
    pub(super) nicks: HashMap<Folded, SessionId>,
    /// Sessions that ended by idleness, until somebody asks.
    pub(super) ended: Vec<SessionId>,
}

impl Tables {
    #[expect(clippy::too_many_arguments, reason = "the fields of one row")]
    pub(super) fn insert(
        &mut self,
        client: ClientKey,
        id: SessionId,
        nick: Nick,
        nick_is_reserved: bool,
        passed: Passed,
        now: Duration,
        renews: Option<Duration>,
    ) -> Session {
        let expires = now + renews.unwrap_or(TOKEN_LIFETIME);
        self.clients.insert(client, Client { session: id.clone(), expires, renews });
        let session = Session { id: id.clone(), nick: nick.clone(), passed, client };
        let unclaimed_until = Some(now + UNCLAIMED_LIMIT);
        let record = Record { nick, nick_is_reserved, passed, visitor: None, clients: 1, unclaimed_until };
        self.sessions.insert(id, record);
        session
    }

    /// The session of a living client, whose time begins anew.
    pub(super) fn find(&mut self, key: &ClientKey, now: Duration) -> Option<Session> {
        let client = self.clients.get_mut(key)?;
        if client.expires <= now {
            let ended = self.close(key);
            self.ended.extend(ended);
            return None;
        }
        if let Some(further) = client.renews {
            client.expires = now + further;
        }
        let id = client.session.clone();
        let record = self.sessions.get_mut(&id)?;
        record.unclaimed_until = None;
        Some(Session { nick: record.nick.clone(), passed: record.passed, client: *key, id })
    }

    /// Forgets a client; its session's id if that has ended with it.
    pub(super) fn close(&mut self, client: &ClientKey) -> Option<SessionId> {
        let id = self.clients.remove(client)?.session;
        let record = self.sessions.get_mut(&id)?;
        record.clients = record.clients.saturating_sub(1);
        if record.clients != 0 {
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
        let expired: Vec<ClientKey> =
            self.clients.iter().filter(|(_, client)| client.expires <= now).map(|(key, _)| *key).collect();
        for key in expired {
            let ended = self.close(&key);
            self.ended.extend(ended);
        }
    }

    pub(super) fn make_room(&mut self, now: Duration) -> Result<(), OpenError> {
        if MOST_CLIENTS <= self.clients.len() {
            self.sweep(now);
        }
        if MOST_CLIENTS <= self.clients.len() { Err(OpenError::TooMany) } else { Ok(()) }
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
