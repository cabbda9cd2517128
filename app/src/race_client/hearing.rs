//! What the server says on the live connection, and what it means for the parts.

use super::{client::RaceClient, event::Effect, turn::Turn};
use crate::{
    error::ErrorCode,
    scene::{Failure, Note, ServerWords},
    wire::{DropNews, DropState, Figures, ResetReason, ServerMessage},
};
use std::time::Duration;

impl RaceClient {
    pub(super) fn heard(&mut self, message: ServerMessage, turn: &mut Turn) {
        self.link.heard(turn.now);
        match message {
            ServerMessage::Puzzle { round, figures, proof_interval, drop } => {
                self.link.informed();
                self.entry.accepted();
                self.proving.interval_told(proof_interval);
                turn.write(Note::Connected);
                if self.round.is_fresh() {
                    // After an absence the device may have another address, and an
                    // answer that got lost may have been a win.
                    turn.ask(Effect::FetchTrace);
                    turn.ask(Effect::FetchWins);
                    if round.search.is_some() && round.seed() != self.round.seed() {
                        turn.write(Note::RoundMissed(round.round));
                    }
                }
                self.adopt(round, turn.now);
                self.round.told(figures, *drop, turn.now);
            }
            ServerMessage::PuzzleReset { round, reason, solve_time } => {
                let (ended, begun) = (self.round.number(), round.round);
                let by_this_page = self.prizes.holds(ended) || self.solving.is_submitting(ended);
                match reason {
                    ResetReason::Solved if by_this_page => {}
                    ResetReason::Solved => turn.write(Note::RoundSolved { ended, solve_time, begun }),
                    ResetReason::Timeout => turn.write(Note::RoundTimedOut(begun)),
                    ResetReason::Operator => turn.write(Note::RoundReset(begun)),
                    ResetReason::Opened | ResetReason::Resumed | ResetReason::Reopened => {
                        turn.write(Note::Drop(DropState::Open, None));
                    }
                }
                self.adopt(round, turn.now);
            }
            ServerMessage::Drop(drop) => self.drop_told(*drop, turn),
            ServerMessage::NetworkHashrate {
                total_hashrate,
                active_miners,
                online,
                round,
                mining_time,
                clock_running,
                ..
            } => {
                let figures = Figures { total_hashrate, active_miners, online };
                self.round.figures_told(figures, round, mining_time, clock_running, turn.now);
            }
            ServerMessage::Pong { online } => self.round.online_told(online),
            ServerMessage::Error { code, detail } => turn.write(Note::MessageRefused(ServerWords { code, detail })),
            ServerMessage::Rejected { code, detail, retry_after } => {
                turn.write(Note::Rejected(ServerWords { code, detail }));
                self.link.asked_to_wait(Duration::from_secs(retry_after.unwrap_or_default()));
                if matches!(code, ErrorCode::MissingToken | ErrorCode::TurnstileFailed) {
                    self.renew_session(turn);
                }
            }
        }
    }

    fn drop_told(&mut self, drop: DropNews, turn: &mut Turn) {
        let (state, reason) = (drop.drop.state, drop.drop.reason);
        // An open one is told of with its round.
        if state != DropState::Open && state != self.round.drop().drop.state {
            turn.write(Note::Drop(state, reason));
        }
        // By another rule this visitor may win again.
        if matches!(self.failure, Some(Failure::QuotaReached { .. })) && self.round.drop().limits != drop.limits {
            self.failure = None;
        }
        if self.round.drop_told(drop, turn.now) {
            self.start_over();
        }
    }
}
