//! Changes, as statements.

use super::{
    change::{Applied, append, execute},
    codes, read,
};
use crate::ledger::{
    deliveries::{Delivery, DeliveryState, NewDelivery},
    error::Refused,
    fault,
    nanoseconds::to_nanoseconds,
    progress::{Progress, storable},
    rows::{ClientRow, Fingerprints, SessionRow, SpentToken, StrikeRow, WinQuota},
    transaction::{Change, FORGET_AT_ONCE, Transaction},
    values::{DeliveryId, Digest, WallTime},
};
use rusqlite::{Connection, params};

/// Makes all changes of a transaction and moves `progress` on, which is not written.
pub(super) fn apply(connection: &Connection, progress: &mut Progress, transaction: &Transaction) -> Applied {
    for change in transaction.changes() {
        apply_one(connection, progress, change)?;
        fault::point("ledger.after_change");
    }
    Ok(())
}

/// Writes how far the ledger has come.
pub(super) fn write_progress(connection: &Connection, progress: &Progress) -> rusqlite::Result<()> {
    let Progress { head, at, round, opened, ended, mining_time, noted_at, counters, wins, returned, won_at, drop } =
        progress;
    connection
        .prepare_cached(
            "UPDATE race SET seq = ?1, chain = ?2, entry_at = ?3, at = ?4, round = ?5, opened = ?6, ended = ?7,
             mining_time = ?8, noted_at = ?9, rounds = ?10, channels = ?11, sessions = ?12, tickets = ?13,
             wins = ?14, won_at = ?15, drop_entry = ?16, returned = ?17",
        )?
        .execute(params![
            head.seq.0,
            head.chain.as_bytes(),
            head.at.milliseconds(),
            at.milliseconds(),
            round.0,
            opened.0,
            ended.map_or(0, |seq| seq.0),
            to_nanoseconds(*mining_time),
            noted_at.milliseconds(),
            counters.rounds,
            counters.channels,
            counters.sessions,
            counters.tickets,
            wins,
            won_at.map_or(0, WallTime::milliseconds),
            drop.map_or(0, |seq| seq.0),
            returned,
        ])
        .map(|_| ())
}

