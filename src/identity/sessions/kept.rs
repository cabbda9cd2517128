//! Sessions that outlive the process: what the ledger keeps of them.
//!
//! A session that has passed a gate is written down within a second, as digests only;
//! nobody waits for that. The one that has won is written down together with its win, so
//! that its cookie finds the code after a crash too, and the one that was given for a token
//! of the human check together with that, as the token would not be taken again.

use super::{
    Sessions, session_id,
    tables::{Record, Tables},
};
use crate::{
    identity::{
        nick::{Nick, friendly_nick},
        session::{ClientKey, IDLE_LIMIT, Passed, SessionId, TOKEN_LIFETIME, TokenKey},
    },
    ledger::{
        Change, Digest, Ledger, Transaction, WallTime,
        rows::{ClientRow, SessionRow},
    },
};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Between two writes of what has changed.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// So many sessions are written at once, so that no win waits for long behind them.
const MOST_AT_ONCE: usize = 500;

/// Clients that were used are written down again this often: after a crash they may be
/// taken for idle for so much longer.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(3600);

impl Sessions {
    /// Brings back what the ledger remembers.
    pub fn restore_kept(&self, sessions: Vec<SessionRow>, clients: Vec<ClientRow>) {
        let (now, wall) = (self.clock.now(), WallTime::from(self.clock.time_of_day()));
        let mut tables = self.lock();
        let mut clients_of: HashMap<String, Vec<ClientRow>> = HashMap::new();
        for client in clients {
            clients_of.entry(client.session.clone()).or_default().push(client);
        }
        for row in sessions {
            let clients = clients_of.remove(&row.id).unwrap_or_default();
            let nick: Option<Nick> = row.nick.as_deref().and_then(|nick| nick.parse().ok());
            let is_taken = nick.as_ref().is_some_and(|nick| tables.nicks.contains_key(&nick.folded()));
            if clients.is_empty() || is_taken || !tables.has_room_for(clients.len()) {
                continue;
            }
            let id = SessionId(row.id);
            if let Some(nick) = &nick {
                tables.nicks.insert(nick.folded(), id.clone());
            }
            // Who is bound to a visitor has handed something in.
            let proven = row.visitor.is_some();
            let record = Record {
                nick_is_reserved: nick.is_some(),
                nick: nick.unwrap_or_else(friendly_nick),
                passed: Passed { human: row.human, stamped: row.stamped },
                proven,
                visitor: row.visitor,
                clients: Vec::new(),
                unclaimed_until: None,
            };
            let idle_limit = record.idle_limit();
            tables.sessions.insert(id.clone(), record);
            for client in clients {
                let left = client.expires_at.since(wall);
                let (ends_at, idle) = if client.renews {
                    (None, idle_limit.saturating_sub(left))
                } else {
                    (Some(now + left), Duration::ZERO)
                };
                tables.add_client((ClientKey(*client.key.as_bytes()), ends_at), id.clone(), now, idle);
            }
        }
        // They are written down as they are.
        tables.changed.clear();
    }

    /// What the ledger has to know of a session now, to be committed with something that
    /// must find it again.
    pub fn changes_of(&self, id: &SessionId) -> Vec<Change> {
        self.changes_of_passing(id, Passed::default())
    }

    /// The same of a session that is about to have passed more gates.
    pub fn changes_of_passing(&self, id: &SessionId, more: Passed) -> Vec<Change> {
        let (now, wall) = (self.clock.now(), WallTime::from(self.clock.time_of_day()));
        self.lock().rows(id, more, now, wall)
    }

    /// What the ledger has to know of the session that a token is about to stand for.
    pub fn changes_of_token(&self, TokenKey(key): &TokenKey) -> Vec<Change> {
        let SessionId(id) = session_id(key);
        let key = Digest::from_bytes(key.0);
        let expires_at = WallTime::from(self.clock.time_of_day()).after(TOKEN_LIFETIME);
        let client = ClientRow { key, session: id.clone(), expires_at, renews: false };
        let session = SessionRow { id, nick: None, human: true, stamped: false, visitor: None };
        vec![Change::PutSession(session), Change::PutClient(client)]
    }

    /// Writes down what changes, until it is aborted.
    pub async fn keep(self: Arc<Self>, ledger: Arc<dyn Ledger>) {
        let mut every = tokio::time::interval(WRITE_INTERVAL);
        let mut renewed_at = self.clock.now();
        loop {
            every.tick().await;
            let now = self.clock.now();
            if renewed_at + RENEWAL_INTERVAL <= now {
                renewed_at = now;
                self.renew();
                let expired = Transaction::new().with(Change::ForgetClients(self.clock.time_of_day().into()));
                let _ = ledger.commit(expired).await;
            }
            while let Some((ids, transaction)) = self.take_changes() {
                if ledger.commit(transaction).await.is_err() {
                    // The ledger says in the log what is wrong. Later, then.
                    self.lock().changed.extend(ids);
                    break;
                }
            }
        }
    }

    /// Everything that has changed and is not written down yet, for the end.
    pub fn last_changes(&self) -> Transaction {
        let mut last = Transaction::new();
        while let Some((_, transaction)) = self.take_changes() {
            last.extend(transaction.changes().iter().cloned());
        }
        last
    }

