//! Carries out what the race decides, one thing after the other: the audit record, the
//! winner's answer, the announcement of the new round, the losers' answers, the webhook.

use super::{
    state::{Event, Won},
    submission::Refusal,
    win::{Announcement, Win},
};
use app::wire::Victory;
use futures::future::BoxFuture;
use std::{sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch};

/// How long a winner waits for the audit record to be on disk.
pub const RECORD_LIMIT: Duration = Duration::from_secs(1);

/// Where wins go beside the winner: the audit log and the webhook.
pub trait Prizes: Send + Sync + 'static {
    /// Writes the record; done when it is on disk, or has failed.
    fn record(&self, win: &Win) -> BoxFuture<'static, ()>;

    /// Hands the prize over to whoever delivers it further; never waits.
    fn deliver(&self, win: &Win);
}

/// Carries out what the race decides; see the module's documentation.
pub struct Herald {
    pub(super) events: mpsc::UnboundedReceiver<Event>,
    /// The round that everybody is told of.
    pub(super) announced: Arc<watch::Sender<Announcement>>,
}

impl Herald {
    /// Works until the race has stopped and everything is carried out.
    pub async fn run(mut self, prizes: Arc<dyn Prizes>) {
        while let Some(event) = self.events.recv().await {
            match event {
                Event::Won(won) => self.proclaim(*won, prizes.as_ref()).await,
                Event::Expired { announcement, reason } => {
                    tracing::info!(round = announcement.round.0, reason, "round ended unsolved");
                    self.announce(announcement);
                }
                Event::Stopped => break,
            }
        }
    }

    async fn proclaim(&self, won: Won, prizes: &dyn Prizes) {
        let Won { win, winner, losers, announcement, arrived_at: _ } = won;
        if tokio::time::timeout(RECORD_LIMIT, prizes.record(&win)).await.is_err() {
            tracing::error!(
                round = win.round.0, code_digest = win.invite_code.digest(),
                "the audit record is late; the code is given out and the record is kept for retry"
            );
        }
        let _ = winner.send(Ok(Victory::from(&win)));
        self.announce(announcement);
        for loser in losers {
            let _ = loser.send(Err(Refusal::AlreadySolved));
        }
        prizes.deliver(&win);
        tracing::info!(
            round = win.round.0, solve_time_s = win.solve_time.as_secs_f64(), reason = win.adjustment_reason,
            difficulty = win.difficulty, new_difficulty = win.new_difficulty, code_digest = win.invite_code.digest(),
            "round won"
        );
    }

    fn announce(&self, announcement: Announcement) {
        self.announced.send_replace(announcement);
    }
}
