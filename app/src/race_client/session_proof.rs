//! The proof of work that a session is had for, where the gate asks for stamps.
//!
//! A stamp that was found is kept until a session was made with it: an answer
//! that got lost, or a human check that did not pass, costs no second one.

use super::{Effect, RaceClient};
use crate::{
    error::ApiError,
    scene::{MintEvent, Proof, SessionProof},
};
use std::time::Duration;

/// Stamps that the server may refuse before the page gives up.
const REFUSALS_AT_MOST: u32 = 3;

impl RaceClient {
    /// A stamp is wanted and there is none. One that the visitor has stopped is not
    /// searched for again until they say so.
    pub(super) fn ask_for_stamp(&mut self) {
        if !matches!(self.entry.proof, SessionProof::Computing(_)) && !self.entry.proof.needs_the_visitor() {
            let bits = self.gate.stamp_bits;
            self.entry.proof = SessionProof::Computing(Proof { bits, ..Proof::default() });
            self.effects.push(Effect::MintStamp { bits, resource: self.gate.resource.clone() });
        }
    }

    pub(super) fn stamp_did(&mut self, event: MintEvent, now: Duration) {
        if !matches!(self.entry.proof, SessionProof::Computing(_)) {
            return;
        }
        match event {
            MintEvent::Progress(proof) => self.entry.proof = SessionProof::Computing(proof),
            MintEvent::Found(stamp, _) => {
                self.entry.stamp = Some(stamp);
                self.entry.proof = SessionProof::Done;
                self.token_came(now);
            }
            MintEvent::Failed => self.entry.proof = SessionProof::Failed,
        }
    }

    pub(super) fn cancel_proof(&mut self) {
        if matches!(self.entry.proof, SessionProof::Computing(_)) {
            self.entry.proof = SessionProof::Cancelled;
            self.effects.push(Effect::CancelStamp);
        }
    }

    pub(super) fn retry_proof(&mut self) {
        if self.entry.proof.needs_the_visitor() {
            self.entry.proof = SessionProof::Waiting;
            self.ask_for_stamp();
        }
    }

    /// A session was made with the stamp.
    pub(super) fn stamp_spent(&mut self) {
        self.entry.stamp = None;
        self.entry.refused_stamps = 0;
    }

    pub(super) const fn may_mint_again(&self) -> bool {
        self.gate.asks_for_stamps && self.entry.refused_stamps < REFUSALS_AT_MOST
    }

    /// The server wants another stamp, perhaps of more bits.
    pub(super) fn stamp_refused(&mut self, error: ApiError) {
        self.entry.refused_stamps += 1;
        self.entry.stamp = None;
        if let Some(demand) = error.stamp {
            self.gate.stamp_bits = demand.hashcash_bits;
            self.gate.resource = demand.resource;
        }
        self.ask_for_stamp();
    }
}