fn apply_one(connection: &Connection, progress: &mut Progress, change: &Change) -> Applied {
    let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| execute(connection, sql, params);
    let at_once = FORGET_AT_ONCE as u64;
    match change {
        Change::Append { round, body } => append(connection, progress, *round, body)?,
        Change::RequireQuota(quota) => require_quota(connection, progress.at, quota)?,
        Change::AddCodes(codes) => {
            let sql = "INSERT INTO listed_codes (code)
                SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM listed_codes WHERE code = ?1)";
            for code in codes {
                run(sql, params![code])?;
            }
        }
        Change::TakeCode { code, round } => {
            let sql = "UPDATE listed_codes SET round = ?2 WHERE code = ?1 AND round IS NULL";
            if run(sql, params![code, round.0])? == 0 {
                return Err(Refused::CodeTaken.into());
            }
        }
        Change::Redeem(redeemed) => codes::redeem(connection, progress, redeemed)?,
        Change::Revoke(revoked) => codes::revoke(connection, progress, revoked)?,
        Change::ReturnCodes(rounds) => codes::return_codes(connection, progress, rounds)?,
        Change::CreateKey(key) => codes::create_key(connection, progress.at, key)?,
        Change::NoteKeyUse(digest) => codes::note_key_use(connection, progress.at, digest)?,
        Change::RevokeKey(name) => codes::revoke_key(connection, progress.at, name)?,
        Change::KeepAnswer(answer) => codes::keep_answer(connection, progress.at, answer)?,
        Change::ForgetAnswers(before) => {
            run(
                "DELETE FROM kept_answers WHERE name IN (SELECT name FROM kept_answers
                 WHERE at < ?1 ORDER BY at, name LIMIT ?2)",
                params![before.milliseconds(), at_once],
            )?;
        }
        Change::Snapshot { round, mining_time } => progress.note(*round, *mining_time),
        Change::Deliver(new) => deliver(connection, progress.at, new)?,
        Change::DeliveryTried { id, outcome } => {
            let mut delivery = read::delivery(connection, *id)?.ok_or(Refused::UnknownDelivery(*id))?;
            if delivery.state != DeliveryState::Waiting {
                return Err(Refused::NotWaiting(*id).into());
            }
            delivery.tried(progress.at, outcome);
            update_delivery(connection, &delivery)?;
        }
        Change::ResendDelivery(id) => {
            let mut delivery = read::delivery(connection, *id)?.ok_or(Refused::UnknownDelivery(*id))?;
            delivery.resend(progress.at);
            update_delivery(connection, &delivery)?;
        }
        Change::HurryDeliveries { receiver, at } => {
            run(
                "UPDATE deliveries SET next_try_at = ?1
                 WHERE state = 'waiting' AND ?1 < next_try_at AND receiver = ifnull(?2, receiver)",
                params![at.milliseconds(), receiver],
            )?;
        }
        Change::ForgetDelivered(before) => {
            run(
                "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries
                 WHERE state = 'delivered' AND created_at < ?1 ORDER BY id LIMIT ?2)",
                params![before.milliseconds(), at_once],
            )?;
        }
        Change::PutSession(session) => put_session(connection, session)?,
        Change::PutClient(client) => put_client(connection, client)?,
        Change::RenewClients(clients) => {
            for (key, expires_at) in clients {
                run(
                    "UPDATE clients SET expires_at = ?2 WHERE key = ?1",
                    params![key.as_bytes(), expires_at.milliseconds()],
                )?;
            }
        }
        Change::RemoveClient(key) => remove_client(connection, key)?,
        Change::RemoveSession(id) => {
            run("DELETE FROM sessions WHERE id = ?1", params![id])?;
        }
        Change::ForgetClients(before) => {
            for key in expired_clients(connection, *before)? {
                remove_client(connection, &key)?;
            }
        }
        Change::SpendToken(SpentToken { token, expires_at }) => {
            let sql = "INSERT INTO spent_tokens (token, expires_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            if run(sql, params![token.as_bytes(), expires_at.milliseconds()])? == 0 {
                return Err(Refused::TokenSpent.into());
            }
        }
        Change::ForgetTokens(before) => {
            run(
                "DELETE FROM spent_tokens WHERE token IN (SELECT token FROM spent_tokens
                 WHERE expires_at < ?1 ORDER BY expires_at, token LIMIT ?2)",
                params![before.milliseconds(), at_once],
            )?;
        }
        Change::PutStrike(StrikeRow { session, count, until }) => {
            run(
                "INSERT OR REPLACE INTO strikes (session, count, until) VALUES (?1, ?2, ?3)",
                params![session, count, until.milliseconds()],
            )?;
        }
        Change::RemoveStrike(session) => {
            run("DELETE FROM strikes WHERE session = ?1", params![session])?;
        }
        Change::ForgetStrikes(before) => {
            run(
                "DELETE FROM strikes WHERE session IN (SELECT session FROM strikes
                 WHERE until < ?1 ORDER BY until, session LIMIT ?2)",
                params![before.milliseconds(), at_once],
            )?;
        }
        Change::RaiseCounter { counter, to } => {
            let value = progress.counters.of(*counter);
            *value = storable(*to)?.max(*value);
        }
        Change::SetFingerprints(Fingerprints { secret, cost, rule }) => {
            run("UPDATE race SET secret = ?1, cost = ?2, rule = ?3", params![secret.as_bytes(), cost, rule])?;
        }
        Change::MoveCursor { name, from, to } => {
            progress.may_move(name, read::cursor(connection, name)?, *from, *to)?;
            run("INSERT OR REPLACE INTO cursors (name, seq) VALUES (?1, ?2)", params![name, to.0])?;
        }
    }
    Ok(())
}

