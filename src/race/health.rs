//! Whether submissions are verified in time.

use super::{Race, Shared, sync::lock};
use std::time::Duration;

/// A verifier thread is probed no more often.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// A server whose oldest submission has waited for so long is not well.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// When a thread was probed last, and whether it answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probed {
    at: Duration,
    answered: bool,
}

impl Race {
    /// True if the verifier's threads work and no submission waits for too long. However
    /// often that is asked, a thread is probed once a second: whoever asks meanwhile gets
    /// the same answer.
    pub async fn verifier_works(&self) -> bool {
        let shared = &self.shared;
        let mut probed = shared.probed.lock().await;
        let answered = match *probed {
            Some(Probed { at, answered }) if shared.clock.now() < at + PROBE_INTERVAL => answered,
            _ => {
                let answered = shared.verifier_answers().await;
                *probed = Some(Probed { at: shared.clock.now(), answered });
                answered
            }
        };
        answered && self.oldest_waiting().is_none_or(|age| age < LONGEST_WAIT)
    }

    /// For how long the oldest submission that has no verdict yet has been waiting.
    pub fn oldest_waiting(&self) -> Option<Duration> {
        let arrived_at = lock(&self.shared.state).oldest_pending()?;
        Some(self.shared.clock.now().saturating_sub(arrived_at))
    }
}

impl Shared {
    /// True if a verifier thread answers a small puzzle rightly within two seconds and
    /// none has died; or if the threads have so much to do that nobody came to it, and do
    /// it.
    async fn verifier_answers(&self) -> bool {
        let done = self.verifier.done();
        match tokio::time::timeout(LONGEST_WAIT, self.verifier.probe()).await {
            Ok(answer) => answer == Ok(true),
            Err(_) => self.verifier.all_live() && done < self.verifier.done(),
        }
    }
}
