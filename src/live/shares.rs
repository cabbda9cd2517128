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

use super::{Presence, witnesses::ShareRefusal};
use app::wire::Share;
use puzzle::{Challenge, proof::share_target};
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

impl Presence {
    /// Takes a share in. `None` if there is nothing to wait for: it is of a round
    /// that is over, it came too soon, or there was no time to compute it.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn take_share(&self, share: Share) -> Result<Option<ShareVerdict>, ShareError> {
        let Share { round, visitor_id, nonce, trace_data, hash } = share;
        let shared = &self.live.shared;
        let (current, seed) = shared.race.round();
        if round != current {
            return Ok(None);
        }
        if !hash.is_below(&share_target()) {
            return Err(ShareError::TooLarge);
        }
        if !trace_data.is_splice_proof() {
            return Err(ShareError::NotSpliceProof);
        }
        if shared.sessions.bind_visitor(&self.session, &visitor_id).is_err() {
            return Err(ShareError::OtherVisitor);
        }
        let session = self.session.id.clone();
        let admitted = self.live.change(|connections, now| {
            connections.witnesses.admit_share(&session, round, hash, now).map(|most_waiting| (now, most_waiting))
        });
        let (arrived_at, most_waiting) = match admitted {
            Ok(admitted) => admitted,
            Err(ShareRefusal::TooSoon) => return Ok(None),
            Err(ShareRefusal::NotMining) => return Err(ShareError::NotMining),
            Err(ShareRefusal::Spent) => return Err(ShareError::Spent),
            Err(ShareRefusal::Discredited) => return Err(ShareError::Discredited),
        };
        let challenge = Challenge::new(&seed, &visitor_id, &trace_data);
        let Some(answer) = shared.race.check_share(challenge, nonce, hash, most_waiting) else {
            self.live.change(|connections, now| connections.witnesses.drop_share(&session, &hash, now));
            return Ok(None);
        };
        let live = self.live.clone();
        Ok(Some(tokio::spawn(async move {
            let is_right = answer.await.ok().flatten();
            live.change(|connections, now| match is_right {
                Some(true) => connections.witnesses.prove(&session, arrived_at),
                Some(false) => connections.witnesses.discredit(&session),
                None => connections.witnesses.drop_share(&session, &hash, now),
            });
            if is_right == Some(true) {
                live.shared.race.prove(&session);
            }
            (is_right == Some(false)).then(|| {
                live.shared.race.strike(&session);
                tracing::info!(%session, "a share was false; its session counts as a miner no more");
                ShareError::FalseHash
            })
        })))
    }
}
