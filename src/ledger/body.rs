//! What an entry says, by its kind.
//!
//! The bodies are kept for ever and hashed as they were written, so what is here
//! only grows: a field that is added later has a default, and none is renamed.

use super::{
    nanoseconds,
    values::{Digest, WallTime},
};
use puzzle::{
    Cost, Curve, Hash, Nonce, Seed, Ticket, TraceData, VisitorId,
    curve::RisingCurve,
    drop::{DropRules, DropState, Opening},
    invite_code::InviteCode,
    rule::RuleName,
    target::Target,
};
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, time::Duration};

/// What an entry says.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A round began.
    Opened(Opened),
    /// A round was won.
    Won(Box<Won>),
    /// A round ended without a winner.
    Expired(Expired),
    /// The drop changed its state.
    Drop(DropChange),
    /// An operator did something.
    Operator(OperatorAction),
    /// A code was used.
    Redeemed(Redeemed),
    /// A code was made worthless.
    Revoked(Revoked),
}

/// The kind of an entry, by the name it is stored under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// [`Body::Opened`]: `opened`.
    Opened,
    /// [`Body::Won`]: `won`.
    Won,
    /// [`Body::Expired`]: `expired`.
    Expired,
    /// [`Body::Drop`]: `drop`.
    Drop,
    /// [`Body::Operator`]: `operator`.
    Operator,
    /// [`Body::Redeemed`]: `redeemed`.
    Redeemed,
    /// [`Body::Revoked`]: `revoked`.
    Revoked,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Opened, Self::Won, Self::Expired, Self::Drop, Self::Operator, Self::Redeemed, Self::Revoked];

    /// The name it is stored under.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Won => "won",
            Self::Expired => "expired",
            Self::Drop => "drop",
            Self::Operator => "operator",
            Self::Redeemed => "redeemed",
            Self::Revoked => "revoked",
        }
    }

    /// The kind of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Body {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Opened(_) => Kind::Opened,
            Self::Won(_) => Kind::Won,
            Self::Expired(_) => Kind::Expired,
            Self::Drop(_) => Kind::Drop,
            Self::Operator(_) => Kind::Operator,
            Self::Redeemed(_) => Kind::Redeemed,
            Self::Revoked(_) => Kind::Revoked,
        }
    }

    /// The text that is stored and hashed: compact JSON, fields in the order of
    /// their declaration.
    ///
    /// # Errors
    /// If it would not be the same body when it is read back, as with a number that
    /// is none: JSON has no word for it.
    pub(super) fn to_text(&self) -> Result<String, serde_json::Error> {
        let text = match self {
            Self::Opened(body) => serde_json::to_string(body),
            Self::Won(body) => serde_json::to_string(body),
            Self::Expired(body) => serde_json::to_string(body),
            Self::Drop(body) => serde_json::to_string(body),
            Self::Operator(body) => serde_json::to_string(body),
            Self::Redeemed(body) => serde_json::to_string(body),
            Self::Revoked(body) => serde_json::to_string(body),
        }?;
        if Self::from_text(self.kind(), &text)? == *self {
            Ok(text)
        } else {
            Err(serde::ser::Error::custom("a value would be another one when it is read back"))
        }
    }

    /// The body that the text says.
    pub(super) fn from_text(kind: Kind, text: &str) -> Result<Self, serde_json::Error> {
        Ok(match kind {
            Kind::Opened => Self::Opened(serde_json::from_str(text)?),
            Kind::Won => Self::Won(serde_json::from_str(text)?),
            Kind::Expired => Self::Expired(serde_json::from_str(text)?),
            Kind::Drop => Self::Drop(serde_json::from_str(text)?),
            Kind::Operator => Self::Operator(serde_json::from_str(text)?),
            Kind::Redeemed => Self::Redeemed(serde_json::from_str(text)?),
            Kind::Revoked => Self::Revoked(serde_json::from_str(text)?),
        })
    }
}

/// A round that began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// Its seed.
    pub seed: Seed,
    /// How its target moves.
    #[serde(with = "CurveInJson")]
    pub curve: Curve,
    /// What the rule had learnt when the curve was made.
    pub estimate: Estimate,
    /// What a hash costs.
    pub cost: Cost,
    /// The rule that made the curve.
    #[serde(with = "RuleNameInJson")]
    pub rule: RuleName,
    /// Why it began.
    pub reason: OpenReason,
}

/// Why a round began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenReason {
    /// It is the first of this ledger.
    First,
    /// The one before was won.
    Solved,
    /// The one before was given up.
    Timeout,
    /// An operator wanted it.
    Operator,
    /// The drop was opened.
    Opened,
    /// The drop went on after a pause.
    Resumed,
    /// There were codes again after the last one had gone.
    Reopened,
}

