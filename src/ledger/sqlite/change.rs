//! What every change comes down to: a statement, an entry, or a refusal.

use crate::ledger::{
    body::{Body, Won},
    entry::Entry,
    error::Refused,
    progress::Progress,
    values::{Digest, WallTime},
};
use puzzle::RoundNumber;
use rusqlite::{Connection, Error, ErrorCode, Params, params};

/// Why a transaction cannot go on.
#[derive(Debug)]
pub(super) enum ApplyError {
    /// It is refused; others may go on.
    Refused(Refused),
    /// The store fails.
    Store(Error),
}

impl From<Refused> for ApplyError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Error> for ApplyError {
    fn from(error: Error) -> Self {
        match &error {
            // The transaction's fault, and not the store's: the store goes on.
            Error::ToSqlConversionFailure(_) => Self::Refused(Refused::Unstorable(error.to_string())),
            _ if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Self::Refused(Refused::Unstorable(error.to_string()))
            }
            _ => Self::Store(error),
        }
    }
}

/// What a change, or a look at what it takes for granted, comes to.
pub(super) type Outcome<T> = Result<T, ApplyError>;

pub(super) type Applied = Outcome<()>;

pub(super) fn execute(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params)
}

pub(super) fn append(connection: &Connection, progress: &mut Progress, round: RoundNumber, body: &Body) -> Applied {
    let entry = progress.append(round, body)?;
    execute(
        connection,
        "INSERT INTO entries (seq, at, kind, round, body, chain) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            entry.seq.0,
            entry.at.milliseconds(),
            body.kind().name(),
            round.0,
            entry.text(),
            entry.chain.as_bytes()
        ],
    )?;
    if let Body::Won(won) = body { insert_win(connection, &entry, won) } else { Ok(()) }
}

fn insert_win(connection: &Connection, entry: &Entry, won: &Won) -> Applied {
    let code_digest = Digest::of(&[won.code.as_str().as_bytes()]);
    let inserted = execute(
        connection,
        "INSERT INTO wins (round, seq, ticket, session, visitor, network, code_digest, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (ticket) DO NOTHING",
        params![
            entry.round.0,
            entry.seq.0,
            won.ticket.0,
            won.session,
            won.visitor.as_str(),
            won.network,
            code_digest.as_bytes(),
            won.expires_at.map(WallTime::milliseconds)
        ],
    )?;
    if inserted == 0 { Err(Refused::TicketUsed.into()) } else { Ok(()) }
}