    fn take_changes(&self) -> Option<(Vec<SessionId>, Transaction)> {
        let (now, wall) = (self.clock.now(), WallTime::from(self.clock.time_of_day()));
        let mut tables = self.lock();
        let mut transaction = Transaction::new();
        let ids: Vec<SessionId> = tables.changed.iter().take(MOST_AT_ONCE).cloned().collect();
        for id in &ids {
            tables.changed.remove(id);
            transaction.extend(tables.rows(id, Passed::default(), now, wall));
        }
        let gone: Vec<ClientKey> = tables.removed.iter().take(MOST_AT_ONCE).copied().collect();
        for key in gone {
            tables.removed.remove(&key);
            transaction = transaction.with(Change::RemoveClient(Digest::from_bytes(key.0)));
        }
        (!transaction.is_empty()).then_some((ids, transaction))
    }

    /// Has everybody written down again, so that their clients count as used.
    fn renew(&self) {
        let mut tables = self.lock();
        let ids: Vec<SessionId> = tables.sessions.keys().cloned().collect();
        for id in ids {
            tables.note(&id);
        }
    }
}

impl Tables {
    /// A session and its clients as the ledger keeps them once it has passed `more`; nothing
    /// if it is none that is kept.
    fn rows(&self, id: &SessionId, more: Passed, now: Duration, wall: WallTime) -> Vec<Change> {
        let Some(record) = self.sessions.get(id) else { return Vec::new() };
        let passed = record.passed.and(more);
        if !passed.any() {
            return Vec::new();
        }
        let session = Change::PutSession(SessionRow {
            id: id.0.clone(),
            nick: record.nick_is_reserved.then(|| record.nick.to_string()),
            human: passed.human,
            stamped: passed.stamped,
            visitor: record.visitor.clone(),
        });
        let clients = record.clients.iter().filter_map(|key| {
            let client = self.clients.get(key)?;
            let left = match client.ends_at {
                Some(end) => end.saturating_sub(now),
                None => IDLE_LIMIT.saturating_sub(self.idle_time(key, now)?),
            };
            Some(Change::PutClient(ClientRow {
                key: Digest::from_bytes(key.0),
                session: id.0.clone(),
                expires_at: wall.after(left),
                renews: client.ends_at.is_none(),
            }))
        });
        std::iter::once(session).chain(clients).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::ManualClock, ledger::MemoryLedger};
    use std::net::IpAddr;

    async fn restarted(clock: &Arc<ManualClock>, ledger: &MemoryLedger) -> Sessions {
        let recovered = ledger.recover().await.unwrap();
        let sessions = Sessions::new(clock.clone());
        sessions.restore_kept(recovered.sessions, recovered.clients);
        sessions
    }

    #[tokio::test]
    async fn whoever_has_passed_a_gate_is_known_after_a_restart() {
        let clock = Arc::new(ManualClock::default());
        let ledger = MemoryLedger::new(clock.clone());
        let before = Sessions::new(clock.clone());
        let passed = Passed { human: true, stamped: false };
        let visitor = before.open(Some("bob".parse().unwrap()), passed).unwrap();
        let stranger = before.open(None, Passed::default()).unwrap();
        let id = "visitor-1".parse().unwrap();
        before.bind_visitor(&visitor.session, &id).unwrap();
        let token = TokenKey::new("token", IpAddr::from([192, 0, 2, 1]));
        before.accept_token(&token);
        ledger.commit(before.last_changes()).await.unwrap();
        assert!(before.last_changes().is_empty(), "everything is written down");

        let after = restarted(&clock, &ledger).await;
        assert_eq!(after.by_cookie(&visitor.token), Some(visitor.session.clone()));
        assert_eq!(after.by_cookie(&stranger.token), None, "has passed nothing");
        assert!(after.by_token(&token).is_some());
        assert!(after.is_nick_taken(&"BOB".parse().unwrap()));
        // The visitor that it is bound to stays.
        assert!(after.bind_visitor(&visitor.session, &"visitor-2".parse().unwrap()).is_err());
        assert!(after.bind_visitor(&visitor.session, &id).is_ok());
        assert!(after.last_changes().is_empty(), "nothing has changed");
    }

    #[tokio::test]
    async fn what_is_written_down_with_a_token_is_the_session_that_it_is_given_for() {
        let clock = Arc::new(ManualClock::default());
        let ledger = MemoryLedger::new(clock.clone());
        let before = Sessions::new(clock.clone());
        let token = TokenKey::new("token", IpAddr::from([192, 0, 2, 1]));
        let new = before.open(None, Passed::default()).unwrap();
        let human = Passed { human: true, stamped: false };
        let mut changes = Transaction::new();
        changes.extend(before.changes_of_token(&token));
        assert!(before.changes_of(&new.session.id).is_empty(), "has passed nothing");
        changes.extend(before.changes_of_passing(&new.session.id, human));
        ledger.commit(changes).await.unwrap();

        let after = restarted(&clock, &ledger).await;
        let implicit = after.by_token(&token).unwrap();
        assert_eq!((&implicit.id, implicit.passed), (&before.accept_token(&token).session.id, human));
        assert_eq!(after.by_cookie(&new.token).map(|session| session.passed), Some(human));
        clock.advance(TOKEN_LIFETIME);
        assert_eq!(after.by_token(&token), None);
    }

    #[tokio::test]
    async fn whoever_has_left_does_not_come_back() {
        let clock = Arc::new(ManualClock::default());
        let ledger = MemoryLedger::new(clock.clone());
        let before = Sessions::new(clock.clone());
        let new = before.open(None, Passed { human: false, stamped: true }).unwrap();
        ledger.commit(before.last_changes()).await.unwrap();
        assert!(before.close_client(&new.session.client));
        ledger.commit(before.last_changes()).await.unwrap();
        assert_eq!(restarted(&clock, &ledger).await.by_cookie(&new.token), None);
    }
}
