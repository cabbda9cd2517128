//! What is told of the race in `#lobby`: new rounds, new difficulties, and that
//! somebody has won.
//!
//! It is handed a round only after everybody in the race was told of it, and a win
//! only after the winner was answered; nothing here can hold them up.

use super::{
    event::{Draft, raw},
    handle::Lobby,
    state::{LOBBY, LOBBY_ID},
    store::Write,
};
use crate::{
    identity::{nick::Folded, session::SessionId},
    race::Announcement,
};
use app::wire::ResetReason;
use puzzle::{Curve, drop::DropState};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

/// How long a win waits for the round that it has brought to be announced.
const ROUND_PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

/// Tells the lobby of the race; see [`Announcer::run`].
#[derive(Debug)]
pub struct Announcer {
    wins: mpsc::Receiver<SessionId>,
}

impl Announcer {
    pub(super) const fn new(wins: mpsc::Receiver<SessionId>) -> Self {
        Self { wins }
    }

    /// Announces each round of `rounds` and each win that was noted, until the lobby or
    /// the race ends. A round must come out of `rounds` only after everybody in the
    /// race was told of it.
    pub async fn run(mut self, lobby: Lobby, mut rounds: watch::Receiver<Announcement>) {
        let first = *rounds.borrow_and_update();
        let (mut told, mut state) = (first.round, first.drop.state());
        let mut difficulty = reference_difficulty(&first.curve);
        let mut stopping = lobby.shared.stopping.subscribe();
        // Rounds that were announced as solved, and whose win was not.
        let mut solved = 0_u32;
        loop {
            let won = tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                changed = rounds.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    None
                }
                Some(session) = self.wins.recv() => Some(session),
            };
            // The round first that the win has brought, if it is not there yet.
            if won.is_none()
                || (solved == 0
                    && tokio::time::timeout(ROUND_PATIENCE, rounds.changed())
                        .await
                        .is_ok_and(|changed| changed.is_ok()))
            {
                let round = *rounds.borrow_and_update();
                if told != round.round && round.is_open() {
                    lobby.announce_round(&round, difficulty);
                    difficulty = reference_difficulty(&round.curve);
                    solved += u32::from(round.reason == ResetReason::Solved);
                    told = round.round;
                }
                if state != round.drop.state() {
                    state = round.drop.state();
                    lobby.announce_drop(state);
                }
            }
            if let Some(session) = won {
                solved = solved.saturating_sub(1);
                lobby.announce_win(&session);
            }
        }
    }
}

/// The difficulty by which people speak of a round, in leading zero hex digits, rounded
/// to hundredths.
fn reference_difficulty(curve: &Curve) -> f64 {
    let difficulty = match curve {
        Curve::Fixed(target) => target.difficulty(),
        Curve::Rising(curve) => curve.reference_target.difficulty(),
    };
    (difficulty * 100.0).round() / 100.0
}

impl Lobby {
    /// Has it announced that a session has won; never waits. The nick is told only if
    /// the winner has user mode `w`.
    pub fn note_win(&self, session: &SessionId) {
        if self.shared.wins.try_send(session.clone()).is_err() {
            tracing::warn!("a win is not announced in the lobby: too many wait to be");
        }
    }

    fn announce_win(&self, session: &SessionId) {
        let nick = {
            let state = self.lock();
            state.users.get(session).filter(|user| user.announces_wins).map(|user| user.nick.to_string())
        };
        let who = nick.as_deref().unwrap_or("a miner");
        self.announce(&format!("{who} won"), &json!({"event": "win", "nick": nick}));
    }

    fn announce_round(&self, round: &Announcement, before: f64) {
        let Announcement { round: number, reason, .. } = *round;
        let difficulty = reference_difficulty(&round.curve);
        let why = match reason {
            ResetReason::Solved => "the last one was solved",
            ResetReason::Timeout => "nobody solved the last one in time",
            ResetReason::Operator => "the operator asked for it",
            ResetReason::Opened => "the drop is open",
            ResetReason::Resumed => "the drop goes on",
            ResetReason::Reopened => "there are codes again",
        };
        let text = format!("round {number} begins: {why}");
        self.announce(&text, &json!({"event": "reset", "round": number, "reason": reason, "difficulty": difficulty}));
        #[expect(clippy::float_cmp, reason = "both are rounded to hundredths")]
        if difficulty != before {
            let direction = if difficulty < before { "falls" } else { "rises" };
            let text = format!("the difficulty {direction} from {before} to {difficulty}");
            self.announce(&text, &json!({"event": "difficulty", "from": before, "to": difficulty}));
        }
    }

    fn announce_drop(&self, state: DropState) {
        let text = match state {
            DropState::Scheduled => "the drop opens later",
            DropState::Open => "the drop is open",
            DropState::Paused => "the drop is paused",
            DropState::SoldOut => "the drop is over: every code is given out",
            DropState::Closed => "the drop is over",
        };
        self.announce(text, &json!({"event": "drop", "state": state.name(), "reason": state.reason()}));
    }

    fn announce(&self, text: &str, meta: &Value) {
        let Ok(slot) = self.shared.store.reserve() else {
            tracing::warn!(text, "this is not announced in the lobby: its store is busy");
            return;
        };
        let moment = self.moment();
        let mut state = self.lock();
        let (body, meta) = ([text.to_owned()], raw(meta));
        let from = &*self.shared.environment.server_name;
        let draft = Draft { command: "NOTICE", from, to: LOBBY, params: &[], body: &body, meta: Some(&meta) };
        let (_, event) = state.event(moment, &draft);
        state.tell_channel(&Folded::of(LOBBY), &event);
        state.deliveries.remember(event.clone());
        let target = format!("c{LOBBY_ID}");
        state.writes.push(Write::SaveMessage { seq: event.seq, target, envelope: event.json().to_owned(), pair: None });
        // The race is announced even where that cannot be kept.
        state.hand_over(slot).without_waiting();
    }
}
