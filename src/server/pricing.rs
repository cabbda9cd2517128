//! The price of a session follows the pressure on the server.

use crate::{
    clock::Clock,
    gate::{
        limits::AddressLimits,
        price::{Pressure, Price},
    },
    identity::sessions::Sessions,
    lobby::store::{StampKind, Store},
    race::Race,
};
use std::{sync::Arc, time::Duration};

/// Where the pressure is read.
pub(super) struct Gauges {
    pub(super) race: Race,
    pub(super) sessions: Arc<Sessions>,
    pub(super) limits: Arc<AddressLimits>,
    pub(super) stamps: Store,
}

impl Gauges {
    fn pressure(&self) -> Pressure {
        Pressure {
            fullest_table: self
                .sessions
                .unproven_part()
                .max(self.limits.sockets.pressure())
                .max(self.stamps.fullness(StampKind::Session)),
            oldest_submission: self.race.oldest_waiting().unwrap_or_default(),
        }
    }
}

/// Lets the price of a session follow the pressure, until it is aborted.
pub(super) async fn set_price(price: Arc<Price>, gauges: Gauges, clock: Arc<dyn Clock>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        let pressure = gauges.pressure();
        if price.observe(pressure, clock.now()) {
            let Pressure { fullest_table, oldest_submission } = pressure;
            let oldest_submission_ms = oldest_submission.as_millis();
            let added_bits = price.added();
            tracing::warn!(added_bits, fullest_table, oldest_submission_ms, "the price of a session has changed");
        }
    }
}
