//! Fault points: named places in the code at which a test ends the process, as a
//! power cut would, to see that a restart finds everything.
//!
//! A test starts a process with `FAULT_POINT=name` or `FAULT_POINT=name:n` in its
//! environment; the process aborts when it comes to that place for the nth time
//! (for the first without n). Without the variable nothing happens, and there is no
//! code here but in the tests of this crate.
//!
//! | name | where |
//! |---|---|
//! | `ledger.before_begin` | transactions are taken from the queue |
//! | `ledger.after_change` | a change is made, not the whole transaction |
//! | `ledger.before_commit` | all changes are made, nothing is durable |
//! | `ledger.after_commit` | everything is durable, nobody is told |
//! | `ledger.after_answer` | everybody is told |
//! | `delivery.before_try` | a delivery is read from the ledger, nobody is asked |
//! | `delivery.after_answer` | the receiver has answered, nobody has noted that |
//! | `audit.before_write` | records are read from the ledger, none is in the file |
//! | `audit.after_write` | records are in the file, the cursor has not moved |
//! | `ledger.after_checkpoint` | the write-ahead log was copied into the database |

/// Where a test may end the process.
pub fn point(name: &str) {
    #[cfg(test)]
    armed::pass(name);
    #[cfg(not(test))]
    let _ = name;
}

/// All of them, for tests that end a process at each.
#[cfg(test)]
pub(crate) const POINTS: &[&str] = &[
    "ledger.before_begin",
    "ledger.after_change",
    "ledger.before_commit",
    "ledger.after_commit",
    "ledger.after_answer",
    "ledger.after_checkpoint",
    "delivery.before_try",
    "delivery.after_answer",
    "audit.before_write",
    "audit.after_write",
];

#[cfg(test)]
mod armed {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    };

    /// The point that ends the process.
    struct Armed {
        name: String,
        /// How many more times it is passed without that.
        left: AtomicU64,
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    pub(super) fn pass(name: &str) {
        assert!(super::POINTS.contains(&name), "{name} is not among the fault points, so that no test would end there");
        let armed = ARMED.get_or_init(|| std::env::var("FAULT_POINT").ok().map(|setting| parse(&setting)));
        if let Some(armed) = armed
            && armed.name == name
            && armed.left.fetch_sub(1, Ordering::SeqCst) == 0
        {
            std::process::abort();
        }
    }

    fn parse(setting: &str) -> Armed {
        let (name, times) = match setting.split_once(':') {
            Some((name, times)) => (name, times.parse().unwrap_or(1)),
            None => (setting, 1_u64),
        };
        Armed { name: name.to_owned(), left: AtomicU64::new(times.saturating_sub(1)) }
    }
}
