//! The life of codes, the keys of other servers and what they were answered, as
//! statements and rows.

use super::{
    change::{Applied, Outcome, append, execute},
    read::{damaged, digest, limited, number, time, win},
};
use crate::ledger::{
    body::{Body, Kind, Redeemed, Revoked},
    callers::{ApiKeyRow, KeptAnswer, NewAnswer, NewKey},
    codes::{CodeRecord, CodeStatus, CodeTimes},
    error::Refused,
    progress::Progress,
    values::{Digest, WallTime},
};
use puzzle::RoundNumber;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

pub(super) fn redeem(connection: &Connection, progress: &mut Progress, redeemed: &Redeemed) -> Applied {
    let round = valid_code(connection, progress.at, &redeemed.code_digest)?;
    append(connection, progress, round, &Body::Redeemed(redeemed.clone()))?;
    let sql = "UPDATE wins SET redeemed = ?2 WHERE round = ?1";
    execute(connection, sql, [round.0, progress.head.seq.0])?;
    Ok(())
}

pub(super) fn revoke(connection: &Connection, progress: &mut Progress, revoked: &Revoked) -> Applied {
    let round = valid_code(connection, progress.at, &revoked.code_digest)?;
    append(connection, progress, round, &Body::Revoked(revoked.clone()))?;
    let sql = "UPDATE wins SET revoked = ?2 WHERE round = ?1";
    execute(connection, sql, [round.0, progress.head.seq.0])?;
    Ok(())
}

/// The round of a code that is valid at `now`.
fn valid_code(connection: &Connection, now: WallTime, code: &Digest) -> Outcome<RoundNumber> {
    let found = connection
        .prepare_cached(
            "SELECT wins.round, expires_at, used.at, ended.at FROM wins
             LEFT JOIN entries AS used ON used.seq = redeemed
             LEFT JOIN entries AS ended ON ended.seq = revoked
             WHERE code_digest = ?1 ORDER BY wins.round DESC LIMIT 1",
        )?
        .query_row([code.as_bytes()], |row| {
            let times = CodeTimes {
                expires_at: time_or_none(row, 1)?,
                redeemed: time_or_none(row, 2)?,
                revoked: time_or_none(row, 3)?,
            };
            Ok((RoundNumber(row.get(0)?), times))
        })
        .optional()?;
    let (round, times) = found.ok_or(Refused::CodeUnknown)?;
    match times.end(now) {
        Some(end) => Err(Refused::CodeEnded(end).into()),
        None => Ok(round),
    }
}

pub(super) fn return_codes(connection: &Connection, progress: &mut Progress, rounds: &[RoundNumber]) -> Applied {
    let sql = "UPDATE wins SET returned = 1
        WHERE round = ?1 AND expires_at <= ?2 AND redeemed IS NULL AND revoked IS NULL AND returned = 0";
    for round in rounds {
        if execute(connection, sql, [number(round.0), progress.at.milliseconds()])? == 0 {
            return Err(Refused::NotReturnable { round: *round }.into());
        }
        progress.returned += 1;
    }
    Ok(())
}

pub(super) fn create_key(connection: &Connection, at: WallTime, key: &NewKey) -> Applied {
    let NewKey { name, digest, scopes } = key;
    let sql = "INSERT INTO api_keys (name, digest, scopes, created_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    if execute(connection, sql, params![name, digest.as_bytes(), scopes, at.milliseconds()])? == 0 {
        return Err(Refused::KeyNameUsed(name.clone()).into());
    }
    Ok(())
}

pub(super) fn note_key_use(connection: &Connection, at: WallTime, digest: &Digest) -> Applied {
    let sql = "UPDATE api_keys SET last_used_at = ?2 WHERE digest = ?1";
    execute(connection, sql, params![digest.as_bytes(), at.milliseconds()])?;
    Ok(())
}

pub(super) fn revoke_key(connection: &Connection, at: WallTime, name: &str) -> Applied {
    let sql = "UPDATE api_keys SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL";
    if execute(connection, sql, params![name, at.milliseconds()])? == 0 {
        return Err(Refused::UnknownKey(name.to_owned()).into());
    }
    Ok(())
}

pub(super) fn keep_answer(connection: &Connection, at: WallTime, answer: &NewAnswer) -> Applied {
    if kept_answer(connection, answer.name)?.is_some_and(|kept| kept.holds(at)) {
        return Err(Refused::AnswerKept.into());
    }
    let NewAnswer { name, request, refusal } = answer;
    execute(
        connection,
        "INSERT OR REPLACE INTO kept_answers (name, request, refusal, at) VALUES (?1, ?2, ?3, ?4)",
        params![name.as_bytes(), request.as_bytes(), refusal, at.milliseconds()],
    )?;
    Ok(())
}

