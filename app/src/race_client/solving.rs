//! From the best hash of the round to the code: when to hand it in, and what to
//! do about each refusal.

use super::{event::Effect, round::Round, turn::Turn};
use crate::{
    error::{ApiError, ErrorCode},
    scene::{Failure, Note, ServerWords},
    wire::Submission,
};
use puzzle::{Curve, Hash, Nonce, RoundNumber, TraceData, VisitorId, back_off::BackOff};
use std::time::Duration;

/// Refusals of one kind in a row after which to go on would be pointless.
const REFUSALS_AT_MOST: u32 = 4;

/// Better hashes are worth a line in the log from this rarity on: one in so many.
const LEAST_LOGGED_RARITY: f64 = 100.0;

/// A solution that came too early is sent again after this time at least: the server
/// must not be flooded because a clock is a little slow.
const SHORTEST_WAIT: Duration = Duration::from_millis(50);

/// The best hash and its way to the server.
#[derive(Debug, Default)]
pub(super) struct Solving {
    /// The best hash of this round, with this trace.
    best: Option<(Hash, Nonce)>,
    /// The round whose solution is with the server.
    in_flight: Option<RoundNumber>,
    /// The round of a submission whose answer never came: it may have won.
    unanswered: Option<RoundNumber>,
    /// Not to be submitted before.
    not_before: Duration,
    back_off: BackOff,
    /// Why the last solutions were refused, and how many in a row. One that got no
    /// verdict is not counted.
    refused: Option<(Refusal, u32)>,
}

/// Only the same refusal again and again is a reason to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// The trace names another address.
    Address,
    /// The session is not good.
    Session,
    /// The hash is not that of the nonce.
    WrongHash,
    /// Anything else.
    Other,
}

/// What others must do about a refusal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Remedy {
    /// Nothing: the solution is sent again, or a better hash is waited for.
    Nothing,
    /// The round was won by somebody: goes on with the next.
    NextRound,
    /// The hash wins after so much more mining time: sets the clock by that.
    SetClock(Hash, Duration),
    /// Reads the trace anew.
    ReadTrace,
    /// Makes another session.
    RenewSession,
}

impl Solving {
    /// The best hash of the round.
    pub(super) fn best(&self) -> Option<Hash> {
        self.best.map(|(hash, _)| hash)
    }

    /// True while a solution is with the server.
    pub(super) const fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// True while a solution of `round` is with the server.
    pub(super) fn is_submitting(&self, round: RoundNumber) -> bool {
        self.in_flight == Some(round)
    }

    /// True if a solution of `round` may have won, though its answer got lost.
    pub(super) fn may_have_won(&self, round: RoundNumber) -> bool {
        self.unanswered == Some(round)
    }

    /// True if the best hash can still win on `curve`.
    pub(super) fn can_win_with(&self, curve: &Curve) -> bool {
        self.best.is_some_and(|(hash, _)| curve.valid_from(&hash).is_some())
    }

    /// When the best hash is to be handed in, as far as can be told at `now`.
    pub(super) fn due(&self, round: &Round, now: Duration) -> Option<Duration> {
        if self.is_in_flight() {
            return None;
        }
        let (hash, _) = self.best?;
        Some(round.wins_at(&hash, now)?.max(self.not_before))
    }

    /// What was found is worth nothing any more.
    pub(super) fn start_over(&mut self) {
        self.best = None;
        self.not_before = Duration::ZERO;
    }

    /// The visitor tries again: old refusals count no more.
    pub(super) fn forgive(&mut self) {
        self.refused = None;
    }

    /// A batch brought this hash.
    pub(super) fn keep_if_better(&mut self, found: Option<(Hash, Nonce)>, turn: &mut Turn) {
        let Some((hash, nonce)) = found else { return };
        if self.best.is_none_or(|(best, _)| hash < best) {
            self.best = Some((hash, nonce));
            let rarity = 1.0 / hash.fraction();
            if LEAST_LOGGED_RARITY <= rarity {
                turn.write(Note::BetterHash(rarity));
            }
        }
    }

    /// Hands the best hash in.
    pub(super) fn submit(&mut self, round: &Round, visitor_id: VisitorId, trace_data: TraceData, turn: &mut Turn) {
        let (Some((hash, nonce)), Some(submitted_seed)) = (self.best, round.seed()) else { return };
        let round = round.number();
        self.in_flight = Some(round);
        turn.write(Note::Submitted(round));
        let submission = Submission { visitor_id, nonce, submitted_seed, trace_data, hash };
        turn.ask(Effect::Submit { round, submission });
    }

    /// The server's answer is that the solution has won.
    pub(super) fn accepted(&mut self) {
        self.in_flight = None;
        self.forgive();
        self.back_off.succeeded();
    }

