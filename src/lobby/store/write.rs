//! What the lobby writes.

use super::numbers::pack;
use crate::identity::session::{ClientKey, Passed, SessionId};
use rusqlite::{Connection, params};

/// Deletes what the queues held at the last stop; the next one writes what is left of
/// them.
const FORGET_QUEUES: &str = "DELETE FROM queues; DELETE FROM queues_of_version_1; DELETE FROM lines;";

/// One thing to remember.
#[derive(Clone, Debug)]
pub(in super::super) enum Write {
    /// A session, new or changed.
    SaveSession {
        /// Its id.
        id: SessionId,
        /// Its nick.
        nick: String,
        /// Its password's hash.
        password: Option<String>,
        /// The gates it has passed.
        passed: Passed,
        /// Since when it is in the lobby.
        created_at: u64,
    },
    /// A session has ended: its clients, memberships and conversations are deleted.
    EndSession(SessionId),
    /// A client, new or seen again.
    SaveClient {
        /// Its key.
        key: ClientKey,
        /// Whose it is.
        session: SessionId,
        /// When it was last seen.
        last_seen: u64,
        /// From which event's number on it hears what is said.
        since: u64,
    },
    /// A client has ended.
    DeleteClient(ClientKey),
    /// A channel, new or changed.
    SaveChannel(ChannelRow),
    /// A channel has lost its last member; its messages are deleted with it.
    DeleteChannel(i64),
    /// A membership, new or changed.
    SaveMember {
        /// The channel's id.
        channel: i64,
        /// The member.
        session: SessionId,
        /// Has `o`.
        operator: bool,
        /// Has `v`.
        voice: bool,
        /// From which event's number on it hears what is said.
        since: u64,
    },
    /// A membership has ended.
    DeleteMember {
        /// The channel's id.
        channel: i64,
        /// The member.
        session: SessionId,
    },
    /// A message for the history.
    SaveMessage {
        /// Its number.
        seq: u64,
        /// The channel or conversation.
        target: String,
        /// The envelope as it was delivered.
        envelope: String,
        /// Who talks with whom, when it is a conversation.
        pair: Option<(SessionId, SessionId)>,
    },
    /// A line that stands in queues, at a stop. Those of the history are there already.
    SaveLine {
        /// Its number.
        seq: u64,
        /// The envelope.
        envelope: String,
    },
    /// A client's queue, at a stop.
    SaveQueue {
        /// The client.
        client: ClientKey,
        /// The numbers of its lines, in order.
        numbers: Vec<u64>,
    },
    /// A session has logged in from this network.
    KnowNetwork {
        /// The session.
        session: SessionId,
        /// The network, as text.
        network: String,
        /// One that is forgotten for it.
        instead_of: Option<String>,
    },
    /// Everything else is deleted, after writes have failed.
    KeepOnly(Living),
}

/// What there is.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Living {
    /// The sessions.
    pub(in super::super) sessions: Vec<SessionId>,
    /// The clients.
    pub(in super::super) clients: Vec<ClientKey>,
    /// The channels.
    pub(in super::super) channels: Vec<i64>,
}

/// A channel as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct ChannelRow {
    /// Its id.
    pub(in super::super) id: i64,
    /// Its name.
    pub(in super::super) name: String,
    /// Its topic, who set it and when.
    pub(in super::super) topic: Option<(String, String, u64)>,
    /// The letters of its flags.
    pub(in super::super) modes: String,
    /// Bits of its stamps; 0: none.
    pub(in super::super) hashcash_bits: u8,
    /// When it was created.
    pub(in super::super) created_at: u64,
}

