//! What the lobby starts with.

use super::{numbers::unpack, write::ChannelRow};
use crate::identity::session::{ClientKey, Passed, SessionId};
use rusqlite::{Connection, Row};
use std::collections::{BTreeMap, HashMap};

/// A session as it was stored.
#[derive(Clone, Debug)]
pub(in super::super) struct SessionRow {
    /// Its id.
    pub(in super::super) id: SessionId,
    /// Its nick.
    pub(in super::super) nick: String,
    /// Its password's hash.
    pub(in super::super) password: Option<String>,
    /// The gates it had passed.
    pub(in super::super) passed: Passed,
    /// Since when it is in the lobby.
    pub(in super::super) created_at: u64,
}

/// A client as it was stored.
#[derive(Clone, Debug)]
pub(in super::super) struct StoredClient {
    /// Its key.
    pub(in super::super) key: ClientKey,
    /// Whose it is.
    pub(in super::super) session: SessionId,
    /// When it was last seen.
    pub(in super::super) last_seen: u64,
    /// From which event's number on it hears what is said.
    pub(in super::super) since: u64,
}

/// A membership as it was stored.
#[derive(Clone, Debug)]
pub(in super::super) struct StoredMember {
    /// The member.
    pub(in super::super) session: SessionId,
    /// Has `o`.
    pub(in super::super) operator: bool,
    /// Has `v`.
    pub(in super::super) voice: bool,
    /// From which event's number on it hears what is said.
    pub(in super::super) since: u64,
}

/// A line that may stand in queues.
#[derive(Clone, Debug)]
pub(in super::super) struct StoredLine {
    /// The channel or conversation, if it stands in the history.
    pub(in super::super) target: Option<String>,
    /// The envelope.
    pub(in super::super) envelope: String,
}

/// A channel with its members.
#[derive(Clone, Debug)]
pub(in super::super) struct StoredChannel {
    /// The channel.
    pub(in super::super) row: ChannelRow,
    /// Its members.
    pub(in super::super) members: Vec<StoredMember>,
}

/// Everything that is kept in memory while the lobby runs.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The sessions.
    pub(in super::super) sessions: Vec<SessionRow>,
    /// Their clients.
    pub(in super::super) clients: Vec<StoredClient>,
    /// The networks that sessions have logged in from.
    pub(in super::super) networks: Vec<(SessionId, String)>,
    /// The channels.
    pub(in super::super) channels: Vec<StoredChannel>,
    /// Who talks with whom: target, one, other.
    pub(in super::super) conversations: Vec<(String, SessionId, SessionId)>,
    /// The numbers of the lines in the queues, as they were at the last stop; none
    /// after a crash.
    pub(in super::super) queues: HashMap<ClientKey, Vec<u64>>,
    /// The lines that may stand in queues, by number.
    pub(in super::super) lines: BTreeMap<u64, StoredLine>,
    /// The newest messages of the lobby's own channel, oldest first.
    pub(in super::super) recent: Vec<(u64, String)>,
    /// The highest number of an event that was ever given out.
    pub(in super::super) last_seq: u64,
    /// The same of channels.
    pub(in super::super) last_channel: i64,
}

/// The id of the channel that always exists.
pub(in super::super) const LOBBY_ID: i64 = 1;

/// How many of its lines are kept in memory for the page.
pub(in super::super) const MOST_RECENT: usize = 50;

/// How many of the newest messages may come back into queues.
const MOST_LINES: u32 = 100_000;

