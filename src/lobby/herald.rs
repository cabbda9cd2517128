//! News of the race in `#lobby`: resets, difficulty changes, and that somebody won.
//!
//! It hears of a round only after everybody in the race was told of it, and of a
//! win only after the winner was answered; nothing here can hold them up.

use super::{
    Lobby,
    envelope::raw,
    state::{LOBBY, LOBBY_ID, Saying},
    store::Write,
};
use crate::{
    identity::nick::Folded,
    live::Reset,
    race::{Announcement, SessionId},
};
use app::wire::ResetReason;
use puzzle::Curve;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

/// What the herald reads.
#[derive(Debug)]
pub struct Announcing {
    wins: mpsc::Receiver<SessionId>,
}

impl Announcing {
    pub(super) const fn new(wins: mpsc::Receiver<SessionId>) -> Self {
        Self { wins }
    }

    /// Passes the news on until the lobby or the race ends.
    pub(crate) async fn run(mut self, lobby: Lobby, mut rounds: watch::Receiver<Reset>) {
        let mut difficulty = reference(&rounds.borrow_and_update().announcement.curve);
        let mut stopping = lobby.shared.stopping.subscribe();
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                changed = rounds.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let round = rounds.borrow_and_update().announcement;
                    lobby.announce_round(&round, difficulty);
                    difficulty = reference(&round.curve);
                }
                Some(session) = self.wins.recv() => lobby.announce_win(&session),
            }
        }
    }
}

/// The difficulty that a round is spoken of by.
fn reference(curve: &Curve) -> f64 {
    let difficulty = match curve {
        Curve::Fixed(target) => target.difficulty(),
        Curve::Rising(curve) => curve.reference_target.difficulty(),
    };
    (difficulty * 100.0).round() / 100.0
}

impl Lobby {
    /// Notes that a session has won; never waits. The nick is told only if the
    /// winner has user mode `w`.
    pub fn note_win(&self, session: &SessionId) {
        if self.shared.news.try_send(session.clone()).is_err() {
            tracing::warn!("the lobby is not told of a win: it is behind with its news");
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
        let difficulty = reference(&round.curve);
        let why = match reason {
            ResetReason::Solved => "the last one was solved",
            ResetReason::Timeout => "nobody solved the last one in time",
            ResetReason::Operator => "the operator asked for it",
        };
        let text = format!("round {number} begins: {why}");
        self.announce(&text, &json!({"event": "reset", "round": number, "reason": reason, "difficulty": difficulty}));
        // Exact: both are rounded to hundredths.
        #[expect(clippy::float_cmp, reason = "both are rounded to hundredths")]
        if difficulty != before {
            let direction = if difficulty < before { "falls" } else { "rises" };
            let text = format!("the difficulty {direction} from {before} to {difficulty}");
            self.announce(&text, &json!({"event": "difficulty", "from": before, "to": difficulty}));
        }
    }

    fn announce(&self, text: &str, meta: &Value) {
        let Ok(slot) = self.shared.store.reserve() else {
            tracing::warn!("news of the race is not told in the lobby: it is busy");
            return;
        };
        let moment = self.moment();
        let mut state = self.lock();
        let (body, meta) = ([text.to_owned()], raw(meta));
        let from = &*self.shared.environment.server_name;
        let saying = Saying { command: "NOTICE", from, to: LOBBY, params: &[], body: &body, meta: Some(&meta) };
        let (_, line) = state.event(moment, &saying);
        state.tell_channel(&Folded::of(LOBBY), &line);
        state.remember(line.clone());
        slot.write(vec![Write::SaveMessage {
            seq: line.seq,
            target: format!("c{LOBBY_ID}"),
            envelope: line.json().to_owned(),
            pair: None,
        }]);
    }
}
