//! The round as the server tells it, with its clock and the network's figures.

use super::{clock::RoundClock, event::Effect, turn::Turn};
use crate::{
    error::ApiError,
    scene::DropScene,
    wire::{DropNews, DropState, Figures, PageState, Puzzle, RoundView},
};
use puzzle::{Curve, Hash, RoundNumber, Seed};
use std::time::Duration;

/// How long the next round may take to be announced before it is asked for.
const ANNOUNCEMENT_TIME: Duration = Duration::from_millis(1_500);

/// The present round, as far as it was heard of.
#[derive(Debug)]
pub(super) struct Round {
    view: RoundView,
    drop: DropNews,
    /// When that was told.
    drop_told_at: Duration,
    clock: RoundClock,
    figures: Figures,
    /// True once the round was told by the live connection, not by the page.
    is_fresh: bool,
    /// True once the round is known to be over, though the next one is not known yet.
    is_over: bool,
    /// When to ask for the next round, if nobody tells it before.
    next_at: Option<Duration>,
}

impl Round {
    /// The round that the page was rendered with.
    pub(super) fn rendered(page: &PageState) -> Self {
        Self {
            view: page.round.clone(),
            drop: page.drop.clone(),
            drop_told_at: Duration::ZERO,
            clock: RoundClock::heard(page.round.mining_time, page.round.clock_running, Duration::ZERO),
            figures: page.figures,
            is_fresh: false,
            is_over: false,
            next_at: None,
        }
    }

    /// The round as it was told last.
    pub(super) const fn view(&self) -> &RoundView {
        &self.view
    }

    /// Which round it is.
    pub(super) const fn number(&self) -> RoundNumber {
        self.view.round
    }

    /// What is given out.
    pub(super) const fn drop(&self) -> &DropNews {
        &self.drop
    }

    /// The same as it is to be shown at `now`.
    pub(super) fn drop_scene(&self, now: Duration) -> DropScene {
        DropScene::new(&self.drop, now.saturating_sub(self.drop_told_at))
    }

    /// The random part of its puzzle, while there is anything to search for.
    pub(super) fn seed(&self) -> Option<Seed> {
        self.view.seed()
    }

    /// How its target moves.
    pub(super) fn curve(&self) -> Curve {
        self.view.target_curve()
    }

    /// The mining time at `now`, as it seems.
    pub(super) fn mining_time(&self, now: Duration) -> Duration {
        self.clock.elapsed(now)
    }

    /// True while somebody seems to mine at `now`.
    pub(super) fn clock_is_running(&self, now: Duration) -> bool {
        self.clock.is_running(now)
    }

    /// The network.
    pub(super) const fn figures(&self) -> Figures {
        self.figures
    }

    /// True once the round was told by the live connection.
    pub(super) const fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// True while nothing of the round counts any more.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// True if hashes of `round` still count.
    pub(super) fn is_on(&self, round: RoundNumber) -> bool {
        round == self.number() && !self.is_over
    }

    /// When `hash` wins, as far as can be told at `now`.
    pub(super) fn wins_at(&self, hash: &Hash, now: Duration) -> Option<Duration> {
        self.clock.moment_of(self.curve().valid_from(hash)?, now)
    }

    /// When [`Round::when_due`] has something to do.
    pub(super) const fn deadline(&self) -> Option<Duration> {
        self.next_at
    }

    /// Takes the round as it is told at `now`; true if it is another one. A new seed
    /// is a new round, whatever its number: a server that was restarted counts from
    /// one again.
    pub(super) fn adopt(&mut self, view: RoundView, is_mining: bool, now: Duration) -> bool {
        let is_new = view.seed() != self.view.seed();
        if is_new {
            self.is_over = false;
            self.next_at = None;
        }
        self.clock = RoundClock::heard(view.mining_time, view.clock_running, now);
        if is_mining {
            self.clock.joined(now);
        }
        self.view = view;
        is_new
    }

    /// The live connection has told the round and all else.
    pub(super) fn told(&mut self, figures: Figures, drop: DropNews, now: Duration) {
        self.is_fresh = true;
        self.figures = figures;
        (self.drop, self.drop_told_at) = (drop, now);
    }

    /// The drop as it is told. While it is not open there is nothing to search for; true
    /// if there was until now.
    pub(super) fn drop_told(&mut self, drop: DropNews, now: Duration) -> bool {
        (self.drop, self.drop_told_at) = (drop, now);
        if self.drop.drop.state == DropState::Open || self.view.search.is_none() {
            return false;
        }
        self.view.search = None;
        self.clock = RoundClock::heard(0.0, false, now);
        self.is_over = false;
        self.next_at = None;
        true
    }

    /// How the network stands, and how the clock of `round` does.
    pub(super) fn figures_told(
        &mut self,
        figures: Figures,
        round: RoundNumber,
        mining_time: f64,
        clock_running: bool,
        now: Duration,
    ) {
        self.figures = figures;
        if round == self.number() {
            self.clock = RoundClock::heard(mining_time, clock_running, now);
        }
    }

    /// So many are connected.
    pub(super) const fn online_told(&mut self, online: u32) {
        self.figures.online = online;
    }

    /// The server says that `hash` wins after so much more mining time: so its clock
    /// is known better than before.
    pub(super) fn learn_the_clock(&mut self, hash: &Hash, missing: Duration, now: Duration) {
        if let Some(valid_from) = self.curve().valid_from(hash) {
            self.clock.corrected(valid_from.saturating_sub(missing), now);
        }
    }

    /// This page mines from `now` on.
    pub(super) fn joined(&mut self, now: Duration) {
        self.clock.joined(now);
    }

    /// The server does not count this page any more, which has mined until `now`: if
    /// it was the only miner, the clock stands.
    pub(super) fn left(&mut self, now: Duration) {
        if self.figures.active_miners <= 1 {
            self.clock.left_alone(now);
        }
    }

    /// The round is over: waits for the next one, and asks for it if it does not come
    /// by itself.
    pub(super) fn await_next(&mut self, now: Duration) {
        self.is_over = true;
        // While the drop is not open there is no next round to ask for.
        self.next_at = self.view.search.is_some().then_some(now + ANNOUNCEMENT_TIME);
    }

    /// The answer to [`Effect::FetchPuzzle`]; the next round, if it is one.
    pub(super) fn fetched(&mut self, result: Result<Puzzle, ApiError>, now: Duration) -> Option<RoundView> {
        if !self.is_over {
            return None;
        }
        match result {
            Ok(puzzle) if puzzle.round.seed() != self.view.seed() => return Some(puzzle.round),
            // The server says that the round is still on: so it is.
            Ok(_) => self.is_over = false,
            Err(_) => self.next_at = Some(now + 2 * ANNOUNCEMENT_TIME),
        }
        None
    }

    /// Does what is due.
    pub(super) fn when_due(&mut self, turn: &mut Turn) {
        if self.next_at.is_some_and(|at| at <= turn.now) {
            self.next_at = None;
            turn.ask(Effect::FetchPuzzle);
        }
    }
}
