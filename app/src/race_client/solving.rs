//! From the best hash of the round to the code: when to hand it in, and what to
//! do about each answer.

use super::{
    Effect, RaceClient,
    back_off::BackOff,
    entry::{is_temporary, servers_words, wait_for},
};
use crate::{
    error::{ApiError, ErrorCode},
    mining::{PoolEvent, PoolFailure},
    scene::{Failure, Note, Prize},
    wire::{Submission, Victory},
};
use puzzle::{Curve, Hash, Nonce, RoundNumber};
use std::time::Duration;

/// The best hash and its way to the server.
#[derive(Debug, Default)]
pub(super) struct Solving {
    /// The best hash of this round, with this trace.
    pub(super) best: Option<(Hash, Nonce)>,
    /// The round whose solution is with the server.
    pub(super) in_flight: Option<RoundNumber>,
    /// The round of a submission whose answer never came: it may have won.
    pub(super) unanswered: Option<RoundNumber>,
    /// Not to be submitted before.
    not_before: Duration,
    back_off: BackOff,
    /// Answers in a row that named another address.
    address_mismatches: u32,
    /// Answers in a row that refused a session.
    session_refusals: u32,
    /// Answers in a row that called a hash wrong.
    hash_mismatches: u32,
    /// Other refusals in a row.
    refusals: u32,
}

impl Solving {
    /// What was found is worth nothing any more.
    pub(super) fn start_over(&mut self) {
        self.best = None;
        self.not_before = Duration::ZERO;
    }

    /// True if the best hash can still win on `curve`.
    pub(super) fn can_win_with(&self, curve: &Curve) -> bool {
        self.best.is_some_and(|(hash, _)| curve.valid_from(&hash).is_some())
    }

    /// The visitor tries again: old refusals count no more.
    pub(super) fn forgive(&mut self) {
        self.address_mismatches = 0;
        self.session_refusals = 0;
        self.hash_mismatches = 0;
        self.refusals = 0;
    }
}

impl RaceClient {
    /// How long the page is in the mood for a win.
    const JOY: Duration = Duration::from_secs(12);
    /// Refusals of one kind in a row after which to go on would be pointless.
    const PATIENCE: u32 = 4;
    /// Better hashes are worth a line in the log from this rarity on.
    const REMARKABLE: f64 = 100.0;

    pub(super) fn pool_did(&mut self, event: PoolEvent, now: Duration) {
        match event {
            PoolEvent::Workers { .. } => {}
            PoolEvent::Progress { round, hashes, best, lowest } => {
                let Some(work) = self.mining.as_mut().filter(|work| work.job.round == round) else { return };
                work.running |= 0 < hashes;
                self.meter.record(now, hashes);
                // The job may be one message behind the round.
                if round == self.round.round && !self.round_is_over {
                    self.keep_if_better(best);
                    self.proving.keep_if_lower(lowest);
                }
            }
            PoolEvent::Fewer { workers } => {
                self.workers = workers.max(1);
                self.effects.push(Effect::RememberWorkers(self.workers));
                self.write(Note::FewerWorkers(self.workers));
            }
            PoolEvent::Failed(failure) => self.fail(match failure {
                PoolFailure::LoadFailed => Failure::MinerNotLoaded,
                PoolFailure::SelfTestFailed => Failure::MinerFaulty,
                PoolFailure::OutOfMemory => Failure::OutOfMemory,
                PoolFailure::Stalled => Failure::MinerStalled,
            }),
        }
    }

    fn keep_if_better(&mut self, found: Option<(Hash, Nonce)>) {
        let Some((hash, nonce)) = found else { return };
        if self.solving.best.is_none_or(|(best, _)| hash < best) {
            self.solving.best = Some((hash, nonce));
            let rarity = 1.0 / hash.fraction();
            if Self::REMARKABLE <= rarity {
                self.write(Note::BetterHash(rarity));
            }
        }
    }

    /// When the best hash is to be handed in, as far as can be told now. It is
    /// kept and handed in even if the visitor stops mining meanwhile.
    pub(super) fn submission_due(&self, now: Duration) -> Option<Duration> {
        let blocked = self.solving.in_flight.is_some()
            || self.round_is_over
            || self.failure.is_some()
            || self.entry.trace_is_stale
            || !self.entry.may_take_part();
        if blocked {
            return None;
        }
        let (hash, _) = self.solving.best?;
        let valid_from = self.round.target_curve().valid_from(&hash)?;
        let valid_at = self.clock.moment_of(valid_from, now)?;
        Some(valid_at.max(self.solving.not_before))
    }

