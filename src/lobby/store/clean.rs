//! How old things are deleted, in small steps.

use super::spent::{StampKind, forget_stamps};
use rusqlite::{Connection, params};

/// How many rows one step deletes at most from each place.
const MOST_ROWS_OF_A_STEP: u32 = 500;

/// What one step has done.
#[derive(Debug)]
pub(super) struct Cleaned {
    /// True if a bound was reached, so that there may be more.
    pub(super) is_more: bool,
    /// How many spent stamps of each kind were forgotten.
    pub(super) stamps: Vec<(StampKind, usize)>,
}

/// Deletes a bounded number of rows that are too old or too many: of `target` all
/// messages but the newest `keep`, of everything else what is too old.
pub(super) fn clean(connection: &Connection, now: u64, target: Option<&str>, keep: u32) -> rusqlite::Result<Cleaned> {
    let mut is_more = false;
    let mut run = |sql: &str, parameters: &[&dyn rusqlite::ToSql]| -> rusqlite::Result<()> {
        let deleted = connection.prepare_cached(sql)?.execute(parameters)?;
        is_more |= MOST_ROWS_OF_A_STEP as usize <= deleted;
        Ok(())
    };
    if let Some(target) = target {
        run(
            "DELETE FROM messages WHERE seq IN
             (SELECT seq FROM messages WHERE target = ?1 ORDER BY seq DESC LIMIT ?2 OFFSET ?3)",
            params![target, MOST_ROWS_OF_A_STEP, keep],
        )?;
    }
    run(
        "DELETE FROM messages WHERE seq IN
         (SELECT seq FROM messages WHERE target = (SELECT target FROM garbage LIMIT 1) LIMIT ?1)",
        params![MOST_ROWS_OF_A_STEP],
    )?;
    run(
        "DELETE FROM garbage WHERE target = (SELECT target FROM garbage LIMIT 1)
         AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.target = garbage.target)",
        params![],
    )?;
    let mut stamps = Vec::new();
    for kind in StampKind::ALL {
        let forgotten = forget_stamps(connection, kind, now.saturating_sub(kind.life_seconds()), MOST_ROWS_OF_A_STEP)?;
        is_more |= MOST_ROWS_OF_A_STEP as usize <= forgotten;
        stamps.push((kind, forgotten));
    }
    let is_more = is_more || connection.prepare_cached("SELECT 1 FROM garbage LIMIT 1")?.exists([])?;
    Ok(Cleaned { is_more, stamps })
}
