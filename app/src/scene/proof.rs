//! Proof of work as the page shows it while it is computed.

use puzzle::stamp::Bits;
use std::time::Duration;

/// How the search for a stamp goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Proof {
    /// How many leading zero bits the stamp needs.
    pub bits: u8,
    /// How many counters were tried.
    pub tries: u64,
    /// How long that took.
    pub elapsed: Duration,
}

impl Proof {
    /// Tries per second; 0 before the first came back.
    pub fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if 0.0 < seconds { self.tries as f64 / seconds } else { 0.0 }
    }

    /// Half of all searches of this speed end within this time, whatever was tried before.
    pub fn half_within(&self) -> Option<Duration> {
        let rate = self.rate();
        let seconds = std::f64::consts::LN_2 * expected_tries(self.bits) / rate;
        (0.0 < rate).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
    }
}

/// How many tries a stamp of so many bits takes on average.
pub fn expected_tries(bits: u8) -> f64 {
    Bits::new(bits).unwrap_or(Bits::MAX).expected_tries() as f64
}

/// The proof of work that a session is had for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum SessionProof {
    /// None is needed, or a session is there already.
    #[default]
    Hidden,
    /// It may be needed: its room is kept.
    Waiting,
    /// It is being computed.
    Computing(Proof),
    /// It is done.
    Done,
    /// The visitor has stopped it.
    Cancelled,
    /// The worker did not come up.
    Failed,
}

impl SessionProof {
    /// One word in the page's markup, for the style and for tests.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Waiting => "waiting",
            Self::Computing(_) => "computing",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// True if nothing goes on without the visitor.
    pub const fn needs_the_visitor(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Failed)
    }
}

/// What the search for a stamp tells.
#[derive(Clone, Debug, PartialEq)]
pub enum MintEvent {
    /// It goes on.
    Progress(Proof),
    /// A stamp was found.
    Found(String, Proof),
    /// There is no worker to search with.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_has_not_begun_promises_nothing() {
        assert_eq!(Proof { bits: 20, ..Proof::default() }.half_within(), None);
        let proof = Proof { bits: 20, tries: 2 << 20, elapsed: Duration::from_secs(2) };
        assert_eq!(proof.rate(), f64::from(1 << 20));
        assert_eq!(proof.half_within().map(|time| time.as_millis()), Some(693));
    }
}
