//! Rows, as values.

use crate::ledger::{
    body::{Body, DropChange, Kind},
    deliveries::{Delivery, DeliveryState, Due, Outbox},
    entry::{Entry, Head},
    progress::Progress,
    rows::{
        ClientRow, Counters, Fingerprints, ListedCode, RecordedWin, Recovered, RecoveredRound, SessionRow, SpentToken,
        StrikeRow,
    },
    values::{DeliveryId, Digest, LARGEST_NUMBER, Seq, WallTime, WebhookId},
};
use puzzle::{RoundNumber, VisitorId};
use rusqlite::{Connection, Error, OptionalExtension, Params, Result, Row, types::Type};
use std::time::Duration;

/// What a stored value cannot be.
pub(super) fn damaged(column: usize, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::FromSqlConversionFailure(column, Type::Text, why.into())
}

pub(super) fn time(row: &Row<'_>, column: usize) -> Result<WallTime> {
    row.get::<_, u64>(column).map(WallTime::from_milliseconds)
}

pub(super) fn digest(row: &Row<'_>, column: usize) -> Result<Digest> {
    row.get(column).map(Digest::from_bytes)
}

/// As many rows as a statement may give; a store counts with a sign.
pub(super) fn limited(limit: usize) -> u64 {
    u64::try_from(limit).unwrap_or(LARGEST_NUMBER).min(LARGEST_NUMBER)
}

/// A number in a condition: nothing that is stored is larger than the largest.
pub(super) fn number(number: u64) -> u64 {
    number.min(LARGEST_NUMBER)
}

pub(super) fn progress(connection: &Connection) -> Result<Progress> {
    connection
        .prepare_cached(
            "SELECT seq, chain, entry_at, at, round, opened, ended, mining_time, noted_at,
             rounds, channels, sessions, tickets, wins, won_at, drop_entry, returned FROM race",
        )?
        .query_row([], |row| {
            Ok(Progress {
                head: Head { seq: Seq(row.get(0)?), chain: digest(row, 1)?, at: time(row, 2)? },
                at: time(row, 3)?,
                round: RoundNumber(row.get(4)?),
                opened: Seq(row.get(5)?),
                ended: seq_or_none(row.get(6)?),
                mining_time: Duration::from_nanos(row.get(7)?),
                noted_at: time(row, 8)?,
                counters: Counters {
                    rounds: row.get(9)?,
                    channels: row.get(10)?,
                    sessions: row.get(11)?,
                    tickets: row.get(12)?,
                },
                wins: row.get(13)?,
                returned: row.get(16)?,
                won_at: Some(time(row, 14)?).filter(|at| at.milliseconds() != 0),
                drop: seq_or_none(row.get(15)?),
            })
        })
}

/// True if the chain ends in the entries where the ledger says that it ends.
pub(super) fn is_complete(connection: &Connection) -> Result<bool> {
    let Head { seq, chain, at: _ } = progress(connection)?.head;
    let last = connection
        .query_row("SELECT seq, chain FROM entries ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((Seq(row.get(0)?), digest(row, 1)?))
        })
        .optional()?;
    Ok(last.unwrap_or((Head::START.seq, Head::START.chain)) == (seq, chain))
}

fn entry(row: &Row<'_>) -> Result<Entry> {
    let kind: String = row.get(2)?;
    let kind = Kind::named(&kind).ok_or_else(|| damaged(2, format!("there is no kind {kind:?}")))?;
    Entry::stored(Seq(row.get(0)?), time(row, 1)?, kind, RoundNumber(row.get(3)?), row.get(4)?, digest(row, 5)?)
        .map_err(|error| damaged(4, error))
}

pub(super) fn entries_after(connection: &Connection, seq: Seq, limit: usize) -> Result<Vec<Entry>> {
    connection
        .prepare_cached("SELECT seq, at, kind, round, body, chain FROM entries WHERE ?1 < seq ORDER BY seq LIMIT ?2")?
        .query_map([number(seq.0), limited(limit)], entry)?
        .collect()
}

fn entry_at(connection: &Connection, seq: Seq) -> Result<Entry> {
    connection
        .prepare_cached("SELECT seq, at, kind, round, body, chain FROM entries WHERE seq = ?1")?
        .query_row([seq.0], entry)
}

pub(super) fn win(row: &Row<'_>) -> Result<RecordedWin> {
    let Entry { seq, at, round, body, .. } = entry(row)?;
    match body {
        Body::Won(won) => Ok(RecordedWin { seq, at, round, won: *won }),
        _ => Err(damaged(2, format!("entry {seq} is no win"))),
    }
}

