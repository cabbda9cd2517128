//! The handle to everything that follows from a win.

use super::{
    audit::{AuditError, AuditLog, AuditSettings},
    deliveries::Deliveries,
    webhook::WebhookSettings,
};
use crate::{
    clock::Clock,
    https_client::{ClientError, ProxySettings},
    ledger::{Ledger, deliveries::Outbox},
};
use std::{fmt, sync::Arc, time::Duration};

/// Why the prizes cannot be looked after.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The audit log cannot be opened.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// No client for calls to other servers can be made.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// A cheap handle to the audit log and the deliveries.
#[derive(Clone)]
pub struct Prizes {
    inner: Arc<Inner>,
}

struct Inner {
    audit: AuditLog,
    deliveries: Deliveries,
}

impl fmt::Debug for Prizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (audit, outbox) = (self.inner.audit.status(), self.deliveries());
        f.debug_struct("Prizes").field("audit", &audit).field("outbox", &outbox).finish()
    }
}

/// Opens the audit log and starts to work off whatever the ledger holds: records that
/// are not in the log yet, and deliveries that wait. Blocks on the disk; meant for the
/// start, within a Tokio runtime.
///
/// # Errors
/// [`OpenError`].
pub fn open(
    ledger: Arc<dyn Ledger>,
    audit: AuditSettings,
    webhook: Option<WebhookSettings>,
    proxies: &ProxySettings,
    clock: Arc<dyn Clock>,
) -> Result<Prizes, OpenError> {
    let audit = AuditLog::open(Arc::clone(&ledger), audit, Arc::clone(&clock))?;
    let deliveries = Deliveries::start(ledger, webhook, proxies, clock)?;
    Ok(Prizes { inner: Arc::new(Inner { audit, deliveries }) })
}

impl Prizes {
    /// To be called whenever a win was committed. Never waits; without it, the win is
    /// found within some seconds.
    pub fn wake(&self) {
        self.inner.audit.wake();
        self.inner.deliveries.wake();
    }

    /// True if records reach the disk.
    pub fn audit_works(&self) -> bool {
        self.inner.audit.status().is_ok
    }

    /// How many deliveries wait or are parked, as of a few seconds ago.
    pub fn deliveries(&self) -> Outbox {
        self.inner.deliveries.outbox()
    }

    /// Writes the records of all wins that were committed before and finishes the
    /// delivery under way, both within `grace`. What is not done by then is done after
    /// the next start. The ledger must still be open.
    pub async fn shut_down(&self, grace: Duration) {
        futures::join!(self.inner.audit.shut_down(grace), self.inner.deliveries.shut_down(grace));
    }
}