impl Write {
    pub(super) fn apply(self, connection: &Connection) -> rusqlite::Result<()> {
        let run = |sql: &str, parameters: &[&dyn rusqlite::ToSql]| {
            connection.prepare_cached(sql)?.execute(parameters).map(|_| ())
        };
        match self {
            Self::SaveSession { id, nick, password, passed, created_at } => run(
                "INSERT INTO sessions (id, nick, password, human, stamped, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (id) DO UPDATE SET nick = ?2, password = ?3, human = ?4, stamped = ?5",
                params![id.0, nick, password, passed.human, passed.stamped, created_at],
            ),
            Self::EndSession(id) => {
                run(
                    "INSERT OR IGNORE INTO garbage SELECT target FROM conversations WHERE one = ?1 OR other = ?1",
                    params![id.0],
                )?;
                run("DELETE FROM sessions WHERE id = ?1", params![id.0])
            }
            Self::SaveClient { key, session, last_seen, since } => run(
                "INSERT INTO clients (key, session, last_seen, since) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (key) DO UPDATE SET last_seen = ?3",
                params![key.0, session.0, last_seen, since],
            ),
            Self::DeleteClient(key) => run("DELETE FROM clients WHERE key = ?1", params![key.0]),
            Self::SaveChannel(row) => {
                count(connection, "channel", row.id)?;
                let (text, by, at) = row.topic.map_or((None, None, None), |(t, b, a)| (Some(t), Some(b), Some(a)));
                run(
                    "INSERT INTO channels (id, name, topic, topic_by, topic_at, modes, hashcash_bits, created_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                     ON CONFLICT (id) DO UPDATE SET name = ?2, topic = ?3, topic_by = ?4, topic_at = ?5, modes = ?6,
                     hashcash_bits = ?7",
                    params![row.id, row.name, text, by, at, row.modes, row.hashcash_bits, row.created_at],
                )
            }
            Self::DeleteChannel(id) => {
                run("INSERT OR IGNORE INTO garbage VALUES ('c' || ?1)", params![id])?;
                run("DELETE FROM channels WHERE id = ?1", params![id])
            }
            Self::SaveMember { channel, session, operator, voice, since } => run(
                "INSERT INTO members (channel, session, operator, voice, since) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET operator = ?3, voice = ?4, since = ?5",
                params![channel, session.0, operator, voice, since],
            ),
            Self::DeleteMember { channel, session } => {
                run("DELETE FROM members WHERE channel = ?1 AND session = ?2", params![channel, session.0])
            }
            Self::SaveMessage { seq, target, envelope, pair } => {
                if let Some((one, other)) = pair {
                    run(
                        "INSERT OR IGNORE INTO conversations (target, one, other) VALUES (?1, ?2, ?3)",
                        params![target, one.0, other.0],
                    )?;
                }
                count(connection, "event", i64::try_from(seq).unwrap_or(i64::MAX))?;
                run("INSERT INTO messages (seq, target, envelope) VALUES (?1, ?2, ?3)", params![seq, target, envelope])
            }
            Self::SaveLine { seq, envelope } => {
                count(connection, "event", i64::try_from(seq).unwrap_or(i64::MAX))?;
                run(
                    "INSERT OR IGNORE INTO lines (seq, envelope)
                     SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM messages WHERE seq = ?1)",
                    params![seq, envelope],
                )
            }
            Self::SaveQueue { client, numbers } => run(
                "INSERT OR REPLACE INTO queues (client, numbers) VALUES (?1, ?2)",
                params![client.0, pack(&numbers)],
            ),
            Self::KnowNetwork { session, network, instead_of } => {
                run("DELETE FROM known_networks WHERE session = ?1 AND network = ?2", params![session.0, instead_of])?;
                run(
                    "INSERT OR IGNORE INTO known_networks (session, network) VALUES (?1, ?2)",
                    params![session.0, network],
                )
            }
            Self::KeepOnly(living) => keep_only(connection, living),
        }
    }
}

pub(super) fn forget_queues(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(FORGET_QUEUES)
}

/// Notes the highest number in use.
fn count(connection: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO counters (name, value) VALUES (?1, ?2)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE counters.value < excluded.value";
    connection.prepare_cached(sql)?.execute(params![name, value]).map(drop)
}

/// Deletes what is not among the living, and their names, which are about to be
/// written anew: two may have changed theirs into each other's.
fn keep_only(connection: &Connection, living: Living) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS living (id PRIMARY KEY);
         DELETE FROM living;",
    )?;
    let Living { sessions, clients, channels } = living;
    let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO living (id) VALUES (?1)")?;
    for session in sessions {
        insert.execute([session.0])?;
    }
    for client in clients {
        insert.execute([client.0])?;
    }
    for channel in channels {
        insert.execute([channel])?;
    }
    connection.execute_batch(
        "INSERT OR IGNORE INTO garbage SELECT target FROM conversations
         WHERE one NOT IN (SELECT id FROM living) OR other NOT IN (SELECT id FROM living);
         INSERT OR IGNORE INTO garbage SELECT 'c' || id FROM channels WHERE id NOT IN (SELECT id FROM living);
         DELETE FROM sessions WHERE id NOT IN (SELECT id FROM living);
         DELETE FROM clients WHERE key NOT IN (SELECT id FROM living);
         DELETE FROM channels WHERE id NOT IN (SELECT id FROM living);
         DELETE FROM members;
         UPDATE sessions SET nick = ' ' || id;
         UPDATE channels SET name = ' ' || id;
         DELETE FROM living;",
    )?;
    forget_queues(connection)
}