/// Wins by a condition on `wins` and in an order.
fn wins(connection: &Connection, rest: &str, params: impl Params) -> Result<Vec<RecordedWin>> {
    let sql = format!(
        "SELECT entries.seq, at, kind, entries.round, body, chain FROM wins JOIN entries ON entries.seq = wins.seq {rest}"
    );
    connection.prepare_cached(&sql)?.query_map(params, win)?.collect()
}

pub(super) fn win_of_round(connection: &Connection, round: RoundNumber) -> Result<Option<RecordedWin>> {
    Ok(wins(connection, "WHERE wins.round = ?1", [number(round.0)])?.pop())
}

pub(super) fn win_with_code(connection: &Connection, code: Digest) -> Result<Option<RecordedWin>> {
    let rest = "WHERE wins.code_digest = ?1 ORDER BY wins.round DESC LIMIT 1";
    Ok(wins(connection, rest, [code.as_bytes()])?.pop())
}

pub(super) fn wins_of(
    connection: &Connection,
    session: &str,
    round: RoundNumber,
    limit: usize,
) -> Result<Vec<RecordedWin>> {
    let rest = "WHERE wins.session = ?1 AND ?2 < wins.round ORDER BY wins.round DESC LIMIT ?3";
    wins(connection, rest, (session, number(round.0), limited(limit)))
}

pub(super) fn wins_after(connection: &Connection, round: RoundNumber, limit: usize) -> Result<Vec<RecordedWin>> {
    let rest = "WHERE ?1 < wins.round ORDER BY wins.round LIMIT ?2";
    wins(connection, rest, [number(round.0), limited(limit)])
}

pub(super) fn cursor(connection: &Connection, name: &str) -> Result<Seq> {
    let seq = connection
        .prepare_cached("SELECT seq FROM cursors WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(Seq(seq.unwrap_or(0)))
}

const DELIVERY: &str = "id, webhook_id, receiver, round, body, created_at, next_try_at, tries, failing_since,
    last_answer, state";

fn delivery_of(row: &Row<'_>) -> Result<Delivery> {
    let state: String = row.get(10)?;
    Ok(Delivery {
        id: DeliveryId(row.get(0)?),
        webhook_id: WebhookId::stored(row.get(1)?),
        receiver: row.get(2)?,
        round: row.get::<_, Option<u64>>(3)?.map(RoundNumber),
        body: row.get(4)?,
        created_at: time(row, 5)?,
        next_try_at: time(row, 6)?,
        tries: row.get(7)?,
        failing_since: row.get::<_, Option<u64>>(8)?.map(WallTime::from_milliseconds),
        last_answer: row.get(9)?,
        state: DeliveryState::named(&state).ok_or_else(|| damaged(10, format!("there is no state {state:?}")))?,
    })
}

pub(super) fn delivery(connection: &Connection, id: DeliveryId) -> Result<Option<Delivery>> {
    connection
        .prepare_cached(&format!("SELECT {DELIVERY} FROM deliveries WHERE id = ?1"))?
        .query_row([number(id.0)], delivery_of)
        .optional()
}

pub(super) fn deliveries_after(
    connection: &Connection,
    id: DeliveryId,
    state: Option<DeliveryState>,
    limit: usize,
) -> Result<Vec<Delivery>> {
    let sql =
        format!("SELECT {DELIVERY} FROM deliveries WHERE ?1 < id AND state = ifnull(?2, state) ORDER BY id LIMIT ?3");
    let params = (number(id.0), state.map(DeliveryState::name), limited(limit));
    connection.prepare_cached(&sql)?.query_map(params, delivery_of)?.collect()
}

pub(super) fn outbox(connection: &Connection) -> Result<Outbox> {
    let count = |state: DeliveryState| {
        let sql = format!("SELECT count(*) FROM deliveries WHERE state = '{}'", state.name());
        connection.prepare_cached(&sql)?.query_row([], |row| row.get(0))
    };
    // By the index: what was delivered long ago must not be passed over one by one.
    let oldest = "SELECT created_at FROM deliveries WHERE id =
        (SELECT min(id) FROM deliveries INDEXED BY deliveries_waiting WHERE state = 'waiting')";
    let oldest = connection.prepare_cached(oldest)?.query_row([], |row| time(row, 0)).optional()?;
    Ok(Outbox { waiting: count(DeliveryState::Waiting)?, parked: count(DeliveryState::Parked)?, oldest })
}

pub(super) fn due_deliveries(connection: &Connection, now: WallTime, limit: usize) -> Result<Due> {
    let mut due = Due::default();
    // From one receiver to the next, however many deliveries wait for each.
    let mut first = connection.prepare_cached("SELECT min(receiver) FROM deliveries WHERE state = 'waiting'")?;
    let mut next =
        connection.prepare_cached("SELECT min(receiver) FROM deliveries WHERE state = 'waiting' AND ?1 < receiver")?;
    let mut waiting = connection.prepare_cached(&format!(
        "SELECT {DELIVERY} FROM deliveries WHERE state = 'waiting' AND receiver = ?1 ORDER BY id"
    ))?;
    let mut receiver: Option<String> = first.query_row([], |row| row.get(0))?;
    while let Some(name) = receiver {
        due.add_receiver(waiting.query_map([&name], delivery_of)?, now, limit)?;
        receiver = next.query_row([&name], |row| row.get(0))?;
    }
    Ok(due.cut(limit))
}

/// All rows that a query gives.
fn rows<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    value: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    connection.prepare(sql)?.query_map(params, value)?.collect()
}