    pub(super) fn submit_when_due(&mut self, now: Duration) {
        if self.submission_due(now).is_none_or(|due| now < due) {
            return;
        }
        let identity = self.entry.visitor.clone().zip(self.entry.trace.clone());
        let (Some((hash, nonce)), Some((visitor_id, trace_data))) = (self.solving.best, identity) else { return };
        let round = self.round.round;
        self.solving.in_flight = Some(round);
        self.write(Note::Submitted(round));
        let submission = Submission { visitor_id, nonce, submitted_seed: self.round.seed, trace_data, hash };
        self.effects.push(Effect::Submit { round, submission });
    }

    pub(super) fn answered(&mut self, round: RoundNumber, result: Result<Victory, ApiError>, now: Duration) {
        self.solving.in_flight = None;
        match result {
            Ok(victory) => self.won(victory, now),
            Err(error) => self.refused(round, error, now),
        }
    }

    fn won(&mut self, victory: Victory, now: Duration) {
        self.solving.forgive();
        self.solving.back_off.succeeded();
        if self.prizes.iter().all(|prize| prize.invite_code != victory.invite_code) {
            self.prizes.insert(0, Prize { round: victory.round, invite_code: victory.invite_code });
        }
        self.celebrate(victory.round, now);
    }

    /// Tells of a win whose code is among the prizes, and goes on.
    pub(super) fn celebrate(&mut self, round: RoundNumber, now: Duration) {
        self.solving.unanswered = None;
        self.just_won = Some((round, now + Self::JOY));
        self.write(Note::Won(round));
        if self.round.round == round {
            self.solving.start_over();
            self.await_next_round(now);
        }
    }

    fn refused(&mut self, round: RoundNumber, error: ApiError, now: Duration) {
        let answered = !is_temporary(error.code);
        // Only the same refusal again and again is a reason to give up.
        let (mut address, mut session, mut hash, mut other) = (0, 0, 0, 0);
        match error.code {
            ErrorCode::PuzzleAlreadySolved => {
                self.write(Note::TooLate(round));
                if self.solving.unanswered == Some(round) {
                    // The lost answer of an earlier attempt may have been the win.
                    self.effects.push(Effect::FetchWins);
                }
                if self.round.round == round {
                    self.solving.start_over();
                    self.await_next_round(now);
                }
            }
            ErrorCode::BelowDifficulty => match error.valid_in.flatten() {
                Some(seconds) => self.learn_the_clock(seconds, now),
                None => {
                    self.solving.start_over();
                    self.write(Note::NotGoodEnough);
                }
            },
            ErrorCode::IdentityMismatch => {
                address = self.solving.address_mismatches + 1;
                self.distrust_trace();
                if Self::PATIENCE <= address {
                    self.fail(Failure::AddressUnstable);
                }
            }
            ErrorCode::MissingToken | ErrorCode::TurnstileFailed | ErrorCode::VisitorMismatch => {
                session = self.solving.session_refusals + 1;
                if session < Self::PATIENCE {
                    self.renew_session(now);
                } else {
                    self.fail(Failure::SolutionsRefused(error.into()));
                }
            }
            ErrorCode::HashMismatch => {
                hash = self.solving.hash_mismatches + 1;
                self.solving.start_over();
                self.write(Note::Refused(error.into()));
                if Self::PATIENCE <= hash {
                    self.fail(Failure::MinerFaulty);
                }
            }
            code if is_temporary(code) => {
                let wait = wait_for(&error, self.solving.back_off.failed(self.random()));
                self.solving.not_before = now + wait;
                if code == ErrorCode::Unreachable {
                    self.solving.unanswered = Some(round);
                    self.effects.push(Effect::FetchWins);
                }
                self.write(Note::AnswerMissing { words: servers_words(error), retry_in: wait.as_secs_f64() });
            }
            _ => {
                // What this page sends is well-formed, so this is no verdict on
                // the solution: something between it and the server is wrong.
                other = self.solving.refusals + 1;
                self.solving.not_before = now + self.solving.back_off.failed(self.random());
                if other < Self::PATIENCE {
                    self.write(Note::Refused(error.into()));
                } else {
                    self.fail(Failure::SolutionsRefused(error.into()));
                }
            }
        }
        if answered {
            if other == 0 {
                self.solving.back_off.succeeded();
            }
            self.solving.address_mismatches = address;
            self.solving.session_refusals = session;
            self.solving.hash_mismatches = hash;
            self.solving.refusals = other;
        }
    }

    /// The server says in how many seconds of its mining time the best hash wins:
    /// so its clock is known better than before.
    fn learn_the_clock(&mut self, valid_in: f64, now: Duration) {
        self.write(Note::TooEarly { valid_in });
        let wait = Duration::try_from_secs_f64(valid_in).unwrap_or_default();
        let valid_from = self.solving.best.and_then(|(hash, _)| self.round.target_curve().valid_from(&hash));
        if let Some(valid_from) = valid_from {
            self.clock.corrected(valid_from.saturating_sub(wait), now);
        }
        // Never at once: a clock that is a hair slow must not become a storm.
        self.solving.not_before = now + Duration::from_millis(50);
    }
}
