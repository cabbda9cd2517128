//! Whether there is room to write, and how it is made.

use super::bounds::{Bounds, FLOOR, FreeSpace, Pages};
use crate::clock::Clock;
use rusqlite::{Connection, params};
use std::{
    collections::BTreeSet,
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// How long SQLite waits for another process that has the file locked.
pub(super) const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// How often it is asked how much space is free.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How many messages one step deletes, and how many steps are taken before one commit:
/// some thirty milliseconds of work.
const MESSAGES_OF_A_STEP: u32 = 100;
const STEPS_AT_ONCE: usize = 100;

/// Why nothing is written, before it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Scarcity {
    /// What is free is left to the race; in bytes.
    Space {
        /// So much is free.
        free: u64,
        /// So much would have to be.
        floor: u64,
    },
    /// The write-ahead log cannot be moved into the database: there is room in it for the
    /// stamps of the race's gate, but not for a large change.
    Log,
    /// The same, and there is no room for anything.
    FullLog,
}

impl Scarcity {
    /// True if not even the stamps of the race's gate are written.
    pub(super) const fn holds_for_the_gate(self) -> bool {
        matches!(self, Self::FullLog)
    }
}

impl fmt::Display for Scarcity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Space { free, floor } => write!(
                f,
                "only {free} bytes are free on its file system: below {floor} the lobby writes nothing, so that the \
                 race can"
            ),
            Self::Log | Self::FullLog => {
                f.write_str("its write-ahead log cannot be moved into it and has reached its bound: who else reads it?")
            }
        }
    }
}

/// Where the database is, and what it may take up.
pub(super) struct Room {
    pages: Pages,
    /// The database's directory and its log; `None` in memory.
    places: Option<Places>,
    free_space: FreeSpace,
    clock: Arc<dyn Clock>,
    /// When it was last asked how much is free, and whether that was too little.
    looked_at: Option<Duration>,
    scarcity: Option<Scarcity>,
}

struct Places {
    directory: PathBuf,
    log: PathBuf,
}

impl Room {
    /// The room of a database in memory or, with its write-ahead log, in a file.
    pub(super) fn new(bounds: Bounds, pages: Pages, log: Option<PathBuf>) -> Self {
        let Bounds { free_space, clock, .. } = bounds;
        let places = log.map(|log| {
            let directory = log.parent().filter(|directory| *directory != Path::new(""));
            Places { directory: directory.unwrap_or(Path::new(".")).to_owned(), log }
        });
        Self { pages, places, free_space, clock, looked_at: None, scarcity: None }
    }

    pub(super) const fn pages(&self) -> Pages {
        self.pages
    }

    /// Why nothing may be written now, if so.
    pub(super) fn look(&mut self, connection: &Connection) -> Option<Scarcity> {
        let places = self.places.as_ref()?;
        let now = self.clock.now();
        if self.looked_at.is_none_or(|at| LOOK_INTERVAL <= now.saturating_sub(at)) {
            self.looked_at = Some(now);
            // Where it cannot be told, a write that fails will tell.
            let free = (self.free_space)(&places.directory).unwrap_or(u64::MAX);
            self.scarcity = (free < FLOOR).then_some(Scarcity::Space { free, floor: FLOOR });
        }
        let log = || fs::metadata(&places.log).map_or(0, |log| log.len());
        // SQLite moves the log by itself after a commit; it is this long after a large
        // change, or because that fails.
        if self.pages.longest_log() < log() {
            // Whether it was moved is seen by its length.
            let _ = move_log(connection);
        }
        match log() {
            length if self.pages.fullest_log() < length => Some(Scarcity::FullLog),
            length if self.pages.longest_log() < length => self.scarcity.or(Some(Scarcity::Log)),
            _ => self.scarcity,
        }
    }
}

/// Moves the log into the database and empties its file, unless another process is
/// reading: that is not waited for, because all who write here would wait with us.
pub(super) fn move_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::ZERO)?;
    let moved = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    connection.busy_timeout(LOCK_PATIENCE)?;
    moved
}

/// How many pages hold something.
pub(super) fn pages_in_use(connection: &Connection) -> rusqlite::Result<u64> {
    let count = |pragma| connection.prepare_cached(pragma)?.query_row([], |row| row.get::<_, u64>(0));
    Ok(count("PRAGMA page_count")?.saturating_sub(count("PRAGMA freelist_count")?))
}

/// Deletes the oldest history where the database is nearly as large as it may be, in
/// steps of which there are a few at once. True if there may be more to delete.
pub(super) fn make_room(connection: &Connection, pages: Pages) -> rusqlite::Result<bool> {
    if pages_in_use(connection)? <= pages.ample {
        return Ok(false);
    }
    let transaction = connection.unchecked_transaction()?;
    let mut is_more = true;
    for _ in 0..STEPS_AT_ONCE {
        is_more = pages.ample < pages_in_use(&transaction)? && delete_oldest(&transaction)?;
        if !is_more {
            break;
        }
    }
    transaction.commit()?;
    Ok(is_more)
}

/// Deletes the oldest messages of all; false if there are none. The pages that they leave
/// are used again.
fn delete_oldest(connection: &Connection) -> rusqlite::Result<bool> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM messages WHERE seq IN (SELECT seq FROM messages ORDER BY seq LIMIT ?1) RETURNING target",
    )?;
    let targets = delete.query_map([MESSAGES_OF_A_STEP], |row| row.get::<_, String>(0))?;
    let targets = targets.collect::<rusqlite::Result<BTreeSet<String>>>()?;
    // Two people of whose talk nothing is left have no conversation any more.
    let mut forget = connection.prepare_cached(
        "DELETE FROM conversations WHERE target = ?1 AND NOT EXISTS (SELECT 1 FROM messages WHERE target = ?1)",
    )?;
    for target in targets.iter().filter(|target| target.starts_with('d')) {
        forget.execute(params![target])?;
    }
    Ok(!targets.is_empty())
}