    /// A win is certain, by whatever answer.
    pub(super) const fn won(&mut self) {
        self.unanswered = None;
    }

    /// The server's answer is another one, or there is none.
    pub(super) fn refused(
        &mut self,
        round: RoundNumber,
        error: ApiError,
        turn: &mut Turn,
    ) -> (Remedy, Option<Failure>) {
        self.in_flight = None;
        match error.code {
            ErrorCode::PuzzleAlreadySolved => {
                self.judged();
                turn.write(Note::TooLate(round));
                if self.may_have_won(round) {
                    // The lost answer of an earlier attempt may have been the win.
                    turn.ask(Effect::FetchWins);
                }
                (Remedy::NextRound, None)
            }
            ErrorCode::BelowDifficulty => {
                self.judged();
                (self.below_difficulty(error.valid_in.flatten(), turn), None)
            }
            ErrorCode::DropScheduled | ErrorCode::DropPaused | ErrorCode::DropOver => {
                self.judged();
                (Remedy::NextRound, None)
            }
            ErrorCode::QuotaReached if error.retry_after.is_none() => {
                self.judged();
                let by_network = error.drop.is_some_and(|details| details.quota.as_deref() == Some("network"));
                (Remedy::Nothing, Some(Failure::QuotaReached { by_network }))
            }
            ErrorCode::QuotaReached => {
                // A moment after a win: what is found meanwhile counts when that is over.
                self.judged();
                self.not_before = turn.now + error.asked_wait();
                turn.write(Note::CoolingDown { retry_in: error.asked_wait().as_secs_f64() });
                (Remedy::Nothing, None)
            }
            ErrorCode::IdentityMismatch => {
                let is_last = self.count(Refusal::Address);
                (Remedy::ReadTrace, is_last.then_some(Failure::AddressUnstable))
            }
            ErrorCode::MissingToken | ErrorCode::TurnstileFailed | ErrorCode::VisitorMismatch => {
                if self.count(Refusal::Session) {
                    (Remedy::Nothing, Some(Failure::SolutionsRefused(error.into())))
                } else {
                    (Remedy::RenewSession, None)
                }
            }
            ErrorCode::HashMismatch => {
                let is_last = self.count(Refusal::WrongHash);
                self.start_over();
                turn.write(Note::Refused(error.into()));
                (Remedy::Nothing, is_last.then_some(Failure::MinerFaulty))
            }
            code if code.is_temporary() => {
                self.wait_for_a_verdict(round, error, turn);
                (Remedy::Nothing, None)
            }
            _ => {
                // What this page sends is well-formed, so this is no verdict on
                // the solution: something between it and the server is wrong.
                self.not_before = turn.now + self.back_off.failed(Duration::ZERO, turn.random());
                if self.count(Refusal::Other) {
                    return (Remedy::Nothing, Some(Failure::SolutionsRefused(error.into())));
                }
                turn.write(Note::Refused(error.into()));
                (Remedy::Nothing, None)
            }
        }
    }

    /// The hash does not win yet; `valid_in` seconds of mining time are missing, if it
    /// ever will.
    fn below_difficulty(&mut self, valid_in: Option<f64>, turn: &mut Turn) -> Remedy {
        let Some(valid_in) = valid_in else {
            self.start_over();
            turn.write(Note::NotGoodEnough);
            return Remedy::Nothing;
        };
        turn.write(Note::TooEarly { valid_in });
        self.not_before = turn.now + SHORTEST_WAIT;
        let missing = Duration::try_from_secs_f64(valid_in).unwrap_or_default();
        self.best().map_or(Remedy::Nothing, |hash| Remedy::SetClock(hash, missing))
    }

    /// Keeps the solution and sends it again a little later.
    fn wait_for_a_verdict(&mut self, round: RoundNumber, error: ApiError, turn: &mut Turn) {
        let wait = self.back_off.failed(error.asked_wait(), turn.random());
        self.not_before = turn.now + wait;
        if error.code == ErrorCode::Unreachable {
            self.unanswered = Some(round);
            turn.ask(Effect::FetchWins);
        }
        turn.write(Note::AnswerMissing { words: ServerWords::of_the_server(error), retry_in: wait.as_secs_f64() });
    }

    /// The server has judged the solution, and the page could do nothing better.
    fn judged(&mut self) {
        self.refused = None;
        self.back_off.succeeded();
    }

    /// Counts a refusal; true if it is one too many of its kind.
    fn count(&mut self, refusal: Refusal) -> bool {
        if refusal != Refusal::Other {
            self.back_off.succeeded();
        }
        let before = self.refused.filter(|(last, _)| *last == refusal).map_or(0, |(_, times)| times);
        self.refused = Some((refusal, before + 1));
        REFUSALS_AT_MOST <= before + 1
    }
}
