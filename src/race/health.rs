//! Whether submissions are verified in time.

use super::verifier::Verifier;
use crate::clock::Clock;
use std::time::Duration;

/// A verifier thread is probed no more often.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// A server whose oldest submission has waited for so long is not well.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// When a thread was probed last, and whether it answered.
#[derive(Clone, Copy, Debug)]
struct Probed {
    at: Duration,
    answered: bool,
}

/// Probes the verifier for all who ask.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Held while a thread is probed.
    probed: tokio::sync::Mutex<Option<Probed>>,
}

impl Health {
    /// True if the verifier's threads work. However often that is asked, a thread is probed
    /// once a second: whoever asks meanwhile gets the same answer.
    pub(super) async fn verifier_works(&self, verifier: &Verifier, clock: &dyn Clock) -> bool {
        let mut probed = self.probed.lock().await;
        match *probed {
            Some(Probed { at, answered }) if clock.now() < at + PROBE_INTERVAL => answered,
            _ => {
                let answered = answers(verifier).await;
                *probed = Some(Probed { at: clock.now(), answered });
                answered
            }
        }
    }
}

/// True if a verifier thread answers a small puzzle rightly within two seconds and none
/// has died; or if the threads have so much to do that nobody came to it, and do it.
async fn answers(verifier: &Verifier) -> bool {
    let done = verifier.done();
    match tokio::time::timeout(LONGEST_WAIT, verifier.probe()).await {
        Ok(answer) => answer == Ok(true),
        Err(_) => verifier.all_live() && done < verifier.done(),
    }
}
