//! The outbox: what other servers have to be told, and what has become of it.
//!
//! A delivery is written in the transaction of what it tells of, so that neither
//! can be there without the other. From then on it is tried until its receiver has
//! taken it (`delivered`) or nobody tries any more (`parked`). The order of a
//! receiver's deliveries is kept: one that waits holds up those behind it, until it
//! has failed for [`OVERTAKE_AFTER`].
//!
//! How long to wait between two tries is not decided here.

use super::values::{DeliveryId, WallTime, WebhookId};
use puzzle::RoundNumber;
use std::time::Duration;

/// After a delivery has failed for so long, the later ones of its receiver are
/// tried too.
pub const OVERTAKE_AFTER: Duration = Duration::from_secs(600);

/// A delivery to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// By what the receiver tells it from others.
    pub webhook_id: WebhookId,
    /// Whom it goes to: a name from the configuration. Order is kept within it.
    pub receiver: String,
    /// The round it tells of, if it tells of one.
    pub round: Option<RoundNumber>,
    /// What is sent.
    pub body: String,
}

/// A delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its number and place in the order.
    pub id: DeliveryId,
    /// By what the receiver tells it from others; the same at every try.
    pub webhook_id: WebhookId,
    /// Whom it goes to.
    pub receiver: String,
    /// The round it tells of, if it tells of one.
    pub round: Option<RoundNumber>,
    /// What is sent.
    pub body: String,
    /// When it was written.
    pub created_at: WallTime,
    /// When it is to be tried, if it waits.
    pub next_try_at: WallTime,
    /// How often it was tried, since it was written or resent.
    pub tries: u32,
    /// When the first of those tries failed.
    pub failing_since: Option<WallTime>,
    /// What became of the last try, in words.
    pub last_answer: Option<String>,
    /// What is to become of it.
    pub state: DeliveryState,
}

/// What is to become of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// It is tried when its time comes.
    Waiting,
    /// Nobody tries any more, until it is resent.
    Parked,
    /// The receiver has taken it.
    Delivered,
}

impl DeliveryState {
    /// The name it is stored under.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Parked => "parked",
            Self::Delivered => "delivered",
        }
    }

    /// The state of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Parked, Self::Delivered].into_iter().find(|state| state.name() == name)
    }
}

/// What became of a try. Each has the answer in words, for whoever looks it up:
/// never a code, a token or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TryOutcome {
    /// The receiver took it.
    Delivered(String),
    /// It did not, and is asked again.
    Failed {
        /// The answer.
        answer: String,
        /// When to ask again.
        next_try_at: WallTime,
    },
    /// It did not, and is not asked again.
    Parked(String),
}

/// How the outbox fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outbox {
    /// How many deliveries wait.
    pub waiting: u64,
    /// How many nobody tries any more.
    pub parked: u64,
    /// When the oldest of those that wait was written.
    pub oldest: Option<WallTime>,
}

/// What there is to do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The deliveries to try, in order. Another one may follow once these are settled.
    pub deliveries: Vec<Delivery>,
    /// When to look again if nothing new is written and nothing is settled until
    /// then; `None` if nothing waits for a time.
    pub next_at: Option<WallTime>,
}

impl Due {
    /// Adds what is due of one receiver: its waiting deliveries come in order, and at
    /// most `limit` of them are taken. Reads no further than it has to.
    ///
    /// # Errors
    /// Of the iterator.
    pub(super) fn add_receiver<E>(
        &mut self,
        waiting: impl IntoIterator<Item = Result<Delivery, E>>,
        now: WallTime,
        limit: usize,
    ) -> Result<(), E> {
        let most = self.deliveries.len().saturating_add(limit);
        for delivery in waiting {
            if most <= self.deliveries.len() {
                break;
            }
            let delivery = delivery?;
            let overtaken_at = delivery.failing_since.map(|since| since.after(OVERTAKE_AFTER));
            if now < delivery.next_try_at {
                self.look_again_at(delivery.next_try_at);
            } else {
                self.deliveries.push(delivery);
            }
            match overtaken_at {
                Some(at) if at <= now => {}
                Some(at) => {
                    self.look_again_at(at);
                    break;
                }
                None => break,
            }
        }
        Ok(())
    }

    fn look_again_at(&mut self, at: WallTime) {
        self.next_at = Some(self.next_at.map_or(at, |next| next.min(at)));
    }

    /// Puts all receivers' deliveries into one order and keeps the first `limit`.
    pub(super) fn cut(mut self, limit: usize) -> Self {
        self.deliveries.sort_by_key(|delivery| delivery.id);
        self.deliveries.truncate(limit);
        self
    }
}

impl Delivery {
    /// A delivery that has just been written.
    pub(super) fn new(id: DeliveryId, new: NewDelivery, at: WallTime) -> Self {
        let NewDelivery { webhook_id, receiver, round, body } = new;
        Self {
            id,
            webhook_id,
            receiver,
            round,
            body,
            created_at: at,
            next_try_at: at,
            tries: 0,
            failing_since: None,
            last_answer: None,
            state: DeliveryState::Waiting,
        }
    }

    /// Notes what became of a try at `at`.
    pub(super) fn tried(&mut self, at: WallTime, outcome: &TryOutcome) {
        self.tries = self.tries.saturating_add(1);
        let (state, answer) = match outcome {
            TryOutcome::Delivered(answer) => (DeliveryState::Delivered, answer),
            TryOutcome::Parked(answer) => (DeliveryState::Parked, answer),
            TryOutcome::Failed { answer, next_try_at } => {
                self.failing_since.get_or_insert(at);
                self.next_try_at = *next_try_at;
                (DeliveryState::Waiting, answer)
            }
        };
        self.state = state;
        self.last_answer = Some(answer.clone());
    }

    /// Begins anew at `at`, as if it had just been written.
    pub(super) fn resend(&mut self, at: WallTime) {
        self.state = DeliveryState::Waiting;
        self.next_try_at = at;
        self.tries = 0;
        self.failing_since = None;
    }
}