pub(super) fn recover(connection: &Connection, now: WallTime) -> Result<Recovered> {
    let progress = progress(connection)?;
    let now = now.max(progress.at).milliseconds();
    let sessions = rows(connection, "SELECT id, nick, human, stamped, visitor FROM sessions ORDER BY id", [], |row| {
        let visitor: Option<String> = row.get(4)?;
        let visitor: Option<VisitorId> =
            visitor.map(|text| text.parse()).transpose().map_err(|error| damaged(4, error))?;
        Ok(SessionRow { id: row.get(0)?, nick: row.get(1)?, human: row.get(2)?, stamped: row.get(3)?, visitor })
    })?;
    let clients = "SELECT key, session, expires_at, renews FROM clients WHERE ?1 <= expires_at ORDER BY key";
    let clients = rows(connection, clients, [now], |row| {
        let (key, expires_at) = (digest(row, 0)?, time(row, 2)?);
        Ok(ClientRow { key, session: row.get(1)?, expires_at, renews: row.get(3)? })
    })?;
    let tokens = "SELECT token, expires_at FROM spent_tokens WHERE ?1 <= expires_at ORDER BY token";
    let tokens =
        rows(connection, tokens, [now], |row| Ok(SpentToken { token: digest(row, 0)?, expires_at: time(row, 1)? }))?;
    let strikes = rows(connection, "SELECT session, count, until FROM strikes ORDER BY session", [], |row| {
        Ok(StrikeRow { session: row.get(0)?, count: row.get(1)?, until: time(row, 2)? })
    })?;
    Ok(Recovered {
        head: progress.head,
        round: newest_round(connection, &progress)?,
        counters: progress.counters,
        drop: newest_drop(connection, &progress)?,
        wins: progress.wins,
        returned: progress.returned,
        won_at: progress.won_at,
        fingerprints: fingerprints(connection)?,
        sessions,
        clients,
        tokens,
        strikes,
    })
}

fn newest_round(connection: &Connection, progress: &Progress) -> Result<Option<RecoveredRound>> {
    if progress.opened == Seq(0) {
        return Ok(None);
    }
    let opening = entry_at(connection, progress.opened)?;
    let ending = progress.ended.map(|seq| entry_at(connection, seq)).transpose()?;
    progress.newest_round(opening, ending).map(Some).ok_or_else(|| damaged(4, "the newest round has lost its entries"))
}

fn newest_drop(connection: &Connection, progress: &Progress) -> Result<Option<DropChange>> {
    let Some(seq) = progress.drop else { return Ok(None) };
    match entry_at(connection, seq)?.body {
        Body::Drop(change) => Ok(Some(change)),
        _ => Err(damaged(2, format!("entry {seq} is none of the drop"))),
    }
}

pub(super) fn codes_left(connection: &Connection, position: u64) -> Result<Vec<ListedCode>> {
    let sql = "SELECT position, code FROM listed_codes WHERE round IS NULL AND ?1 < position ORDER BY position";
    rows(connection, sql, [number(position)], |row| Ok(ListedCode { position: row.get(0)?, code: row.get(1)? }))
}

fn fingerprints(connection: &Connection) -> Result<Option<Fingerprints>> {
    connection.query_row("SELECT secret, cost, rule FROM race", [], |row| {
        let (secret, cost, rule): (Option<[u8; 32]>, Option<String>, Option<String>) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(secret.zip(cost).zip(rule).map(|((secret, cost), rule)| {
            let secret = Digest::from_bytes(secret);
            Fingerprints { secret, cost, rule }
        }))
    })
}

/// A number of an entry; 0 stands for none.
fn seq_or_none(seq: u64) -> Option<Seq> {
    (seq != 0).then_some(Seq(seq))
}
