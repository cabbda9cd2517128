//! Deliveries: how the rows of the outbox reach their receivers.
//!
//! | module | does |
//! |---|---|
//! | [`schedule`] | decides what follows from an answer: done, another try, or no more |
//! | `receiver` | sends one delivery and says what was answered |
//! | `worker` | the task that reads what is due, sends it and writes what became of it |
//!
//! A delivery is in the ledger before anybody hears of the win that it tells of, and
//! stays there until the receiver has taken it or nobody tries any more. The order of
//! the deliveries is kept. A receiver may be told twice, when its answer or our note of
//! it got lost; by the header `webhook-id`, which is the same at every try, it can tell.

mod receiver;
pub mod schedule;
#[cfg(test)]
mod tests;
mod worker;

use super::webhook::WebhookSettings;
use crate::{
    clock::Clock,
    https_client::{ClientError, ProxySettings, https_client},
    ledger::{Ledger, deliveries::Outbox},
    lock::lock,
};
use receiver::Receiver;
use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};
use worker::Worker;

/// The handle to the task that delivers. The task ends when the handle is dropped.
pub struct Deliveries {
    wake: Arc<Notify>,
    /// True once the server stops.
    stop: watch::Sender<bool>,
    outbox: watch::Receiver<Outbox>,
    /// The task; none after shutdown.
    task: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deliveries").field(&self.outbox()).finish()
    }
}

impl Deliveries {
    /// Starts to deliver whatever waits in the ledger; must be called within a Tokio
    /// runtime. If there is nobody to tell, what waits goes on waiting.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn start(
        ledger: Arc<dyn Ledger>,
        webhook: Option<WebhookSettings>,
        proxies: &ProxySettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let receiver = match webhook {
            Some(settings) => Some(Receiver::new(https_client(proxies, settings.time_limit)?, settings)),
            None => None,
        };
        Ok(Self::start_with(ledger, receiver, clock))
    }

    fn start_with(ledger: Arc<dyn Ledger>, receiver: Option<Receiver>, clock: Arc<dyn Clock>) -> Self {
        let wake = Arc::new(Notify::new());
        let (stop, stopped) = watch::channel(false);
        let (status, outbox) = watch::channel(Outbox::default());
        let worker = Worker::new(ledger, receiver, clock, Arc::clone(&wake), stopped, status);
        Self { wake, stop, outbox, task: Mutex::new(Some(tokio::spawn(worker.run()))) }
    }

    /// Has the task look at once for what is due.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// How the outbox fared when the task looked at it last.
    pub fn outbox(&self) -> Outbox {
        *self.outbox.borrow()
    }

    /// Lets the try under way end, within `grace`, and begins no other one. Whatever
    /// waits stays in the ledger.
    pub async fn shut_down(&self, grace: Duration) {
        self.stop.send_replace(true);
        let task = lock(&self.task).take();
        let Some(mut task) = task else { return };
        if tokio::time::timeout(grace, &mut task).await.is_err() {
            task.abort();
            tracing::warn!("a delivery did not end in time; it is tried again after the next start");
        }
        let Outbox { waiting, parked, .. } = self.outbox();
        if 0 < waiting {
            tracing::info!(waiting, parked, "deliveries wait in the ledger for the next start");
        }
    }
}
