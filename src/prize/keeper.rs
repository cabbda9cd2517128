//! What becomes of a win: a record in the audit log and a call to the webhook.

use super::{
    audit::{AuditLog, AuditRecord},
    webhook::Webhook,
};
use crate::race::{Win, WinListener};
use std::time::{Duration, SystemTime};

/// Keeps wins in the audit log and passes them to the webhook.
#[derive(Debug)]
pub struct Keeper {
    audit: AuditLog,
    webhook: Webhook,
}

impl Keeper {
    /// A keeper with both its books open.
    pub fn new(audit: AuditLog, webhook: Webhook) -> Self {
        Self { audit, webhook }
    }

    /// True if wins reach the disk.
    pub fn audit_works(&self) -> bool {
        self.audit.status().is_ok
    }

    /// Finishes what is under way within `grace`, and logs what is left.
    pub async fn shut_down(&self, grace: Duration) {
        futures::join!(self.audit.shutdown(grace), self.webhook.shutdown(grace));
    }
}

impl WinListener for Keeper {
    fn won(&self, win: &Win, at: SystemTime) {
        drop(self.audit.append(&AuditRecord {
            timestamp: at,
            invite_code: win.invite_code.clone(),
            visitor_id: win.competitor.visitor.clone(),
            nonce: win.solution.nonce,
            hash: win.solution.hash,
            seed: win.solution.seed,
            real_ip: win.competitor.address,
            trace_data: win.competitor.trace.clone(),
            difficulty: win.difficulty,
            solve_time: win.solve_time.as_secs_f64(),
            new_difficulty: win.new_difficulty,
            adjustment_reason: win.adjustment_reason.clone(),
            round: win.round,
        }));
        self.webhook.queue(&win.competitor.visitor, &win.invite_code);
    }
}
