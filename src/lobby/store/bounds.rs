//! How much of the disk the lobby may take up.
//!
//! The race writes on the same disk, and its codes come first. So the lobby's database
//! has a budget in bytes, which its file and the write-ahead log beside it never exceed
//! together, and while little space is free on its file system the lobby writes nothing.
//!
//! A change may touch every page of the database, and all of them stand in the log until
//! they are moved: so half of the budget is for what is kept, and half for the log.

use crate::clock::{Clock, SystemClock};
use std::{fmt, io, path::Path, sync::Arc};

/// The budget unless the operator sets another one, in bytes.
const USUAL_BYTES: u64 = 1024 * 1024 * 1024;

/// With less space free than this, in bytes, the lobby writes nothing.
pub(super) const FLOOR: u64 = 256 * 1024 * 1024;

/// Before each page in the log stand so many bytes …
const FRAME_HEADER: u64 = 24;

/// … and before all of them so many.
const LOG_HEADER: u64 = 32;

/// The fewest and the most pages after which the log is moved into the database.
const FEWEST_PAGES_OF_LOG: u64 = 16;
const MOST_PAGES_OF_LOG: u64 = 1000;

/// What one spent stamp takes up, in bytes: its row, and its place in two indexes of
/// which one is filled in random order.
const BYTES_OF_A_STAMP: u64 = 160;

/// Tells how many bytes are free on the file system of a directory.
pub(in super::super) type FreeSpace = Arc<dyn Fn(&Path) -> io::Result<u64> + Send + Sync>;

/// What the lobby may take up, and by what that is found out.
#[derive(Clone)]
pub struct Bounds {
    /// The database and its log together, in bytes.
    pub(in super::super) bytes: u64,
    pub(in super::super) free_space: FreeSpace,
    /// For how often is looked, and for how often a failure is logged.
    pub(in super::super) clock: Arc<dyn Clock>,
}

impl fmt::Debug for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounds").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::of(USUAL_BYTES)
    }
}

impl Bounds {
    /// A budget of so many bytes, on this machine's disk.
    pub fn of(bytes: u64) -> Self {
        Self { bytes, free_space: Arc::new(free_space), clock: Arc::new(SystemClock::default()) }
    }
}

/// How many bytes are free for this process on the file system of a directory.
#[cfg(unix)]
fn free_space(directory: &Path) -> io::Result<u64> {
    let system = rustix::fs::statvfs(directory)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

/// Where this cannot be asked, there is enough.
#[cfg(not(unix))]
fn free_space(_: &Path) -> io::Result<u64> {
    Ok(u64::MAX)
}

/// A budget in pages of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pages {
    /// How many the database has at most.
    pub(super) most: u64,
    /// With more than so many in use, the oldest history is deleted.
    pub(super) ample: u64,
    /// After so many in the log they are moved into the database.
    pub(super) log: u64,
    /// The size of one, in bytes.
    size: u64,
}

impl Pages {
    /// As many pages of this size as fit into so many bytes.
    pub(super) fn within(bytes: u64, size: u64) -> Self {
        let all = bytes.saturating_sub(LOG_HEADER) / (size + FRAME_HEADER);
        let log = (all / 64).clamp(FEWEST_PAGES_OF_LOG, MOST_PAGES_OF_LOG);
        // The log may hold twice what makes it be moved, and then one change of everything.
        let most = all.saturating_sub(2 * log) / 2;
        Self { most, ample: most / 8 * 7, log, size }
    }

    /// What the log holds before it must be moved before anything else, in bytes.
    pub(super) const fn longest_log(&self) -> u64 {
        LOG_HEADER + 2 * self.log * (self.size + FRAME_HEADER)
    }

    /// With more than this in a log that cannot be moved, in bytes, not even small changes
    /// are made: half of the room that there is for a large one.
    pub(super) const fn fullest_log(&self) -> u64 {
        self.longest_log() + self.most / 2 * (self.size + FRAME_HEADER)
    }

    /// How many spent stamps of each kind may be remembered: a quarter of what is kept.
    pub(super) const fn most_stamps(&self) -> u64 {
        self.most * self.size / 4 / BYTES_OF_A_STAMP
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// With a database at its bound, and a log in which a change of every page stands
        /// behind all that may be there before it.
        #[test]
        fn database_and_log_together_fit_into_the_budget(bytes in 1_000_000_u64..1 << 42) {
            let pages = Pages::within(bytes, 4096);
            let longest = pages.longest_log() + pages.most * (4096 + FRAME_HEADER);
            prop_assert!(pages.most * 4096 + longest <= bytes);
            prop_assert!(0 < pages.ample && pages.ample < pages.most && 0 < pages.log);
            prop_assert!(bytes / 3 < pages.most * 4096 + pages.longest_log());
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_free_space_of_a_directory_is_known() {
        assert!(free_space(&std::env::temp_dir()).is_ok_and(|bytes| 0 < bytes));
        assert!(free_space(Path::new("/nowhere/at/all")).is_err());
    }
}
