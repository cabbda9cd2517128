//! What is kept beside the entries: rows that change, and what a restart finds.

use super::{
    body::{DropChange, Estimate, Opened, Won},
    entry::Head,
    values::{Digest, Seq, WallTime},
};
use puzzle::{RoundNumber, VisitorId};
use std::time::Duration;

/// A session that passed the gate.
///
/// Session ids and nicks are texts here, because what they are is decided by the
/// rooms above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Names it without granting it.
    pub id: String,
    /// Its nick; none if it has one that nobody sees.
    pub nick: Option<String>,
    /// True if it passed the human check.
    pub human: bool,
    /// True if a stamp was spent for it.
    pub stamped: bool,
    /// The visitor that it is bound to, once it is.
    pub visitor: Option<VisitorId>,
}

/// A client of a session: a browser or a program that has its cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRow {
    /// SHA-256 of the cookie's token.
    pub key: Digest,
    /// Whose client it is.
    pub session: String,
    /// When it is forgotten if it is not used until then.
    pub expires_at: WallTime,
    /// True if its time begins anew with every use.
    pub renews: bool,
}

/// A session that has to wait, and for how often it has misbehaved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrikeRow {
    /// Which session.
    pub session: String,
    /// How many false hashes count against it.
    pub count: u32,
    /// Until when it has to wait.
    pub until: WallTime,
}

/// A token of the human check that must not be taken again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpentToken {
    /// SHA-256 of the token.
    pub token: Digest,
    /// When the token is worthless anyway.
    pub expires_at: WallTime,
}

/// What is counted and never goes back, so that no number is given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counter {
    /// Rounds; raised by every round that opens.
    Rounds,
    /// Channels of the lobby.
    Channels,
    /// Sessions.
    Sessions,
    /// Places in the order of arrival; raised by every win.
    Tickets,
}

impl Counter {
    /// The name it is stored under.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rounds => "rounds",
            Self::Channels => "channels",
            Self::Sessions => "sessions",
            Self::Tickets => "tickets",
        }
    }
}

/// The highest numbers that were given; 0 where none was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Of rounds.
    pub rounds: u64,
    /// Of channels.
    pub channels: u64,
    /// Of sessions.
    pub sessions: u64,
    /// Of tickets.
    pub tickets: u64,
}

impl Counters {
    /// The place of one of them.
    pub(super) const fn of(&mut self, counter: Counter) -> &mut u64 {
        match counter {
            Counter::Rounds => &mut self.rounds,
            Counter::Channels => &mut self.channels,
            Counter::Sessions => &mut self.sessions,
            Counter::Tickets => &mut self.tickets,
        }
    }
}

/// By what a win may be refused to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Wins of a person.
    Person,
    /// Wins of a network.
    Network,
    /// The time after a person's last win.
    Cooldown,
}

impl Quota {
    /// The word for it in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Network => "network",
            Self::Cooldown => "cooldown",
        }
    }
}

/// Who is about to win, and how much they may. A person is a session, or a visitor in a
/// network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WinQuota {
    /// The session.
    pub session: String,
    /// Its visitor.
    pub visitor: VisitorId,
    /// The network: an IPv4 address, or a /64.
    pub network: String,
    /// Codes that one person may win; 0 for any number.
    pub wins_per_person: u64,
    /// For so long a person wins nothing after a win.
    pub win_cooldown: Duration,
    /// Codes that one network may win; 0 for any number.
    pub wins_per_network: u64,
}

impl WinQuota {
    /// Checks the quota against what has been won: how often the person has won, and when
    /// last, and how often the network has.
    ///
    /// # Errors
    /// The quota that is used up, and until when.
    pub fn check(
        &self,
        person: u64,
        last: Option<WallTime>,
        network: u64,
        now: WallTime,
    ) -> Result<(), (Quota, Option<WallTime>)> {
        if self.wins_per_person != 0 && self.wins_per_person <= person {
            return Err((Quota::Person, None));
        }
        if self.wins_per_network != 0 && self.wins_per_network <= network {
            return Err((Quota::Network, None));
        }
        match last.map(|last| last.after(self.win_cooldown)).filter(|until| now < *until) {
            Some(until) => Err((Quota::Cooldown, Some(until))),
            None => Ok(()),
        }
    }
}

/// A code of the list that is handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedCode {
    /// Its place in the list; it only grows.
    pub position: u64,
    /// The characters.
    pub code: String,
}

/// By what an instance tells that it was configured otherwise when the ledger was
/// written last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprints {
    /// A digest of the secret that codes are derived with. Whoever makes it takes
    /// care that the secret cannot be told from it.
    pub secret: Digest,
    /// What a hash costs, in words.
    pub cost: String,
    /// The rule with its settings, in words.
    pub rule: String,
}

/// A win as the ledger has it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedWin {
    /// The number of its entry.
    pub seq: Seq,
    /// When it was committed: the time of the win.
    pub at: WallTime,
    /// Which round was won.
    pub round: RoundNumber,
    /// All about it.
    pub won: Won,
}

/// The newest round, as a restart finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecoveredRound {
    /// Its number.
    pub round: RoundNumber,
    /// When it was opened.
    pub opened_at: WallTime,
    /// How it began.
    pub opened: Opened,
    /// How far it has come.
    pub state: RoundState,
}

/// How far a round has come.
#[derive(Clone, Debug, PartialEq)]
pub enum RoundState {
    /// It is running.
    Running {
        /// The mining time that it had gathered …
        mining_time: Duration,
        /// … when that was noted.
        noted_at: WallTime,
    },
    /// It was won or given up, and no other one was opened yet.
    Ended {
        /// What the rule had learnt with it.
        estimate: Estimate,
    },
}

/// Everything that a restart needs. The wins of a session are not here: they are
/// read when somebody asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered {
    /// Where the chain ends.
    pub head: Head,
    /// The newest round; none before the first.
    pub round: Option<RecoveredRound>,
    /// The numbers that were given.
    pub counters: Counters,
    /// The newest entry of the drop; none if there never was one.
    pub drop: Option<DropChange>,
    /// How many codes have been won.
    pub wins: u64,
    /// How many of those have gone back into the supply.
    pub returned: u64,
    /// When the last one was.
    pub won_at: Option<WallTime>,
    /// With what the ledger was written; none if nobody has said so yet.
    pub fingerprints: Option<Fingerprints>,
    /// The sessions, in the order of their ids.
    pub sessions: Vec<SessionRow>,
    /// The clients that have not expired, in the order of their keys.
    pub clients: Vec<ClientRow>,
    /// The tokens that are still worth something, in the order of their digests.
    pub tokens: Vec<SpentToken>,
    /// The strikes, in the order of the sessions.
    pub strikes: Vec<StrikeRow>,
}
