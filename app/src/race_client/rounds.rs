//! The round as the server tells it.

use super::{Effect, RaceClient, clock::RoundClock};
use crate::{
    error::{ApiError, ErrorCode},
    scene::{Note, ServerWords},
    wire::{ClientMessage, Figures, Puzzle, ResetReason, RoundView, ServerMessage},
};
use std::time::Duration;

impl RaceClient {
    /// How long to wait for the news of the next round before asking for it.
    const NEWS: Duration = Duration::from_millis(1_500);

    pub(super) fn socket_opened(&mut self, now: Duration) {
        self.link.opened(now);
        if self.mining.is_some() {
            self.effects.push(Effect::Send(ClientMessage::MiningStart));
        }
    }

    pub(super) fn socket_closed(&mut self, now: Duration) {
        self.stand_back(now);
        let wait = self.link.closed(now, self.random());
        self.write(Note::Disconnected { retry_in: wait.as_secs_f64() });
    }

    pub(super) fn heard(&mut self, message: ServerMessage, now: Duration) {
        self.link.heard(now);
        match message {
            ServerMessage::Puzzle { round, figures, proof_interval } => {
                if self.link.is_open() {
                    self.link.informed();
                }
                self.session_accepted();
                self.proving.informed(proof_interval);
                self.write(Note::Connected);
                if self.round_is_fresh {
                    self.catch_up();
                    if round.seed != self.round.seed {
                        self.write(Note::RoundMissed(round.round));
                    }
                }
                self.round_is_fresh = true;
                self.adopt(round, now);
                self.figures = figures;
            }
            ServerMessage::PuzzleReset { round, reason, solve_time } => {
                let (ended, begun) = (self.round.round, round.round);
                let won_here = self.prizes.iter().any(|prize| prize.round == ended);
                match reason {
                    ResetReason::Solved if won_here || self.solving.in_flight == Some(ended) => {}
                    ResetReason::Solved => self.write(Note::RoundSolved { ended, solve_time, begun }),
                    ResetReason::Timeout => self.write(Note::RoundTimedOut(begun)),
                    ResetReason::Operator => self.write(Note::RoundReset(begun)),
                }
                self.adopt(round, now);
            }
            ServerMessage::NetworkHashrate {
                total_hashrate,
                active_miners,
                online,
                round,
                mining_time,
                clock_running,
                ..
            } => {
                self.figures = Figures { total_hashrate, active_miners, online };
                if round == self.round.round {
                    self.clock = RoundClock::heard(mining_time, clock_running, now);
                }
            }
            ServerMessage::Pong { online } => self.figures.online = online,
            ServerMessage::Error { code, detail } => self.write(Note::Complaint(ServerWords { code, detail })),
            ServerMessage::Rejected { code, detail, retry_after } => {
                self.write(Note::Rejected(ServerWords { code, detail }));
                self.link.asked_to_rest(Duration::from_secs(retry_after.unwrap_or_default()));
                if matches!(code, ErrorCode::MissingToken | ErrorCode::TurnstileFailed) {
                    self.renew_session(now);
                }
            }
        }
    }

    /// After an absence the device may have another address, and an answer that
    /// got lost may have been a win.
    fn catch_up(&mut self) {
        self.effects.push(Effect::FetchTrace);
        self.effects.push(Effect::FetchWins);
    }

    pub(super) fn puzzle_fetched(&mut self, result: Result<Puzzle, ApiError>, now: Duration) {
        if !self.round_is_over {
            return;
        }
        match result {
            Ok(puzzle) if puzzle.round.seed != self.round.seed => {
                self.adopt(puzzle.round, now);
            }
            // The server says that the round is still on: so it is.
            Ok(_) => self.round_is_over = false,
            Err(_) => self.next_round_at = Some(now + 2 * Self::NEWS),
        }
    }

    /// The present round is over: waits for the next one, and asks for it if it
    /// does not come by itself.
    pub(super) fn await_next_round(&mut self, now: Duration) {
        self.round_is_over = true;
        self.next_round_at = Some(now + Self::NEWS);
    }

    /// Takes the round as it is told now. A new seed is a new round, whatever its
    /// number: a server that was restarted counts from one again.
    fn adopt(&mut self, round: RoundView, now: Duration) {
        if round.seed != self.round.seed {
            self.start_over();
            self.round_is_over = false;
            self.next_round_at = None;
        }
        self.clock = RoundClock::heard(round.mining_time, round.clock_running, now);
        if self.mining.is_some() {
            self.clock.joined(now);
        }
        self.round = round;
    }

    /// The server counts this page no more: if it was the only miner, the clock stands.
    pub(super) fn stand_back(&mut self, now: Duration) {
        if self.mining.is_some() && self.figures.active_miners <= 1 {
            self.clock.left_alone(now);
        }
    }
}
