//! What is committed: a list of changes that take effect together or not at all.

use super::{
    body::{Body, Redeemed, Revoked},
    callers::{NewAnswer, NewKey},
    deliveries::{NewDelivery, TryOutcome},
    entry::Head,
    rows::{ClientRow, Counter, Fingerprints, SessionRow, SpentToken, StrikeRow, WinQuota},
    values::{DeliveryId, Digest, Seq, WallTime},
};
use puzzle::RoundNumber;
use std::time::Duration;

/// How many rows one change that forgets takes away at most, so that no
/// transaction keeps a win waiting for long. Whoever has more to forget asks again.
pub const FORGET_AT_ONCE: usize = 1000;

/// Changes in their order. Empty ones are committed without touching the disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transaction {
    changes: Vec<Change>,
}

impl Transaction {
    /// No changes yet.
    pub const fn new() -> Self {
        Self { changes: Vec::new() }
    }

    /// With one more change, which is made after those before.
    #[must_use]
    pub fn with(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// With one more entry.
    #[must_use]
    pub fn append(self, round: RoundNumber, body: Body) -> Self {
        self.with(Change::Append { round, body })
    }

    /// The changes, in order.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl Extend<Change> for Transaction {
    fn extend<T: IntoIterator<Item = Change>>(&mut self, changes: T) {
        self.changes.extend(changes);
    }
}

/// One change. Where it can be refused that is said; a refused change takes its
/// whole transaction with it.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Writes the next entry. It is the comparison and the exchange of the race:
    /// `opened` is refused unless no round is running and it is the next one, `won`
    /// and `expired` unless it is the one that is running, `won` also if its ticket
    /// has won before. Round and ticket counters are raised by it. What `redeemed` and
    /// `revoked` say comes about by [`Change::Redeem`] and [`Change::Revoke`].
    Append {
        /// The round that the entry is about; 0 if it is about none.
        round: RoundNumber,
        /// What it says.
        body: Body,
    },
    /// Writes nothing: refused if the person or the network that is about to win has won
    /// as much as it may.
    RequireQuota(WinQuota),
    /// Puts codes at the end of the list that is handed out; passes over those that have
    /// ever been in it.
    AddCodes(Vec<String>),
    /// Takes a code from the list, for the winner of a round. Refused unless it is there
    /// and was never taken.
    TakeCode {
        /// Which code.
        code: String,
        /// In which round it is won.
        round: RoundNumber,
    },
    /// Marks a code as used and writes the entry that says so, about the round that the
    /// code was won in. Refused unless it was won and is valid.
    Redeem(Redeemed),
    /// Makes a code worthless, in the same way. Refused unless it was won and is valid.
    Revoke(Revoked),
    /// Takes the codes of these rounds as not given out. Only their number counts: a
    /// code is never given out twice. Refused unless each of them has expired without
    /// being redeemed or revoked, and was not taken back before.
    ReturnCodes(Vec<RoundNumber>),
    /// Writes a key of another server. Refused if one was ever made with its name or its
    /// digest.
    CreateKey(NewKey),
    /// Writes that the key with this digest was used; without effect if there is none.
    NoteKeyUse(Digest),
    /// Revokes the key with this name. Refused if there is none, or it is revoked already.
    RevokeKey(String),
    /// Keeps an answer. Refused if one is kept under its name that still holds; one that
    /// does not is replaced.
    KeepAnswer(NewAnswer),
    /// Forgets answers that were given before this: the oldest, [`FORGET_AT_ONCE`] of
    /// them.
    ForgetAnswers(WallTime),
    /// Writes how much mining time a round has gathered. Without effect if another
    /// round is running: it has come too late.
    Snapshot {
        /// Which round.
        round: RoundNumber,
        /// How much.
        mining_time: Duration,
    },
    /// Writes a delivery. Refused if its webhook id is used.
    Deliver(NewDelivery),
    /// Writes what became of a try. Refused unless the delivery waits.
    DeliveryTried {
        /// Which delivery.
        id: DeliveryId,
        /// What became of it.
        outcome: TryOutcome,
    },
    /// Has a delivery tried as if it had just been written, whatever became of it
    /// before. Refused if there is none.
    ResendDelivery(DeliveryId),
    /// Has every delivery that waits for longer tried at this time: after a start,
    /// or when a receiver is known to be back.
    HurryDeliveries {
        /// Whose; everybody's if none is named.
        receiver: Option<String>,
        /// When.
        at: WallTime,
    },
    /// Forgets deliveries that were written before this and have been taken: the
    /// oldest [`FORGET_AT_ONCE`].
    ForgetDelivered(WallTime),
    /// Writes a session, or replaces what was written of it.
    PutSession(SessionRow),
    /// Writes a client, or replaces what was written of it. Refused if there is no
    /// such session.
    PutClient(ClientRow),
    /// Writes when clients expire that have been used; passes over those that are gone.
    RenewClients(Vec<(Digest, WallTime)>),
    /// Forgets a client, and with the last one its session.
    RemoveClient(Digest),
    /// Forgets a session with its clients.
    RemoveSession(String),
    /// Forgets clients that expired before this, as with [`Change::RemoveClient`]:
    /// those that expired first, [`FORGET_AT_ONCE`] of them.
    ForgetClients(WallTime),
    /// Spends a token of the human check. Refused if it is spent already.
    SpendToken(SpentToken),
    /// Forgets tokens that expired before this: those that expired first,
    /// [`FORGET_AT_ONCE`] of them.
    ForgetTokens(WallTime),
    /// Writes what a session has to wait for, or replaces what was written of it.
    PutStrike(StrikeRow),
    /// Forgives a session.
    RemoveStrike(String),
    /// Forgets strikes that ended before this: those that ended first,
    /// [`FORGET_AT_ONCE`] of them.
    ForgetStrikes(WallTime),
    /// Raises a counter to this number, if it is lower.
    RaiseCounter {
        /// Which.
        counter: Counter,
        /// To what.
        to: u64,
    },
    /// Writes with what secret, cost and rule the ledger is written from now on.
    SetFingerprints(Fingerprints),
    /// Moves a reader's cursor. Refused unless it stands at `from` (0 if it was never
    /// moved), and `to` is beyond that and an entry that there is.
    MoveCursor {
        /// Which reader's.
        name: String,
        /// Where it stands.
        from: Seq,
        /// The last entry that the reader is done with.
        to: Seq,
    },
}

/// A transaction that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// When, by the ledger's clock: also the time of its entries and deliveries.
    pub at: WallTime,
    /// Where the chain ended with it. Its entries, if it has any, are the last ones
    /// up to here.
    pub head: Head,
}
