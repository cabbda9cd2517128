//! Long polls: reading a queue, and waiting for something to be in it.

use super::{answer::Batch, error::LobbyError, event::Event, handle::Lobby};
use crate::{gate::limits::Places, identity::session::Session, lock::lock};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// How many clients may wait for messages at once. One more has the oldest poll answered
/// of the network that has most of them.
pub(super) const MOST_WAITING_POLLS: usize = 20_000;

/// No poll waits for so long, so that none of them counts as idle.
const PATIENCE_WITH_POLLS: Duration = Duration::from_secs(60);

/// Long polls that were woken are answered at this rate, one after the other, and so
/// many at once before that. So an event that a thousand wait for is no burst of a
/// thousand answers, and while much is said each answer carries more of it …
pub(super) const ANSWERS_PER_SECOND: f64 = 8_000.0;
pub(super) const ANSWERS_AT_ONCE: f64 = 20.0;

/// … but none is held back for longer than this, however many there are.
pub(super) const LONGEST_HOLD: Duration = Duration::from_millis(125);

/// The places for those who wait.
pub(super) fn places_of_polls() -> Arc<Places> {
    Places::new(0, MOST_WAITING_POLLS, PATIENCE_WITH_POLLS)
}

impl Lobby {
    /// The messages after number `after`; waits up to `timeout` for the first.
    ///
    /// # Errors
    /// [`LobbyError::Ended`], [`LobbyError::TooFast`] with too many polls at once,
    /// and those of entering.
    pub async fn poll(
        &self,
        session: &Session,
        after: u64,
        timeout: Duration,
        address: IpAddr,
    ) -> Result<Batch, LobbyError> {
        let (lobby, session) = (self.clone(), session.clone());
        self.shared
            .runtime
            .run_while_waited_for(async move { lobby.wait_for_events(&session, after, timeout, address).await })
            .await
    }

    async fn wait_for_events(
        &self,
        session: &Session,
        after: u64,
        timeout: Duration,
        address: IpAddr,
    ) -> Result<Batch, LobbyError> {
        let mailbox = self.enter(session, address).await?;
        let batch = |events: Vec<Arc<Event>>| {
            let last_id = events.last().map_or(after, |event| event.seq);
            Batch { events, last_id }
        };
        let present = mailbox.after(after).map_err(|_| LobbyError::Ended)?;
        if !present.is_empty() || timeout.is_zero() {
            return Ok(batch(present));
        }
        let retry_after = Duration::from_secs(1);
        let _waiting = mailbox.wait().ok_or(LobbyError::TooFast { retry_after })?;
        let place = self.shared.polls.take(Some(address)).map_err(|_| LobbyError::Full)?;
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
            () = place.must_leave() => {}
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
