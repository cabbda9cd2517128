//! Long polls: reading a queue, and waiting for something to be in it.

use super::{answer::Batch, error::LobbyError, event::Event, handle::Lobby};
use crate::{identity::session::Session, lock::lock};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// How many clients may wait for messages at once.
const MOST_WAITING_POLLS: usize = 20_000;

/// Long polls that were woken are answered at this rate, one after the other, and so
/// many at once before that. So an event that a thousand wait for is no burst of a
/// thousand answers, and while much is said each answer carries more of it …
pub(super) const ANSWERS_PER_SECOND: f64 = 8_000.0;
pub(super) const ANSWERS_AT_ONCE: f64 = 20.0;

/// … but none is held back for longer than this, however many there are.
pub(super) const LONGEST_HOLD: Duration = Duration::from_millis(125);

impl Lobby {
    /// The messages after number `after`; waits up to `timeout` for the first.
    ///
    /// # Errors
    /// [`LobbyError::Ended`], [`LobbyError::TooFast`] with too many polls at once,
    /// and those of entering.
    pub async fn poll(&self, session: &Session, after: u64, timeout: Duration) -> Result<Batch, LobbyError> {
        let (lobby, session) = (self.clone(), session.clone());
        self.shared
            .runtime
            .run_while_waited_for(async move { lobby.wait_for_events(&session, after, timeout).await })
            .await
    }

    async fn wait_for_events(&self, session: &Session, after: u64, timeout: Duration) -> Result<Batch, LobbyError> {
        let mailbox = self.enter(session).await?;
        let batch = |events: Vec<Arc<Event>>| {
            let last_id = events.last().map_or(after, |event| event.seq);
            Batch { events, last_id }
        };
        let present = mailbox.after(after).map_err(|_| LobbyError::Ended)?;
        if !present.is_empty() || timeout.is_zero() {
            return Ok(batch(present));
        }
        let retry_after = Duration::from_secs(1);
        let _place = mailbox.wait().ok_or(LobbyError::TooFast { retry_after })?;
        let poll = WaitingPoll::new(&self.shared.waiting);
        if MOST_WAITING_POLLS <= poll.others {
            return Err(LobbyError::Full);
        }
        let mut stopping = self.shared.stopping.subscribe();
        let something_new = async {
            // What there is then is read once more at the end, with what came meanwhile.
            let _ = mailbox.next_after(after).await;
            let hold = self.hold_of_answer();
            if !hold.is_zero() {
                tokio::time::sleep(hold).await;
            }
        };
        tokio::select! {
            () = something_new => {}
            () = tokio::time::sleep(timeout) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
        mailbox.after(after).map(batch).map_err(|_| LobbyError::Ended)
    }

    /// For how long the answer to a long poll that was woken is held back.
    pub(super) fn hold_of_answer(&self) -> Duration {
        let mut answers = lock(&self.shared.answers);
        let now = self.shared.clock.now();
        answers.take_with_debt(ANSWERS_PER_SECOND, ANSWERS_AT_ONCE, LONGEST_HOLD, now).unwrap_or(LONGEST_HOLD)
    }
}

/// Counts a long poll for as long as it waits.
struct WaitingPoll<'a> {
    count: &'a AtomicUsize,
    /// How many waited before it.
    others: usize,
}

impl<'a> WaitingPoll<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        Self { others: count.fetch_add(1, Ordering::Relaxed), count }
    }
}

impl Drop for WaitingPoll<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}