pub(super) fn kept_answer(connection: &Connection, name: Digest) -> Result<Option<KeptAnswer>> {
    connection
        .prepare_cached("SELECT request, refusal, at FROM kept_answers WHERE name = ?1")?
        .query_row([name.as_bytes()], |row| {
            let answer = NewAnswer { name, request: digest(row, 0)?, refusal: row.get(1)? };
            Ok(KeptAnswer { answer, at: time(row, 2)? })
        })
        .optional()
}

const KEY: &str = "SELECT name, digest, scopes, created_at, last_used_at, revoked_at FROM api_keys";

fn key_of(row: &Row<'_>) -> Result<ApiKeyRow> {
    Ok(ApiKeyRow {
        key: NewKey { name: row.get(0)?, digest: digest(row, 1)?, scopes: row.get(2)? },
        created_at: time(row, 3)?,
        last_used_at: time_or_none(row, 4)?,
        revoked_at: time_or_none(row, 5)?,
    })
}

pub(super) fn active_key(connection: &Connection, digest: Digest) -> Result<Option<ApiKeyRow>> {
    connection
        .prepare_cached(&format!("{KEY} WHERE digest = ?1 AND revoked_at IS NULL"))?
        .query_row([digest.as_bytes()], key_of)
        .optional()
}

pub(super) fn api_keys(connection: &Connection) -> Result<Vec<ApiKeyRow>> {
    connection.prepare(&format!("{KEY} ORDER BY name"))?.query_map([], key_of)?.collect()
}

/// The columns of an entry of a win come first, as [`win`] reads them.
const CODE: &str = "SELECT entries.seq, entries.at, entries.kind, entries.round, entries.body, entries.chain,
        used.at, used.body, ended.at, ended.body, returned
    FROM wins JOIN entries ON entries.seq = wins.seq
    LEFT JOIN entries AS used ON used.seq = redeemed
    LEFT JOIN entries AS ended ON ended.seq = revoked";

fn code_of(row: &Row<'_>) -> Result<CodeRecord> {
    let redeemed = match end_of(row, Kind::Redeemed, 6)? {
        Some((at, Body::Redeemed(redeemed))) => Some((at, redeemed)),
        _ => None,
    };
    let revoked = match end_of(row, Kind::Revoked, 8)? {
        Some((at, Body::Revoked(revoked))) => Some((at, revoked)),
        _ => None,
    };
    Ok(CodeRecord { win: win(row)?, redeemed, revoked, returned: row.get(10)? })
}

/// An entry that may be missing: its time, and its body in the column behind that.
fn end_of(row: &Row<'_>, kind: Kind, column: usize) -> Result<Option<(WallTime, Body)>> {
    let text: Option<String> = row.get(column + 1)?;
    let body = text.map(|text| Body::from_text(kind, &text)).transpose();
    let body = body.map_err(|error| damaged(column + 1, error))?;
    Ok(time_or_none(row, column)?.zip(body))
}

pub(super) fn code(connection: &Connection, code: Digest) -> Result<Option<CodeRecord>> {
    connection
        .prepare_cached(&format!("{CODE} WHERE code_digest = ?1 ORDER BY wins.round DESC LIMIT 1"))?
        .query_row([code.as_bytes()], code_of)
        .optional()
}

pub(super) fn codes_after(
    connection: &Connection,
    round: RoundNumber,
    status: Option<CodeStatus>,
    now: WallTime,
    limit: usize,
) -> Result<Vec<CodeRecord>> {
    let condition = match status {
        None => "",
        Some(CodeStatus::Valid) => {
            "AND redeemed IS NULL AND revoked IS NULL AND (expires_at IS NULL OR ?1 < expires_at)"
        }
        Some(CodeStatus::Expired) => "AND redeemed IS NULL AND revoked IS NULL AND expires_at <= ?1",
        Some(CodeStatus::Redeemed) => "AND redeemed IS NOT NULL",
        Some(CodeStatus::Revoked) => "AND revoked IS NOT NULL",
    };
    let sql = format!("{CODE} WHERE ?2 < wins.round {condition} ORDER BY wins.round LIMIT ?3");
    let params = [now.milliseconds(), number(round.0), limited(limit)];
    connection.prepare_cached(&sql)?.query_map(params, code_of)?.collect()
}

pub(super) fn returnable_codes(connection: &Connection, now: WallTime, limit: usize) -> Result<Vec<RoundNumber>> {
    connection
        .prepare_cached(
            "SELECT round FROM wins WHERE expires_at IS NOT NULL AND expires_at <= ?1
             AND redeemed IS NULL AND revoked IS NULL AND returned = 0 ORDER BY expires_at, round LIMIT ?2",
        )?
        .query_map([now.milliseconds(), limited(limit)], |row| row.get(0).map(RoundNumber))?
        .collect()
}

fn time_or_none(row: &Row<'_>, column: usize) -> Result<Option<WallTime>> {
    Ok(row.get::<_, Option<u64>>(column)?.map(WallTime::from_milliseconds))
}
