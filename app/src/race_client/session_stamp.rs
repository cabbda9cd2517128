//! The stamp that a session is had for, where the gate asks for one.
//!
//! A stamp that was found is kept until a session was made with it: an answer
//! that got lost, or a human check that did not pass, costs no second one.

use super::{event::Effect, turn::Turn};
use crate::{
    error::ApiError,
    scene::{MintEvent, Proof, SessionProof},
    wire::Gate,
};

/// Stamps that the server may refuse before the page gives up.
const REFUSALS_AT_MOST: u32 = 3;

/// The stamp and the search for it.
#[derive(Debug)]
pub(super) struct SessionStamp {
    is_asked_for: bool,
    bits: u8,
    resource: String,
    proof: SessionProof,
    /// A stamp that was not spent yet, as far as this page knows.
    unspent: Option<String>,
    /// Stamps refused since the last session.
    refused: u32,
}

impl SessionStamp {
    /// The stamp that `gate` asks for, if it does.
    pub(super) fn new(gate: &Gate) -> Self {
        Self {
            is_asked_for: gate.asks_for_stamps,
            bits: gate.stamp_bits,
            resource: gate.resource.clone(),
            proof: SessionProof::Hidden,
            unspent: None,
            refused: 0,
        }
    }

    /// True if a session needs a stamp.
    pub(super) const fn is_asked_for(&self) -> bool {
        self.is_asked_for
    }

    /// The stamp to make a session with, if one is needed and there is one.
    pub(super) fn unspent(&self) -> Option<String> {
        self.unspent.clone().filter(|_| self.is_asked_for)
    }

    /// The search as the page shows it.
    pub(super) const fn proof(&self) -> SessionProof {
        self.proof
    }

    /// A stamp is wanted and there is none. One that the visitor has stopped is not
    /// searched for again until they say so.
    pub(super) fn search(&mut self, turn: &mut Turn) {
        if !self.is_searched_for() && !self.proof.needs_the_visitor() {
            self.proof = SessionProof::Computing(Proof { bits: self.bits, ..Proof::default() });
            turn.ask(Effect::MintStamp { bits: self.bits, resource: self.resource.clone() });
        }
    }

    /// The search did something; true if there is a stamp now.
    pub(super) fn heard(&mut self, event: MintEvent) -> bool {
        if !self.is_searched_for() {
            return false;
        }
        match event {
            MintEvent::Progress(proof) => self.proof = SessionProof::Computing(proof),
            MintEvent::Found(stamp, _) => {
                self.unspent = Some(stamp);
                self.proof = SessionProof::Done;
                return true;
            }
            MintEvent::Failed => self.proof = SessionProof::Failed,
        }
        false
    }

    /// The visitor stops the search.
    pub(super) fn cancel(&mut self, turn: &mut Turn) {
        if self.is_searched_for() {
            self.proof = SessionProof::Cancelled;
            turn.ask(Effect::CancelStamp);
        }
    }

    /// The visitor wants it after all.
    pub(super) fn retry(&mut self, turn: &mut Turn) {
        if self.proof.needs_the_visitor() {
            self.proof = SessionProof::Waiting;
            self.search(turn);
        }
    }

    /// There is a session: the room that was kept for the search is not needed.
    pub(super) fn admitted(&mut self) {
        if self.proof == SessionProof::Waiting {
            self.proof = SessionProof::Hidden;
        }
    }

    /// A session was made with the stamp.
    pub(super) fn spent(&mut self) {
        self.unspent = None;
        self.refused = 0;
    }

    /// True if a refused stamp, or none where none was asked for, is worth another one.
    pub(super) const fn may_be_searched_again(&self) -> bool {
        self.refused < REFUSALS_AT_MOST
    }

    /// The server wants another stamp, perhaps of more bits: or one at all, as it does
    /// while it is under attack.
    pub(super) fn refused(&mut self, error: ApiError, turn: &mut Turn) {
        self.refused += 1;
        self.unspent = None;
        self.is_asked_for = true;
        if let Some(demand) = error.stamp {
            self.bits = demand.hashcash_bits;
            self.resource = demand.resource;
        }
        self.search(turn);
    }

    const fn is_searched_for(&self) -> bool {
        matches!(self.proof, SessionProof::Computing(_))
    }
}
