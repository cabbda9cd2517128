//! How far the ledger has come: what decides whether an entry may be written.
//!
//! Pure, and the same for every store. A store reads it before a transaction
//! (locked against every other writer), lets the changes move it on and writes it
//! back in the same transaction; so a restart knows where it stands without looking
//! through the entries.

use super::{
    body::Body,
    entry::{Entry, Head},
    error::Refused,
    nanoseconds::to_nanoseconds,
    rows::{Counters, RecoveredRound, RoundState},
    values::{LARGEST_NUMBER, Seq, WallTime},
};
use puzzle::RoundNumber;
use std::time::Duration;

/// How far the ledger has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Progress {
    /// The newest entry.
    pub(super) head: Head,
    /// The time of the newest transaction: none is earlier.
    pub(super) at: WallTime,
    /// The newest round; 0 before the first.
    pub(super) round: RoundNumber,
    /// The entry that opened it.
    pub(super) opened: Seq,
    /// The entry that ended it; none while it is running.
    pub(super) ended: Option<Seq>,
    /// The mining time that it had gathered …
    pub(super) mining_time: Duration,
    /// … when that was noted.
    pub(super) noted_at: WallTime,
    /// The numbers that were given.
    pub(super) counters: Counters,
    /// How many rounds were won.
    pub(super) wins: u64,
    /// How many codes of those have gone back into the supply.
    pub(super) returned: u64,
    /// When the last one was.
    pub(super) won_at: Option<WallTime>,
    /// The newest entry of the drop.
    pub(super) drop: Option<Seq>,
}

impl Progress {
    /// An empty ledger.
    pub(super) const START: Self = Self {
        head: Head::START,
        at: WallTime::from_milliseconds(0),
        round: RoundNumber(0),
        opened: Seq(0),
        ended: None,
        mining_time: Duration::ZERO,
        noted_at: WallTime::from_milliseconds(0),
        counters: Counters { rounds: 0, channels: 0, sessions: 0, tickets: 0 },
        wins: 0,
        returned: 0,
        won_at: None,
        drop: None,
    };

    /// The round that is running.
    pub(super) fn running(&self) -> Option<RoundNumber> {
        (self.ended.is_none() && self.opened != Seq(0)).then_some(self.round)
    }

    /// Begins a transaction when the clock shows `now`: the ledger's time is that,
    /// but never earlier than it was.
    pub(super) fn begin(&mut self, now: WallTime) {
        self.at = self.at.max(now);
    }

    /// Makes the next entry, if it may be written.
    pub(super) fn append(&mut self, round: RoundNumber, body: &Body) -> Result<Entry, Refused> {
        let seq = self.head.seq.next();
        match body {
            Body::Opened(_) => {
                let next = self.round.next();
                if let Some(running) = self.running() {
                    return Err(Refused::RoundRunning { running });
                }
                if round != next {
                    return Err(Refused::NotTheNextRound { next });
                }
                (self.round, self.opened, self.ended) = (round, seq, None);
                (self.mining_time, self.noted_at) = (Duration::ZERO, self.at);
                self.counters.rounds = self.counters.rounds.max(round.0);
            }
            Body::Won(won) => {
                self.end(round, seq)?;
                let ticket = storable(won.ticket.0)?;
                self.counters.tickets = self.counters.tickets.max(ticket);
                self.wins += 1;
                self.won_at = Some(self.at);
            }
            Body::Expired(_) => self.end(round, seq)?,
            Body::Drop(_) => self.drop = Some(seq),
            Body::Operator(_) | Body::Redeemed(_) | Body::Revoked(_) => {}
        }
        storable(round.0)?;
        let entry = Entry::chained(&self.head.chain, seq, self.at, round, body.clone())
            .map_err(|error| Refused::Unstorable(error.to_string()))?;
        self.head = (&entry).into();
        Ok(entry)
    }

    fn end(&mut self, round: RoundNumber, seq: Seq) -> Result<(), Refused> {
        if self.running() != Some(round) {
            return Err(Refused::RoundNotRunning { round });
        }
        self.ended = Some(seq);
        Ok(())
    }

    /// Notes the mining time of a round, if it is the one that is running.
    pub(super) fn note(&mut self, round: RoundNumber, mining_time: Duration) {
        if self.running() == Some(round) {
            self.mining_time = Duration::from_nanos(to_nanoseconds(mining_time));
            self.noted_at = self.at;
        }
    }

    /// The newest round, from the entries that opened and ended it. `None` if they are
    /// not what they should be.
    pub(super) fn newest_round(&self, opening: Entry, ending: Option<Entry>) -> Option<RecoveredRound> {
        let Body::Opened(opened) = opening.body else { return None };
        let state = match ending.map(|entry| entry.body) {
            None => RoundState::Running { mining_time: self.mining_time, noted_at: self.noted_at },
            Some(Body::Won(won)) => RoundState::Ended { estimate: won.estimate },
            Some(Body::Expired(expired)) => RoundState::Ended { estimate: expired.estimate },
            Some(_) => return None,
        };
        Some(RecoveredRound { round: self.round, opened_at: opening.at, opened, state })
    }

    /// Checks that a cursor which stands at `at` may be moved.
    pub(super) fn may_move(&self, name: &str, at: Seq, from: Seq, to: Seq) -> Result<(), Refused> {
        if at != from {
            return Err(Refused::CursorMoved { name: name.to_owned(), at });
        }
        if to <= from || self.head.seq < to {
            return Err(Refused::CursorOutOfRange { name: name.to_owned(), to });
        }
        Ok(())
    }
}

/// The number, if every store can hold it.
pub(super) fn storable(number: u64) -> Result<u64, Refused> {
    if number <= LARGEST_NUMBER {
        Ok(number)
    } else {
        Err(Refused::Unstorable(format!("{number} is larger than {LARGEST_NUMBER}")))
    }
}