fn require_quota(connection: &Connection, now: WallTime, quota: &WinQuota) -> Applied {
    let WinQuota { session, visitor, network, .. } = quota;
    let (person, last) = connection
        .prepare_cached(
            "SELECT count(*), max(at) FROM wins JOIN entries ON entries.seq = wins.seq
             WHERE session = ?1 OR (network = ?2 AND visitor = ?3)",
        )?
        .query_row(params![session, network, visitor.as_str()], |row| {
            Ok((row.get(0)?, row.get::<_, Option<u64>>(1)?.map(WallTime::from_milliseconds)))
        })?;
    let of_network = connection
        .prepare_cached("SELECT count(*) FROM wins WHERE network = ?1")?
        .query_row([network], |row| row.get(0))?;
    let allowed = quota.check(person, last, of_network, now);
    allowed.map_err(|(quota, until)| Refused::QuotaReached { quota, until }.into())
}

fn deliver(connection: &Connection, at: WallTime, new: &NewDelivery) -> Applied {
    let Delivery { webhook_id, receiver, round, body, created_at, next_try_at, tries, state, .. } =
        Delivery::new(DeliveryId(0), new.clone(), at);
    let inserted = execute(
        connection,
        "INSERT INTO deliveries (webhook_id, receiver, round, body, created_at, next_try_at, tries, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (webhook_id) DO NOTHING",
        params![
            webhook_id.as_str(),
            receiver,
            round.map(|round| round.0),
            body,
            created_at.milliseconds(),
            next_try_at.milliseconds(),
            tries,
            state.name()
        ],
    )?;
    if inserted == 0 { Err(Refused::WebhookIdUsed.into()) } else { Ok(()) }
}

fn update_delivery(connection: &Connection, delivery: &Delivery) -> rusqlite::Result<()> {
    let Delivery { id, next_try_at, tries, failing_since, last_answer, state, .. } = delivery;
    execute(
        connection,
        "UPDATE deliveries SET next_try_at = ?2, tries = ?3, failing_since = ?4, last_answer = ?5, state = ?6
         WHERE id = ?1",
        params![
            id.0,
            next_try_at.milliseconds(),
            tries,
            failing_since.map(WallTime::milliseconds),
            last_answer,
            state.name()
        ],
    )
    .map(drop)
}

fn put_session(connection: &Connection, session: &SessionRow) -> rusqlite::Result<()> {
    let SessionRow { id, nick, human, stamped, visitor } = session;
    execute(
        connection,
        "INSERT INTO sessions (id, nick, human, stamped, visitor) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET nick = ?2, human = ?3, stamped = ?4, visitor = ?5",
        params![id, nick, human, stamped, visitor.as_ref().map(puzzle::VisitorId::as_str)],
    )
    .map(drop)
}

fn put_client(connection: &Connection, client: &ClientRow) -> Applied {
    let ClientRow { key, session, expires_at, renews } = client;
    if !connection.prepare_cached("SELECT 1 FROM sessions WHERE id = ?1")?.exists([session])? {
        return Err(Refused::UnknownSession.into());
    }
    execute(
        connection,
        "INSERT OR REPLACE INTO clients (key, session, expires_at, renews) VALUES (?1, ?2, ?3, ?4)",
        params![key.as_bytes(), session, expires_at.milliseconds(), renews],
    )?;
    Ok(())
}

/// Forgets a client, and with the last one its session.
fn remove_client(connection: &Connection, key: &Digest) -> rusqlite::Result<()> {
    let session = connection
        .prepare_cached("DELETE FROM clients WHERE key = ?1 RETURNING session")?
        .query_map([key.as_bytes()], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for session in session {
        execute(
            connection,
            "DELETE FROM sessions WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM clients WHERE session = ?1)",
            [session],
        )?;
    }
    Ok(())
}

fn expired_clients(connection: &Connection, before: WallTime) -> rusqlite::Result<Vec<Digest>> {
    connection
        .prepare_cached("SELECT key FROM clients WHERE expires_at < ?1 ORDER BY expires_at, key LIMIT ?2")?
        .query_map(params![before.milliseconds(), FORGET_AT_ONCE as u64], |row| row.get(0).map(Digest::from_bytes))?
        .collect()
}
