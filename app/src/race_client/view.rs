//! What the page shows of the race: computed from the state of the parts, never kept.

use super::{client::RaceClient, odds};
use crate::{
    scene::{Best, Failure, Pause, Phase, Scene, typical_round},
    wire::DropState,
};
use puzzle::Target;
use std::time::Duration;

impl RaceClient {
    /// What the page is doing at `now`.
    pub fn phase(&self, now: Duration) -> Phase {
        if let Some(failure) = &self.failure {
            return Phase::Failed(failure.clone());
        }
        let needs_visitor = self.entry.human_check().needs_the_visitor();
        if let Some(unready) = self.unready() {
            return if needs_visitor { Phase::Paused(Pause::HumanCheck) } else { unready };
        }
        if self.solving.is_in_flight() {
            return Phase::Submitting;
        }
        match self.prizes.celebrates(now) {
            Some(round) => Phase::Won(round),
            None if !self.workers.are_wanted() => match self.round.drop().drop.state {
                DropState::Over => Phase::Over,
                DropState::Scheduled | DropState::Open | DropState::Paused => Phase::Idle,
            },
            None if self.link.is_lost(now) && needs_visitor => Phase::Paused(Pause::HumanCheck),
            None if self.link.is_lost(now) => Phase::Paused(Pause::ConnectionLost),
            None if self.round.seed().is_none() => match self.round.drop().drop.state {
                DropState::Over => Phase::Over,
                DropState::Paused => Phase::Paused(Pause::DropPaused),
                DropState::Scheduled | DropState::Open => Phase::AwaitingDrop,
            },
            None if self.workers.are_running() => Phase::Mining,
            None => Phase::Starting,
        }
    }

    /// The page as it is to be shown at `now`.
    pub fn scene(&self, now: Duration) -> Scene {
        let (round, curve) = (self.round.view(), self.round.curve());
        let mining_time = self.round.mining_time(now);
        let figures = self.round.figures();
        let best_hash = self.solving.best();
        let local_rate = self.local_rate(now);
        Scene {
            phase: self.phase(now),
            connection: self.link.view(now),
            is_stale: self.link.is_stale(now),
            test_mode: self.entry.is_in_test_mode(),
            asks_for_humans: self.entry.asks_for_humans(),
            human_check: self.entry.human_check(),
            proof: self.entry.proof(),
            can_start: self.can_start(),
            can_stop: self.workers.are_wanted(),
            round: round.round,
            target: curve.target_at(mining_time),
            hardest: curve.rising().map_or_else(|| curve.target_at(Duration::ZERO), |curve| curve.hardest),
            typical_round: typical_round(&curve),
            memory_mib: round.cost.memory_cost / 1024,
            mining_time,
            clock_running: self.round.clock_is_running(now),
            figures,
            drop: self.round.drop_scene(now),
            local_rate,
            workers: self.workers.count(),
            most_workers: self.workers.most(),
            visitor: self.identity.visitor().cloned(),
            visitor_is_random: self.identity.visitor_is_random(),
            best: best_hash.map(|hash| Best {
                digits: Target::from_fraction(hash.fraction()).difficulty(),
                rarity: 1.0 / hash.fraction(),
                wins_in: curve.valid_from(&hash).map(|moment| moment.saturating_sub(mining_time)),
            }),
            half_win_within: (0.0 < local_rate)
                .then(|| odds::half_win_within(&curve, mining_time, local_rate, best_hash.as_ref()))
                .flatten(),
            part_of_rounds: odds::part_of_rounds(local_rate, figures.total_hashrate),
            prizes: self.prizes.codes(),
        }
    }

    /// Hashes per second of this page.
    pub fn local_rate(&self, now: Duration) -> f64 {
        self.workers.rate(now)
    }

    /// True while there is a session to act with.
    pub fn may_take_part(&self) -> bool {
        self.entry.may_take_part()
    }

    /// True while the live connection stands and the server has told the whole state.
    pub fn is_live(&self) -> bool {
        self.link.is_informed()
    }

    /// True if Start may be pressed.
    pub(super) fn can_start(&self) -> bool {
        !self.workers.are_wanted()
            && self.unready().is_none()
            && self.round.drop().drop.state != DropState::Over
            && self.failure.as_ref().is_none_or(Failure::may_be_retried)
    }

    /// The phase, while this visitor cannot take part yet.
    fn unready(&self) -> Option<Phase> {
        let is_known = self.entry.was_admitted() && self.identity.known().is_some();
        self.entry
            .obstacle()
            .or_else(|| self.identity.lacks_trace().then_some(Phase::Paused(Pause::TraceUnreadable)))
            .or_else(|| (!is_known).then_some(Phase::Checking))
    }
}
