//! Minting of stamps on a thread of its own, so that messages go on coming in.

use puzzle::stamp::{Minter, Prefix, Timestamp};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::oneshot;

/// Tries between two looks at whether to go on: some hundredths of a second.
const TRIES_AT_ONCE: u32 = 1 << 16;

/// Between two reports of progress.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// How a search is going.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    bits: u8,
    /// 2^bits: how many tries it takes on average.
    expected: u64,
    tries: u64,
    elapsed: Duration,
}

impl fmt::Display for Progress {
    /// `proof of 20 bits: 0.8 M tries of about 1.0 M, 3.1 M a second, 0.3 s`. The
    /// number of tries is chance: it may take a multiple of the average.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only for the eye: exact to many digits more than are shown.
        #[allow(clippy::cast_precision_loss)]
        let (tries, expected) = (self.tries as f64 / 1e6, self.expected as f64 / 1e6);
        let seconds = self.elapsed.as_secs_f64();
        let rate = tries / seconds.max(1e-3);
        let bits = self.bits;
        write!(
            f,
            "proof of {bits} bits: {tries:.1} M tries of about {expected:.1} M, {rate:.1} M a second, {seconds:.0} s"
        )
    }
}

/// The one search of this program, and its end when the user asks for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mint {
    running: Arc<AtomicBool>,
    cancelled: Arc<AtomicBool>,
}

/// The user did not want to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proof-of-work was cancelled")]
pub(crate) struct Cancelled;

impl Mint {
    /// Ends the search under way; false if there is none.
    pub(crate) fn cancel(&self) -> bool {
        self.cancelled.store(true, Ordering::SeqCst);
        self.running.load(Ordering::SeqCst)
    }

    /// Searches for a stamp, and reports how it goes twice a second.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub(crate) async fn mint(&self, prefix: &Prefix, mut report: impl FnMut(Progress)) -> Result<String, Cancelled> {
        self.cancelled.store(false, Ordering::SeqCst);
        self.running.store(true, Ordering::SeqCst);
        let (found, mut stamp) = oneshot::channel();
        let tries = Arc::new(AtomicU64::new(0));
        let (cancelled, counter) = (self.cancelled.clone(), tries.clone());
        let mut minter = Minter::new(prefix, rand::random());
        std::thread::spawn(move || {
            while !cancelled.load(Ordering::SeqCst) && !found.is_closed() {
                let stamp = minter.advance(TRIES_AT_ONCE);
                counter.store(minter.tries(), Ordering::Relaxed);
                if let Some(stamp) = stamp {
                    let _ = found.send(stamp);
                    return;
                }
            }
        });
        let begin = Instant::now();
        let result = loop {
            match tokio::time::timeout(REPORT_EVERY, &mut stamp).await {
                // The thread ends without a stamp only when it is told to.
                Ok(stamp) => break stamp.map_err(|_| Cancelled),
                Err(_) => report(Progress {
                    bits: prefix.bits().get(),
                    expected: prefix.bits().expected_tries(),
                    tries: tries.load(Ordering::Relaxed),
                    elapsed: begin.elapsed(),
                }),
            }
        };
        self.running.store(false, Ordering::SeqCst);
        result
    }
}

/// The time of day that stamps are dated with.
pub(crate) fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use puzzle::stamp::{Bits, session};

    #[tokio::test]
    async fn a_minted_stamp_is_good() {
        let bits = Bits::new(10).unwrap();
        let prefix = session::prefix(bits, "hashpass", now());
        let stamp = Mint::default().mint(&prefix, |_| {}).await.unwrap();
        assert!(session::check(Some(&stamp), bits, "hashpass", now()).unwrap().is_some());
    }

    #[tokio::test]
    async fn a_search_reports_and_can_be_cancelled() {
        let mint = Mint::default();
        assert!(!mint.cancel());
        let prefix = session::prefix(Bits::MAX, "hashpass", now());
        let mut reported = Vec::new();
        let outcome = mint
            .mint(&prefix, |progress| {
                reported.push(progress.to_string());
                assert!(mint.cancel());
            })
            .await;
        assert_eq!(outcome, Err(Cancelled));
        assert!(reported[0].starts_with("proof of 40 bits: "), "{reported:?}");
    }
}
