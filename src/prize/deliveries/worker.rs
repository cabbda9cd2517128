//! The task that reads what is due, sends it and writes what became of it.
//!
//! One delivery after the other: the ledger says which are due, so that the order of a
//! receiver is kept, and every outcome is durable before the next one is sent. A store
//! that fails ends nothing: nothing is sent until it works again, and an outcome that
//! could not be written is written then.

use super::{
    receiver::{Answer, Receiver},
    schedule::{NextStep, ReceiverAnswer, Try, next_step},
};
use crate::{
    clock::Clock,
    ledger::{
        Change, CommitError, Condition, Fault, Ledger, Reply, StoreError, Transaction, WallTime,
        deliveries::{Delivery, Due, Outbox, TryOutcome},
        fault,
    },
    prize::webhook::{RECEIVER, code_digest},
};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

/// How many deliveries are read at once.
const AT_ONCE: usize = 32;

/// Within how much time after the start everything that waits is tried. Spread at
/// random, so that many servers that start together do not meet their receiver at once.
const START_SPREAD: Duration = Duration::from_secs(5);

/// The task looks for what is due at least so often, whatever the clock does.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// How long the task waits after an error of the store, before it looks whether the
/// store works again.
const AFTER_AN_ERROR: Duration = Duration::from_millis(200);

/// How old the figures of the outbox become while deliveries are under way.
const FIGURES_EVERY: Duration = Duration::from_secs(1);

/// How long the outbox remembers what was taken, for whoever wants to look it up.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// How often what is older than that is forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// There is nothing more to do: the server stops, or the ledger is closed.
struct Ended;

/// The task's own state.
pub(super) struct Worker {
    ledger: Arc<dyn Ledger>,
    /// None if there is nobody to tell.
    receiver: Option<Receiver>,
    clock: Arc<dyn Clock>,
    wake: Arc<Notify>,
    stop: watch::Receiver<bool>,
    outbox: watch::Sender<Outbox>,
    /// When the figures of the outbox were made.
    figures_at: Option<Instant>,
    /// When what is old was forgotten.
    forgotten_at: Option<Instant>,
    /// True if the receiver could not take the last delivery, whatever it was.
    receiver_is_away: bool,
}

impl Worker {
    pub(super) fn new(
        ledger: Arc<dyn Ledger>,
        receiver: Option<Receiver>,
        clock: Arc<dyn Clock>,
        wake: Arc<Notify>,
        stop: watch::Receiver<bool>,
        outbox: watch::Sender<Outbox>,
    ) -> Self {
        Self {
            ledger,
            receiver,
            clock,
            wake,
            stop,
            outbox,
            figures_at: None,
            forgotten_at: None,
            receiver_is_away: false,
        }
    }

    /// Works until the server stops or the ledger is closed.
    pub(super) async fn run(mut self) {
        // What was found by then is for the next start.
        let Err(Ended) = self.work().await;
    }

    async fn work(&mut self) -> Result<Infallible, Ended> {
        if self.receiver.is_some() {
            let at = self.now().await?.after(START_SPREAD.mul_f64(rand::random()));
            self.commit(Transaction::new().with(hurry(at))).await?;
        } else {
            self.make_figures().await?;
            let waiting = self.outbox.borrow().waiting;
            if 0 < waiting {
                tracing::warn!(waiting, "deliveries wait, and there is no WEBHOOK_URL that they could go to");
            }
        }
        loop {
            self.store_works().await?;
            let now = self.now().await?;
            let Due { deliveries, next_at } = self.ask(|ledger| ledger.due_deliveries(now, AT_ONCE)).await?;
            let mut is_idle = true;
            for delivery in deliveries.iter().filter(|delivery| delivery.receiver == RECEIVER) {
                is_idle &= !self.deliver(delivery).await?;
            }
            if is_idle {
                self.forget_what_is_old(now).await?;
                self.make_figures().await?;
                self.sleep(next_at.map_or(LONGEST_SLEEP, |at| at.since(now))).await?;
            } else if self.figures_at.is_none_or(|at| FIGURES_EVERY <= at.elapsed()) {
                self.make_figures().await?;
            }
        }
    }

    /// Tries a delivery once and writes what became of it. False if there is nobody to
    /// send it to.
    async fn deliver(&mut self, delivery: &Delivery) -> Result<bool, Ended> {
        if *self.stop.borrow() {
            return Err(Ended);
        }
        let Some(receiver) = &self.receiver else { return Ok(false) };
        fault::point("delivery.before_try");
        let Answer { kind, words } = receiver.send(delivery, self.clock.time_of_day()).await;
        fault::point("delivery.after_answer");
        let now = self.now().await?;
        let failing_for = delivery.failing_since.map_or(Duration::ZERO, |since| now.since(since));
        let this = Try { number: delivery.tries.saturating_add(1), failing_for };
        let step = next_step(kind, this, rand::random());
        log(delivery, &words, step);
        let outcome = match step {
            NextStep::Delivered => TryOutcome::Delivered(words),
            NextStep::TryAfter(wait) => TryOutcome::Failed { answer: words, next_try_at: now.after(wait) },
            NextStep::Park(why) => TryOutcome::Parked(format!("{words}; {why}")),
        };
        let mut transaction = Transaction::new().with(Change::DeliveryTried { id: delivery.id, outcome });
        if step == NextStep::Delivered && self.receiver_is_away {
            // It is back: what waits for it has waited long enough.
            transaction = transaction.with(hurry(now));
        }
        self.receiver_is_away = is_away(kind);
        self.commit(transaction).await?;
        Ok(true)
    }

