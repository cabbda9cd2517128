//! Writes the wins of this process into a ledger in memory, for those who read them
//! there.

use crate::{
    ledger::{
        Body, Change, Ledger, MemoryLedger, Transaction,
        body::{Estimate, Expired, OpenReason, Opened, Won},
    },
    prize::webhook::{WebhookSettings, new_delivery},
    race::Win,
};
use futures::future::BoxFuture;
use puzzle::{Cost, Curve, RoundNumber, Seed, Ticket, rule::RuleName, target::Target};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// The wins of this process.
pub(super) struct Book {
    ledger: Arc<MemoryLedger>,
    webhook: Option<WebhookSettings>,
    /// The round that runs in the ledger; 0 before the first.
    running: Mutex<u64>,
}

impl Book {
    pub(super) fn new(ledger: Arc<MemoryLedger>, webhook: Option<WebhookSettings>) -> Self {
        Self { ledger, webhook, running: Mutex::new(0) }
    }

    /// Commits a win; done when its record is in the audit log.
    pub(super) fn write(&self, win: &Win) -> BoxFuture<'static, ()> {
        let ledger = Arc::clone(&self.ledger);
        let committed = {
            let mut running = crate::lock::lock(&self.running);
            let mut transaction = Transaction::new();
            while *running < win.round.0 {
                if 0 < *running {
                    transaction = transaction.append(RoundNumber(*running), expired(win));
                }
                *running += 1;
                transaction = transaction.append(RoundNumber(*running), opened(win));
            }
            transaction = transaction.append(win.round, won(win));
            *running += 1;
            transaction = transaction.append(RoundNumber(*running), opened(win));
            if let Some(webhook) = &self.webhook {
                let new = new_delivery(webhook, win.round, &win.competitor.visitor, &win.invite_code);
                transaction = transaction.with(Change::Deliver(new));
            }
            ledger.commit(transaction)
        };
        Box::pin(async move {
            let Ok(committed) = committed.await else { return };
            while ledger.cursor("audit").await.is_ok_and(|cursor| cursor < committed.head.seq) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    }
}

fn estimate(win: &Win) -> Estimate {
    Estimate::Step { difficulty: win.new_difficulty }
}

fn opened(win: &Win) -> Body {
    Body::Opened(Opened {
        seed: Seed::from_bytes([0; 16]),
        curve: Curve::Fixed(Target::from_fraction(1.0)),
        estimate: estimate(win),
        cost: Cost::DEFAULT,
        rule: RuleName::Step,
        reason: OpenReason::Solved,
    })
}

fn expired(win: &Win) -> Body {
    Body::Expired(Expired { reason: String::new(), mining_time: Duration::ZERO, estimate: estimate(win) })
}

fn won(win: &Win) -> Body {
    Body::Won(Box::new(Won {
        session: win.competitor.session.to_string(),
        ticket: Ticket(win.round.0),
        code: win.invite_code.clone(),
        visitor: win.competitor.visitor.clone(),
        address: win.competitor.address,
        network: win.competitor.address.to_string(),
        trace: win.competitor.trace.clone(),
        seed: win.solution.seed,
        nonce: win.solution.nonce,
        hash: win.solution.hash,
        difficulty: win.difficulty,
        mining_time: win.solve_time,
        solve_time: win.solve_time,
        new_difficulty: win.new_difficulty,
        adjustment_reason: win.adjustment_reason.clone(),
        estimate: estimate(win),
    }))
}
