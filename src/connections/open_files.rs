//! How many descriptors the operating system grants the process.
//!
//! Systems start processes with a low soft limit for the sake of old programs
//! (`select`), and leave it to those that know better to raise it.

/// Descriptors that are not connections: files of the audit log, calls to other
/// servers, the runtime's own.
const KEPT_BACK: usize = 128;

/// Raises the soft limit to the hard one and says what it is; `None` where that
/// cannot be known.
pub fn raise_limit() -> Option<usize> {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => usize::try_from(limit).ok(),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be raised");
            None
        }
    }
}

/// As many connections as are wanted (0: any number), or as fit into `open_files`.
pub fn connections_within(open_files: usize, wanted: usize) -> usize {
    let room = open_files.saturating_sub(KEPT_BACK).max(1);
    if wanted == 0 { room } else { wanted.min(room) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_files() {
        assert_eq!(connections_within(1_048_576, 20_000), 20_000);
        assert_eq!(connections_within(1024, 20_000), 896);
        assert_eq!(connections_within(1024, 0), 896);
        assert_eq!(connections_within(100, 20_000), 1);
    }

    #[test]
    fn a_raised_limit_stays_raised() {
        let limit = raise_limit();
        assert!(limit.is_none_or(|limit| 0 < limit));
        assert_eq!(raise_limit(), limit);
    }
}