pub(super) fn load(connection: &Connection) -> rusqlite::Result<Loaded> {
    let mut channels = rows(
        connection,
        "SELECT id, name, topic, topic_by, topic_at, modes, hashcash_bits, created_at FROM channels",
        |row| {
            let topic = match (row.get(2)?, row.get(3)?, row.get(4)?) {
                (Some(text), Some(by), Some(at)) => Some((text, by, at)),
                _ => None,
            };
            Ok(StoredChannel {
                row: ChannelRow {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    topic,
                    modes: row.get(5)?,
                    hashcash_bits: row.get(6)?,
                    created_at: row.get(7)?,
                },
                members: Vec::new(),
            })
        },
    )?;
    let members = rows(connection, "SELECT channel, session, operator, voice, since FROM members", |row| {
        let member = StoredMember {
            session: SessionId(row.get(1)?),
            operator: row.get(2)?,
            voice: row.get(3)?,
            since: row.get(4)?,
        };
        Ok((row.get::<_, i64>(0)?, member))
    })?;
    let mut by_id: HashMap<i64, &mut StoredChannel> =
        channels.iter_mut().map(|channel| (channel.row.id, channel)).collect();
    for (channel, member) in members {
        if let Some(channel) = by_id.get_mut(&channel) {
            channel.members.push(member);
        }
    }
    let sessions = rows(connection, "SELECT id, nick, password, human, stamped, created_at FROM sessions", |row| {
        Ok(SessionRow {
            id: SessionId(row.get(0)?),
            nick: row.get(1)?,
            password: row.get(2)?,
            passed: Passed { human: row.get(3)?, stamped: row.get(4)? },
            created_at: row.get(5)?,
        })
    })?;
    let clients = rows(connection, "SELECT key, session, last_seen, since FROM clients", |row| {
        Ok(StoredClient {
            key: ClientKey(row.get(0)?),
            session: SessionId(row.get(1)?),
            last_seen: row.get(2)?,
            since: row.get(3)?,
        })
    })?;
    let networks = rows(connection, "SELECT session, network FROM known_networks", |row| {
        Ok((SessionId(row.get(0)?), row.get(1)?))
    })?;
    let conversations = rows(connection, "SELECT target, one, other FROM conversations", |row| {
        Ok((row.get(0)?, SessionId(row.get(1)?), SessionId(row.get(2)?)))
    })?;
    let (queues, lines) = queues(connection)?;
    let mut recent = rows(
        connection,
        &format!(
            "SELECT seq, envelope FROM messages WHERE target = 'c{LOBBY_ID}' ORDER BY seq DESC LIMIT {MOST_RECENT}"
        ),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    recent.reverse();
    let counter = |name: &str| -> rusqlite::Result<Option<u64>> {
        let sql = "SELECT max(value) FROM counters WHERE name = ?1";
        connection.query_row(sql, [name], |row| row.get(0))
    };
    let newest: Option<u64> = connection.query_row("SELECT max(seq) FROM messages", [], |row| row.get(0))?;
    let last_seq = lines.keys().copied().chain(newest).chain(counter("event")?).max().unwrap_or(0);
    let last_channel = counter("channel")?.and_then(|id| i64::try_from(id).ok()).unwrap_or(LOBBY_ID);
    Ok(Loaded { sessions, clients, networks, channels, conversations, queues, lines, recent, last_seq, last_channel })
}

/// The numbers of the lines that each client has not read.
type Queues = HashMap<ClientKey, Vec<u64>>;

/// Lines by their numbers.
type Lines = BTreeMap<u64, StoredLine>;

/// The queues and the lines in them.
fn queues(connection: &Connection) -> rusqlite::Result<(Queues, Lines)> {
    let mut queues = Queues::new();
    for (client, number) in rows(connection, "SELECT client, seq FROM queues_of_version_1 ORDER BY seq", |row| {
        Ok((ClientKey(row.get(0)?), row.get(1)?))
    })? {
        queues.entry(client).or_default().push(number);
    }
    queues.extend(rows(connection, "SELECT client, numbers FROM queues", |row| {
        Ok((ClientKey(row.get(0)?), unpack(&row.get::<_, Vec<u8>>(1)?)))
    })?);
    let newest = format!("SELECT seq, target, envelope FROM messages ORDER BY seq DESC LIMIT {MOST_LINES}");
    let messages = rows(connection, &newest, |row| {
        Ok((row.get(0)?, StoredLine { target: Some(row.get(1)?), envelope: row.get(2)? }))
    })?;
    let others = rows(connection, "SELECT seq, envelope FROM lines", |row| {
        Ok((row.get(0)?, StoredLine { target: None, envelope: row.get(1)? }))
    })?;
    // What stands in the history has its target.
    Ok((queues, others.into_iter().chain(messages).collect()))
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare(sql)?.query_map([], read)?.collect()
}
