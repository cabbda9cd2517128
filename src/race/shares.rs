//! Shares: from a message to its effect on who counts.
//!
//! What costs nothing is checked at once; the hash is computed by the race's
//! verifier when no submission waits, in a task that outlives the connection: a
//! client that hangs up after a false share does not get away with it.
//!
//! The trace is not compared with the address of the connection. A client that
//! means to deceive writes into its trace what it likes, so nothing would be gained;
//! and a device with two kinds of addresses may well mine with the one and be
//! connected by the other. The network that a session counts for is always that of
//! its connection.

use super::{Race, miners::ShareRefusal, sync::lock};
use crate::identity::session::SessionId;
use app::wire::Share;
use puzzle::{Challenge, Hash, proof::share_target};
use std::time::Duration;
use tokio::task::JoinHandle;

/// A share that is being computed: done when its effect is there, with what the
/// client is to be told.
pub type ShareVerdict = JoinHandle<Option<ShareError>>;

/// Why a share proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Its hash is above the target of shares.
    #[error("A share is a hash that begins with a zero.")]
    TooLarge,
    /// Its trace could be split in another place.
    #[error("The trace of a share begins with a key of two characters, such as fl= or ip=.")]
    NotSpliceProof,
    /// Its visitor id is not that of the session.
    #[error("This session belongs to another visitor id.")]
    OtherVisitor,
    /// The session has not said that it mines.
    #[error("Say mining_start before the first share.")]
    NotMining,
    /// The hash has proven something already.
    #[error("This hash has been used as a share before.")]
    Spent,
    /// A share of the session was false.
    #[error("An earlier share of this session was false.")]
    Discredited,
    /// The hash is not the one that the nonce has.
    #[error("The nonce does not have this hash: this session counts as a miner no more.")]
    FalseHash,
}

impl Race {
    /// Makes every check of a share that needs nobody's name. `None` if it is of a round
    /// that is over.
    ///
    /// # Errors
    /// [`ShareError::TooLarge`], [`ShareError::NotSpliceProof`].
    pub fn share_challenge(&self, share: &Share) -> Result<Option<Challenge>, ShareError> {
        // The round that is being played, which may not be announced yet.
        let (round, seed) = lock(&self.shared.state).round();
        if share.round != round {
            return Ok(None);
        }
        if !share.hash.is_below(&share_target()) {
            return Err(ShareError::TooLarge);
        }
        if !share.trace_data.is_splice_proof() {
            return Err(ShareError::NotSpliceProof);
        }
        Ok(Some(Challenge::new(&seed, &share.visitor_id, &share.trace_data)))
    }

    /// Takes in a share of `session` with its challenge. `None` if there is nothing to
    /// wait for: it came too soon, or there is no time to compute it.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn take_share(
        &self,
        session: &SessionId,
        share: &Share,
        challenge: Challenge,
    ) -> Result<Option<ShareVerdict>, ShareError> {
        let Share { round, nonce, hash, .. } = *share;
        let shared = &self.shared;
        let admitted = shared.change_miners(|miners, now| {
            miners.admit_share(session, round, hash, now).map(|most_waiting| (now, most_waiting))
        });
        let (arrived_at, most_waiting) = match admitted {
            Ok(admitted) => admitted,
            Err(ShareRefusal::TooSoon) => return Ok(None),
            Err(ShareRefusal::NotMining) => return Err(ShareError::NotMining),
            Err(ShareRefusal::Spent) => return Err(ShareError::Spent),
            Err(ShareRefusal::Discredited) => return Err(ShareError::Discredited),
        };
        let Some(answer) = shared.verifier.offer_share(challenge, nonce, hash, most_waiting) else {
            shared.change_miners(|miners, now| miners.drop_share(session, &hash, now));
            return Ok(None);
        };
        let (race, session) = (self.clone(), session.clone());
        Ok(Some(tokio::spawn(async move {
            let is_right = answer.await.ok().flatten();
            race.share_computed(&session, &hash, arrived_at, is_right);
            (is_right == Some(false)).then_some(ShareError::FalseHash)
        })))
    }

    fn share_computed(&self, session: &SessionId, hash: &Hash, arrived_at: Duration, is_right: Option<bool>) {
        let shared = &self.shared;
        shared.change_miners(|miners, now| match is_right {
            Some(true) => miners.prove(session, arrived_at),
            Some(false) => miners.discredit(session),
            None => miners.drop_share(session, hash, now),
        });
        let now = shared.clock.now();
        match is_right {
            // Its submissions then wait for no more newcomers than they must.
            Some(true) => lock(&shared.state).prove(session.clone(), now),
            Some(false) => {
                // It has to wait before its next submission, as after a false one.
                lock(&shared.state).strike(session.clone(), now);
                tracing::info!(%session, "a share was false; its session counts as a miner no more");
            }
            None => {}
        }
    }
}