impl From<Opening> for OpenReason {
    fn from(opening: Opening) -> Self {
        match opening {
            Opening::Opened => Self::Opened,
            Opening::Resumed => Self::Resumed,
            Opening::Reopened => Self::Reopened,
        }
    }
}

/// What the rule has learnt of the rounds so far: all it needs to go on after a
/// restart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Estimate {
    /// Of the rule `step`.
    Step {
        /// The difficulty of the next round, in hex digits.
        difficulty: f64,
    },
    /// Of the rule `rising`.
    Rising {
        /// The rounds that were won, each weighted by its age.
        solves: f64,
        /// Time × target of those rounds in seconds × share, weighted alike.
        exposure: f64,
        /// Hashes per second.
        rate: f64,
    },
}

/// A round that was won: all that the audit log says, and what rules about people
/// and networks go by. The time of the win is that of the entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Won {
    /// The session that won. A text, because what a session id is lies with the
    /// rooms above.
    pub session: String,
    /// The winner's place in the order of arrival.
    #[serde(with = "TicketInJson")]
    pub ticket: Ticket,
    /// The prize.
    pub code: InviteCode,
    /// The winner.
    pub visitor: VisitorId,
    /// The address that the submission came from.
    pub address: IpAddr,
    /// The network that limits go by: the address itself for IPv4, the /64 for IPv6.
    pub network: String,
    /// The trace that was mined with.
    pub trace: TraceData,
    /// The round's seed.
    pub seed: Seed,
    /// What was found.
    pub nonce: Nonce,
    /// The hash of it.
    pub hash: Hash,
    /// The round's difficulty, in hex digits.
    pub difficulty: f64,
    /// The round's mining time when the winning submission arrived, in nanoseconds.
    #[serde(rename = "mining_time_ns", with = "nanoseconds")]
    pub mining_time: Duration,
    /// The time that the round was judged by, in nanoseconds.
    #[serde(rename = "solve_time_ns", with = "nanoseconds")]
    pub solve_time: Duration,
    /// The next round's difficulty, in hex digits.
    pub new_difficulty: f64,
    /// Why the difficulty moved or did not, in words.
    pub adjustment_reason: String,
    /// What the rule has learnt with this round.
    pub estimate: Estimate,
    /// From when on the code is worth nothing if nobody has used it, in milliseconds
    /// since 1970; never if there is no such time.
    #[serde(rename = "expires_at_ms", default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<WallTime>,
    /// What the site that sent the winner here has signed, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// A round that ended without a winner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expired {
    /// Why, in words.
    pub reason: String,
    /// How much mining time it had seen, in nanoseconds.
    #[serde(rename = "mining_time_ns", with = "nanoseconds")]
    pub mining_time: Duration,
    /// What the rule has learnt with this round.
    pub estimate: Estimate,
}

/// The drop is in another state now, or has other rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DropChange {
    /// In which state it is.
    pub state: DropState,
    /// Why it was changed, in words.
    pub reason: String,
    /// How many codes there are in all; `None` if there is no limit.
    pub supply: Option<u64>,
    /// How many have been won.
    pub won: u64,
    /// The rules that hold from now on.
    #[serde(default)]
    pub rules: DropRules,
    /// What the environment said of the rules: when it says something else later, that
    /// is newer than this entry.
    #[serde(default)]
    pub environment: DropRules,
}

/// Something that an operator did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatorAction {
    /// Who.
    pub who: String,
    /// What was changed.
    pub what: String,
    /// The value before; never a secret.
    pub before: String,
    /// The value after; never a secret.
    pub after: String,
    /// Why, in the operator's words.
    pub why: String,
}

/// A code that was used. The entry's round is the one that the code was won in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Redeemed {
    /// SHA-256 of the code.
    pub code_digest: Digest,
    /// The name of the API key that said so.
    pub key: String,
    /// For what, in the words of whoever said so.
    pub redeemed_for: Option<String>,
}

/// A code that is worth nothing any more. The entry's round is the one that the
/// code was won in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revoked {
    /// SHA-256 of the code.
    pub code_digest: Digest,
    /// The name of the API key, or of the operator, that said so.
    pub key: String,
    /// Why, in words.
    pub reason: String,
}

/// How a curve is written: `{"fixed":"…"}` or `{"rising":{…}}`.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Curve", rename_all = "lowercase")]
enum CurveInJson {
    Fixed(Target),
    Rising(RisingCurve),
}

/// How a rule's name is written: `"step"` or `"rising"`.
#[derive(Serialize, Deserialize)]
#[serde(remote = "RuleName", rename_all = "lowercase")]
enum RuleNameInJson {
    Step,
    Rising,
}

/// How a ticket is written: as its number.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Ticket", transparent)]
struct TicketInJson(u64);
