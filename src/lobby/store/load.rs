//! What the lobby starts with.

use super::write::ChannelRow;
use crate::identity::session::{ClientKey, Passed, SessionId};
use rusqlite::{Connection, Row};

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

/// A channel with its members: session, operator, voice.
#[derive(Clone, Debug)]
pub(in super::super) struct StoredChannel {
    /// The channel.
    pub(in super::super) row: ChannelRow,
    /// Its members.
    pub(in super::super) members: Vec<(SessionId, bool, bool)>,
}

/// Everything that is kept in memory while the lobby runs.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The sessions.
    pub(in super::super) sessions: Vec<SessionRow>,
    /// Their clients: key, session, when it was last seen.
    pub(in super::super) clients: Vec<(ClientKey, SessionId, u64)>,
    /// The channels.
    pub(in super::super) channels: Vec<StoredChannel>,
    /// What clients had not fetched, in order.
    pub(in super::super) queues: Vec<(ClientKey, u64, String)>,
    /// The newest messages of the lobby's own channel, oldest first.
    pub(in super::super) recent: Vec<(u64, String)>,
    /// The highest number in use.
    pub(in super::super) last_seq: u64,
}

/// The id of the channel that always exists.
pub(in super::super) const LOBBY_ID: i64 = 1;

/// How many of its lines are kept in memory for the page.
pub(in super::super) const MOST_RECENT: usize = 50;

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
    let members = rows(connection, "SELECT channel, session, operator, voice FROM members", |row| {
        Ok((row.get::<_, i64>(0)?, SessionId(row.get(1)?), row.get(2)?, row.get(3)?))
    })?;
    let mut by_id: std::collections::HashMap<i64, &mut StoredChannel> =
        channels.iter_mut().map(|channel| (channel.row.id, channel)).collect();
    for (channel, session, operator, voice) in members {
        if let Some(channel) = by_id.get_mut(&channel) {
            channel.members.push((session, operator, voice));
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
    let clients = rows(connection, "SELECT key, session, last_seen FROM clients", |row| {
        Ok((ClientKey(row.get(0)?), SessionId(row.get(1)?), row.get(2)?))
    })?;
    let queues = rows(connection, "SELECT client, seq, envelope FROM queues ORDER BY client, seq", |row| {
        Ok((ClientKey(row.get(0)?), row.get(1)?, row.get(2)?))
    })?;
    // From here on they are in memory; the next stop writes what is left of them.
    connection.execute("DELETE FROM queues", [])?;
    let mut recent = rows(
        connection,
        &format!(
            "SELECT seq, envelope FROM messages WHERE target = 'c{LOBBY_ID}' ORDER BY seq DESC LIMIT {MOST_RECENT}"
        ),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    recent.reverse();
    let newest: Option<u64> = connection.query_row("SELECT max(seq) FROM messages", [], |row| row.get(0))?;
    let last_seq = queues.iter().map(|(_, seq, _)| *seq).chain(newest).max().unwrap_or(0);
    Ok(Loaded { sessions, clients, channels, queues, recent, last_seq })
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare(sql)?.query_map([], read)?.collect()
}
