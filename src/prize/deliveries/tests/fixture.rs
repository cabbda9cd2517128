//! A ledger with deliveries in it, whose time is set by hand.

use crate::{
    clock::{Clock, ManualClock},
    https_client::{ProxySettings, https_client},
    ledger::{
        Change, DeliveryId, Ledger, MemoryLedger, Transaction, WallTime,
        deliveries::{Delivery, DeliveryState},
    },
    prize::{
        deliveries::{Deliveries, Receiver},
        webhook::{CodeWon, WebhookSettings, told_of_win},
    },
};
use puzzle::{
    Nonce, RoundNumber, Seed, VisitorId,
    invite_code::{CodeSecret, InviteCode},
};
use std::{sync::Arc, time::Duration};

/// Longer than any test takes.
pub(super) const LONG: Duration = Duration::from_secs(600);

pub(super) fn visitor() -> VisitorId {
    "visitor-1".parse().unwrap()
}

pub(super) fn code(number: u64) -> InviteCode {
    let secret = CodeSecret::from_bytes([7; 32]);
    InviteCode::derive(&secret, &visitor(), Nonce::new(number).unwrap(), &Seed::from_bytes([1; 16]))
}

/// A ledger with its clock, and what is delivered from it.
pub(super) struct Fixture {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) settings: WebhookSettings,
}

impl Fixture {
    pub(super) fn new(settings: WebhookSettings) -> Self {
        let clock = Arc::new(ManualClock::default());
        // Beyond the spread of the start: what is due at the start is due at once.
        clock.advance(Duration::from_secs(1000));
        Self { ledger: Arc::new(MemoryLedger::new(clock.clone())), clock, settings }
    }

    /// Writes the delivery of a prize, as a win does.
    pub(super) async fn win(&self, number: u64) {
        let new = told_of_win(
            &self.settings,
            &CodeWon {
                code: &code(number),
                round: RoundNumber(number),
                visitor: &visitor(),
                expires_at: None,
                state: None,
            },
        );
        self.ledger.commit(Transaction::new().with(Change::Deliver(new))).await.unwrap();
    }

    /// Starts to deliver, as a start of the server does; the spread is over at once.
    pub(super) fn start(&self) -> Deliveries {
        let receiver = Receiver::new(
            https_client(&ProxySettings::default(), self.settings.time_limit).unwrap(),
            self.settings.clone(),
        );
        Deliveries::start_with(self.ledger.clone(), Some(receiver), self.clock.clone())
    }

    /// Lets time pass.
    pub(super) fn advance(&self, deliveries: &Deliveries, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        deliveries.wake();
    }

    pub(super) async fn delivery(&self, id: u64) -> Delivery {
        self.ledger.delivery(DeliveryId(id)).await.unwrap().unwrap()
    }

    /// A delivery, once it is what is wanted.
    pub(super) async fn delivery_when(&self, id: u64, wanted: impl Fn(&Delivery) -> bool) -> Delivery {
        loop {
            let delivery = self.delivery(id).await;
            if wanted(&delivery) {
                return delivery;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(super) async fn tried(&self, id: u64, tries: u32) -> Delivery {
        self.delivery_when(id, |delivery| delivery.tries == tries).await
    }

    pub(super) async fn taken(&self, id: u64) -> Delivery {
        self.delivery_when(id, |delivery| delivery.state == DeliveryState::Delivered).await
    }
}

/// The time of day of a test.
pub(super) fn now(fixture: &Fixture) -> WallTime {
    fixture.clock.time_of_day().into()
}

/// How long a delivery waits for its next try.
pub(super) fn wait_of(delivery: &Delivery, fixture: &Fixture) -> Duration {
    delivery.next_try_at.since(now(fixture))
}
