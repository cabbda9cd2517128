//! Carries out what the race decides, one thing after the other: a round ends when that
//! is durable; then the winner is answered, then the losers, then everybody is told of
//! the new round, and whoever follows the ledger is woken.

use super::{
    state::{Conclusion, Won},
    submission::{Answer, Refusal},
    win::{Announcement, Win},
};
use crate::ledger::{CommitError, Committed};
use app::wire::Victory;
use futures::future::BoxFuture;
use puzzle::drop::Drop;
use std::sync::{Arc, Weak};
use tokio::sync::{mpsc, watch};

/// Whoever is told of wins after the race is done with them. None of them is waited
/// for; what must not be lost of a win is in the ledger before.
pub trait WinListener: Send + Sync + 'static {
    /// Somebody has won.
    fn won(&self, win: &Win);
}

/// What the herald has to do, in the order in which it was decided.
pub(super) enum Event {
    /// The end of a round is being written down.
    Ending(BoxFuture<'static, Result<Committed, CommitError>>),
    /// There are more codes than before.
    Restocked,
    /// Nothing will happen any more.
    Stopped,
}

/// Where the herald says what became of the end of a round.
pub(super) trait Rounds: Send + Sync + 'static {
    /// What the round has come to; `None` if no end of a round was under way.
    fn conclude(&self, committed: Result<Committed, CommitError>) -> Option<Conclusion>;

    /// The drop as it stands.
    fn drop_now(&self) -> Drop;
}

/// Carries out what the race decides; see the module's documentation.
pub struct Herald {
    pub(super) events: mpsc::UnboundedReceiver<Event>,
    /// Weak: the herald must not keep the race alive that feeds it.
    pub(super) rounds: Weak<dyn Rounds>,
    /// The round that everybody is told of.
    pub(super) announced: Arc<watch::Sender<Announcement>>,
}

impl Herald {
    /// Works until the race has stopped and everything is carried out.
    pub async fn run(mut self, listener: Arc<dyn WinListener>) {
        while let Some(event) = self.events.recv().await {
            match event {
                Event::Ending(committed) => self.end(committed.await, listener.as_ref()),
                Event::Restocked => self.restock(),
                Event::Stopped => break,
            }
        }
    }

    fn end(&self, committed: Result<Committed, CommitError>, listener: &dyn WinListener) {
        if let Err(error) = &committed {
            tracing::error!(%error, "the end of a round cannot be written down: the round goes on");
        }
        let Some(rounds) = self.rounds.upgrade() else { return };
        match rounds.conclude(committed) {
            Some(Conclusion::Won(won)) => self.conclude_win(*won, listener),
            Some(Conclusion::Expired { announcement, reason, late }) => {
                tracing::info!(round = announcement.round.0, reason, "round ended unsolved");
                refuse(late, Refusal::AlreadySolved);
                self.announced.send_replace(announcement);
            }
            Some(Conclusion::Turned { announcement, turning, late, refusal }) => {
                let drop = announcement.drop;
                tracing::info!(
                    state = drop.state().name(),
                    because = drop.state().reason(),
                    left = drop.left(),
                    reason = turning.reason,
                    "the drop has changed"
                );
                refuse(late, refusal);
                self.announced.send_replace(announcement);
                if let Some(answer) = turning.answer {
                    let _ = answer.send(Ok(drop));
                }
            }
            Some(Conclusion::Failed { answers, refused }) => {
                if let Some((answer, refusal)) = refused {
                    let _ = answer.send(Err(refusal));
                }
                refuse(answers, Refusal::StorageUnavailable);
            }
            None => {}
        }
    }

    /// Tells everybody how many codes there are. If the drop opens by that, that is
    /// announced when it is written down.
    fn restock(&self) {
        let Some(rounds) = self.rounds.upgrade() else { return };
        let drop = rounds.drop_now();
        self.announced.send_if_modified(|announcement| {
            let is_news = announcement.drop != drop;
            announcement.drop = drop;
            is_news
        });
    }

    fn conclude_win(&self, won: Won, listener: &dyn WinListener) {
        let Won { win, winner, losers, announcement } = won;
        let _ = winner.send(Ok(Victory::from(&win)));
        refuse(losers, Refusal::AlreadySolved);
        self.announced.send_replace(announcement);
        listener.won(&win);
        if !announcement.is_open() {
            tracing::info!(given = announcement.drop.given(), "the drop has given its last code out");
        }
        tracing::info!(
            round = win.round.0,
            solve_time_s = win.solve_time.as_secs_f64(),
            reason = win.adjustment_reason,
            difficulty = win.difficulty,
            new_difficulty = win.new_difficulty,
            code_digest = win.invite_code.digest(),
            "round won"
        );
    }
}

fn refuse(answers: Vec<Answer>, refusal: Refusal) {
    for answer in answers {
        let _ = answer.send(Err(refusal));
    }
}
