//! The codes that this session has won.

use super::turn::Turn;
use crate::{
    scene::{Note, Prize},
    wire::{Victory, Win},
};
use puzzle::RoundNumber;
use std::time::Duration;

/// How long the page shows nothing but a win that has just come.
const CELEBRATION_TIME: Duration = Duration::from_secs(12);

/// The codes, and the win that the page is celebrating.
#[derive(Debug, Default)]
pub(super) struct Prizes {
    /// Newest first.
    codes: Vec<Prize>,
    /// The last win, and until when it is celebrated.
    celebration: Option<(RoundNumber, Duration)>,
}

impl Prizes {
    /// The codes, newest first.
    pub(super) fn codes(&self) -> Vec<Prize> {
        self.codes.clone()
    }

    /// True if one of them was won in `round`.
    pub(super) fn holds(&self, round: RoundNumber) -> bool {
        self.codes.iter().any(|prize| prize.round == round)
    }

    /// The round whose win is celebrated at `now`.
    pub(super) fn celebrates(&self, now: Duration) -> Option<RoundNumber> {
        self.celebration.filter(|(_, until)| now < *until).map(|(round, _)| round)
    }

    /// When [`Prizes::when_due`] has something to do.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.celebration.map(|(_, until)| until)
    }

    /// A submission has won this.
    pub(super) fn add(&mut self, victory: Victory) {
        if self.codes.iter().all(|prize| prize.invite_code != victory.invite_code) {
            self.codes.insert(0, Prize { round: victory.round, invite_code: victory.invite_code });
        }
    }

    /// The server has told all wins of the session, the newest first; the rounds of
    /// those that are new here.
    pub(super) fn recall(&mut self, wins: Vec<Win>) -> Vec<RoundNumber> {
        let mut rounds = Vec::new();
        for Win { round, invite_code, .. } in wins {
            if self.codes.iter().all(|prize| prize.invite_code != invite_code) {
                let place = self.codes.iter().take_while(|prize| round < prize.round).count();
                self.codes.insert(place, Prize { round, invite_code });
                rounds.push(round);
            }
        }
        rounds
    }

    /// Tells the visitor of a win whose code is here.
    pub(super) fn celebrate(&mut self, round: RoundNumber, turn: &mut Turn) {
        self.celebration = Some((round, turn.now + CELEBRATION_TIME));
        turn.write(Note::Won(round));
    }

    /// The visitor has something else in mind.
    pub(super) const fn end_celebration(&mut self) {
        self.celebration = None;
    }

    /// Does what is due.
    pub(super) fn when_due(&mut self, now: Duration) {
        if self.celebration.is_some_and(|(_, until)| until <= now) {
            self.celebration = None;
        }
    }
}