    async fn forget_what_is_old(&mut self, now: WallTime) -> Result<(), Ended> {
        if self.forgotten_at.is_none_or(|at| FORGET_EVERY <= at.elapsed()) {
            self.forgotten_at = Some(Instant::now());
            let kept_for = u64::try_from(KEPT_FOR.as_millis()).unwrap_or(u64::MAX);
            let before = WallTime::from_milliseconds(now.milliseconds().saturating_sub(kept_for));
            self.commit(Transaction::new().with(Change::ForgetDelivered(before))).await?;
        }
        Ok(())
    }

    async fn make_figures(&mut self) -> Result<(), Ended> {
        let outbox = self.ask(|ledger| ledger.outbox()).await?;
        self.outbox.send_replace(outbox);
        self.figures_at = Some(Instant::now());
        Ok(())
    }

    /// The time of day, and never before the newest entry of the ledger, whose clock
    /// does not go back when the machine's does.
    async fn now(&mut self) -> Result<WallTime, Ended> {
        let head = self.ask(|ledger| ledger.head()).await?;
        Ok(head.at.max(self.clock.time_of_day().into()))
    }

    /// What the ledger says, as soon as it can say something.
    async fn ask<T>(&mut self, question: impl Fn(&dyn Ledger) -> Reply<T>) -> Result<T, Ended> {
        loop {
            match question(self.ledger.as_ref()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => self.wait_after(&error).await?,
            }
        }
    }

    /// Commits a transaction, as soon as the store works. One that is refused is passed
    /// over: somebody else has settled the delivery meanwhile.
    async fn commit(&mut self, transaction: Transaction) -> Result<(), Ended> {
        loop {
            match self.ledger.commit(transaction.clone()).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Refused(refused)) => {
                    tracing::debug!(%refused, "a delivery was settled by somebody else");
                    return Ok(());
                }
                Err(CommitError::Store(error)) => self.wait_after(&error).await?,
            }
        }
    }

    /// Waits until the store may work again. It says itself in the log that it does not.
    async fn wait_after(&mut self, error: &StoreError) -> Result<(), Ended> {
        if error.fault() == Fault::Closed {
            return Err(Ended);
        }
        self.unless_stopped(tokio::time::sleep(AFTER_AN_ERROR)).await?;
        self.store_works().await
    }

    /// Waits until the store works.
    async fn store_works(&mut self) -> Result<(), Ended> {
        let mut condition = self.ledger.condition();
        let works = async move { condition.wait_for(Condition::is_ok).await.is_ok() };
        if self.unless_stopped(works).await? { Ok(()) } else { Err(Ended) }
    }

    /// Waits until something new is written, and at most so long.
    async fn sleep(&mut self, at_most: Duration) -> Result<(), Ended> {
        let wake = Arc::clone(&self.wake);
        let woken = async move {
            tokio::select! {
                () = wake.notified() => {}
                () = tokio::time::sleep(at_most.min(LONGEST_SLEEP)) => {}
            }
        };
        self.unless_stopped(woken).await
    }

    async fn unless_stopped<T>(&mut self, wait: impl Future<Output = T>) -> Result<T, Ended> {
        tokio::select! {
            biased;
            // Also if the handle is gone.
            _ = self.stop.wait_for(|stop| *stop) => Err(Ended),
            outcome = wait => Ok(outcome),
        }
    }
}

/// Has everything that waits tried at this time.
fn hurry(at: WallTime) -> Change {
    Change::HurryDeliveries { receiver: Some(RECEIVER.to_owned()), at }
}

/// True if the answer says something of the receiver and not of the delivery.
fn is_away(answer: ReceiverAnswer) -> bool {
    match answer {
        ReceiverAnswer::Status { code, .. } => matches!(code, 408 | 425 | 429) || 500 <= code,
        ReceiverAnswer::None => true,
    }
}

fn log(delivery: &Delivery, words: &str, step: NextStep) {
    let (code_digest, delivery) = (code_digest(&delivery.body), delivery.id.0);
    match step {
        NextStep::Delivered => tracing::debug!(code_digest, delivery, "the webhook has taken a delivery"),
        NextStep::TryAfter(wait) => {
            let wait_s = wait.as_secs_f64();
            tracing::warn!(code_digest, delivery, trouble = words, wait_s, "the webhook will be tried again");
        }
        NextStep::Park(why) => {
            tracing::error!(code_digest, delivery, trouble = words, why, "the webhook is not told any more");
        }
    }
}
