//! A round that was won, and one that begins.

use super::submission::{Competitor, Solution};
use crate::ledger::{Change, WallTime};
use app::wire::{ResetReason, RoundView, Search, Victory};
use puzzle::{Cost, Curve, RoundNumber, Seed, Ticket, drop::Drop, invite_code::InviteCode};
use std::{fmt, sync::Arc, time::Duration};

/// A round that was won.
#[derive(Clone, Debug)]
pub struct Win {
    /// Which round.
    pub round: RoundNumber,
    /// The prize.
    pub invite_code: InviteCode,
    /// From when on it is worth nothing, if there is such a time.
    pub expires_at: Option<WallTime>,
    /// The winner.
    pub competitor: Competitor,
    /// The winning solution.
    pub solution: Solution,
    /// The time that the round was judged by: its mining time when the solution
    /// arrived, unless the winner did not count; see [`puzzle::rule::Rule::solve_time`].
    pub solve_time: Duration,
    /// The round's difficulty.
    pub difficulty: f64,
    /// The next round's difficulty.
    pub new_difficulty: f64,
    /// Why the difficulty moved or did not, in words.
    pub adjustment_reason: String,
    /// The round's mining time when the solution arrived.
    pub mining_time: Duration,
    /// The place of the solution in the order of arrival.
    pub ticket: Ticket,
    /// When the solution arrived, on the race's clock.
    pub arrived_at: Duration,
}

type ChangesOfWin = dyn Fn(&Win) -> Vec<Change> + Send + Sync;

/// What is to be written down together with a win, in one transaction: what other servers
/// have to be told, and who won.
#[derive(Clone)]
pub struct WithWin(pub Arc<ChangesOfWin>);

impl WithWin {
    /// Nothing but the win.
    pub fn none() -> Self {
        Self(Arc::new(|_| Vec::new()))
    }
}

impl fmt::Debug for WithWin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WithWin")
    }
}

type ChangesOfTurn = dyn Fn(&Drop) -> Vec<Change> + Send + Sync;

/// What is to be written down together with a new state of the drop, in one transaction:
/// what other servers have to be told.
#[derive(Clone)]
pub struct WithTurn(pub Arc<ChangesOfTurn>);

impl WithTurn {
    /// Nothing but the change itself.
    pub fn none() -> Self {
        Self(Arc::new(|_| Vec::new()))
    }
}

impl fmt::Debug for WithTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WithTurn")
    }
}

impl From<&Win> for Victory {
    fn from(win: &Win) -> Self {
        Self {
            invite_code: win.invite_code.clone(),
            round: win.round,
            solve_time: win.solve_time.as_secs_f64(),
            difficulty: win.difficulty,
            new_difficulty: win.new_difficulty,
        }
    }
}

/// The newest round and the drop, as everybody is told them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Announcement {
    /// Which round.
    pub round: RoundNumber,
    /// Its seed.
    pub seed: Seed,
    /// How its target moves.
    pub curve: Curve,
    /// The difficulty that people speak of, in leading zero hex digits.
    pub difficulty: f64,
    /// What a hash costs.
    pub cost: Cost,
    /// Why it began.
    pub reason: ResetReason,
    /// What the round before was judged by, if it was solved.
    pub solve_time: Option<Duration>,
    /// The drop. The round is over unless it is open.
    pub drop: Drop,
}

impl Announcement {
    /// The round as a client sees it after `mining_time`.
    pub fn view(&self, mining_time: Duration, clock_running: bool) -> RoundView {
        if !self.is_open() {
            let (round, difficulty, cost) = (self.round, self.difficulty, self.cost);
            return RoundView { round, search: None, difficulty, cost, mining_time: 0.0, clock_running: false };
        }
        let target = self.curve.target_at(mining_time);
        RoundView {
            round: self.round,
            search: Some(Search { seed: self.seed, target, curve: self.curve.rising().copied() }),
            difficulty: target.difficulty(),
            cost: self.cost,
            mining_time: mining_time.as_secs_f64(),
            clock_running,
        }
    }

    /// True while the round can be won.
    pub const fn is_open(&self) -> bool {
        self.drop.state().is_open()
    }
}
