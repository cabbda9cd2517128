//! A drop: one giving-out of codes. How many there are, when it opens and closes, and
//! in which state it is.
//!
//! Everything here is a decision about values: what time it is and how many codes are
//! left are told from outside. Nobody decides about the state but [`Drop::due`], what
//! time and supply bring about, and [`Drop::obey`], what an operator wants.
//!
//! ```text
//! scheduled → open ⇄ paused → over (sold out | closed)
//! ```
//!
//! Sold out becomes open again when there are codes again; closed stays closed until an
//! operator opens it.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What an operator decides about a drop. With [`DropRules::default`] there is no limit
/// and no schedule: the race runs for ever.
///
/// Times are counted from 1970 in UTC, in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DropRules {
    /// Codes in all; 0 for any number.
    pub supply: u64,
    /// When it opens; at once if there is none.
    #[serde(rename = "opens_at_ms", with = "milliseconds::optional", skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<Duration>,
    /// When it closes; never if there is none.
    #[serde(rename = "closes_at_ms", with = "milliseconds::optional", skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<Duration>,
    /// Codes that one person may win; 0 for any number.
    pub wins_per_person: u64,
    /// For so long a person wins nothing after a win.
    #[serde(rename = "win_cooldown_ms", with = "milliseconds")]
    pub win_cooldown: Duration,
    /// Codes that one network may win; 0 for any number.
    pub wins_per_network: u64,
    /// For so long nobody wins after a win.
    #[serde(rename = "min_round_ms", with = "milliseconds")]
    pub min_round: Duration,
}

/// The states of a drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropState {
    /// It opens later.
    Scheduled,
    /// Codes can be won.
    Open,
    /// An operator has halted it.
    Paused,
    /// It is over for now: there are no more codes.
    SoldOut,
    /// It is over.
    Closed,
}

/// What an operator wants of a drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// That nobody wins for a while.
    Pause,
    /// That it goes on after a pause.
    Resume,
    /// That it is open from now on, whatever the schedule said.
    Open,
    /// That it is over.
    Close,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The state that is left.
    pub from: DropState,
    /// The new state.
    pub to: DropState,
}

/// How a round begins that a drop begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// The drop was opened.
    Opened,
    /// It went on after a pause.
    Resumed,
    /// It was over, and is open again.
    Reopened,
}

/// The drop is in another state than the order takes for granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefused {
    /// Only an open drop can be paused.
    #[error("only an open drop can be paused")]
    NotOpen,
    /// Only a paused drop can be resumed.
    #[error("only a paused drop can be resumed")]
    NotPaused,
    /// It is open already.
    #[error("the drop is open already")]
    IsOpen,
    /// It is closed already.
    #[error("the drop is closed already")]
    IsClosed,
    /// There is no code to be won.
    #[error("there are no more codes: raise the supply first")]
    NoCodes,
}

/// Rules that contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRules {
    /// It would close before it opens.
    #[error("the drop would close before it opens")]
    ClosesBeforeItOpens,
}

impl DropState {
    /// The word for it in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Open => "open",
            Self::Paused => "paused",
            Self::SoldOut | Self::Closed => "over",
        }
    }

    /// Why it is over, in a word of the protocol.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::SoldOut => Some("sold_out"),
            Self::Closed => Some("closed"),
            Self::Scheduled | Self::Open | Self::Paused => None,
        }
    }

    /// True while codes can be won.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open)
    }
}

impl Step {
    /// With what reason a round begins by it; `None` if none does.
    pub const fn opening(self) -> Option<Opening> {
        match (self.from, self.to) {
            (DropState::Scheduled, DropState::Open) => Some(Opening::Opened),
            (DropState::Paused, DropState::Open) => Some(Opening::Resumed),
            (DropState::SoldOut | DropState::Closed, DropState::Open) => Some(Opening::Reopened),
            _ => None,
        }
    }
}

impl DropRules {
    /// Checks what the parts say of each other.
    ///
    /// # Errors
    /// [`InvalidRules`].
    pub fn validate(&self) -> Result<(), InvalidRules> {
        match (self.opens_at, self.closes_at) {
            (Some(opens_at), Some(closes_at)) if closes_at <= opens_at => Err(InvalidRules::ClosesBeforeItOpens),
            _ => Ok(()),
        }
    }

    /// True if some wins are refused to some people.
    pub const fn limit_people(&self) -> bool {
        self.wins_per_person != 0 || self.wins_per_network != 0 || !self.win_cooldown.is_zero()
    }

    fn is_over_at(&self, now: Duration) -> bool {
        self.closes_at.is_some_and(|closes_at| closes_at <= now)
    }

    fn is_before_at(&self, now: Duration) -> bool {
        self.opens_at.is_some_and(|opens_at| now < opens_at)
    }
}

/// A drop at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drop {
    rules: DropRules,
    state: DropState,
    /// Codes that were given out and did not come back.
    given: u64,
    /// How many of a list of codes are left, if codes come from one.
    listed: Option<u64>,
}

impl Drop {
    /// A drop that begins at `now`, after `given` codes were given out.
    pub fn begin(rules: DropRules, given: u64, listed: Option<u64>, now: Duration) -> Self {
        let mut drop = Self { rules, state: DropState::Scheduled, given, listed };
        drop.state = drop.state_of_schedule(now);
        drop
    }

    /// A drop as it stood.
    pub const fn resumed(rules: DropRules, state: DropState, given: u64, listed: Option<u64>) -> Self {
        Self { rules, state, given, listed }
    }

    /// What the operator has decided.
    pub const fn rules(&self) -> &DropRules {
        &self.rules
    }

    /// The state.
    pub const fn state(&self) -> DropState {
        self.state
    }

    /// How many codes were given out.
    pub const fn given(&self) -> u64 {
        self.given
    }

    /// How many codes there are in all; `None` for any number.
    pub fn supply(&self) -> Option<u64> {
        let listed = self.listed.map(|left| left.saturating_add(self.given));
        let limit = (self.rules.supply != 0).then_some(self.rules.supply);
        listed.into_iter().chain(limit).min()
    }

    /// How many codes are left; `None` for any number.
    pub fn left(&self) -> Option<u64> {
        self.supply().map(|supply| supply.saturating_sub(self.given))
    }

    /// True if a win at `now` would be in time: the moment of closing counts, whether
    /// anybody has looked at the clock since or not.
    pub fn takes_wins_at(&self, now: Duration) -> bool {
        self.state.is_open() && !self.rules.is_over_at(now) && self.left() != Some(0)
    }

    /// What time and supply bring about at `now`.
    pub fn due(&self, now: Duration) -> Option<Step> {
        let to = match self.state {
            DropState::Scheduled if self.rules.is_before_at(now) && !self.rules.is_over_at(now) => return None,
            DropState::Scheduled => self.state_of_schedule(now),
            DropState::Closed => return None,
            DropState::Open | DropState::Paused | DropState::SoldOut if self.rules.is_over_at(now) => DropState::Closed,
            DropState::Open if self.left() == Some(0) => DropState::SoldOut,
            DropState::SoldOut if self.left() != Some(0) => DropState::Open,
            DropState::Open | DropState::Paused | DropState::SoldOut => return None,
        };
        Some(Step { from: self.state, to })
    }

    /// The drop when everything that is due at `now` is done.
    #[must_use]
    pub fn settled(&self, now: Duration) -> Self {
        let mut drop = *self;
        while let Some(step) = drop.due(now) {
            drop = drop.after(step, drop.rules);
        }
        drop
    }

    /// What becomes of an order at `now`, and with what rules: an order to open puts a
    /// schedule aside that says otherwise.
    ///
    /// # Errors
    /// [`OrderRefused`].
    pub fn obey(&self, order: Order, now: Duration) -> Result<(Step, DropRules), OrderRefused> {
        let mut rules = self.rules;
        let to = match (order, self.state) {
            (Order::Pause, DropState::Open) => DropState::Paused,
            (Order::Pause, _) => return Err(OrderRefused::NotOpen),
            (Order::Resume, DropState::Paused) => DropState::Open,
            (Order::Resume, _) => return Err(OrderRefused::NotPaused),
            (Order::Open, DropState::Open) => return Err(OrderRefused::IsOpen),
            (Order::Open, _) => {
                rules.opens_at = rules.opens_at.filter(|opens_at| *opens_at <= now);
                rules.closes_at = rules.closes_at.filter(|closes_at| now < *closes_at);
                DropState::Open
            }
            (Order::Close, DropState::Closed) => return Err(OrderRefused::IsClosed),
            (Order::Close, _) => DropState::Closed,
        };
        if to.is_open() && self.left() == Some(0) {
            return Err(OrderRefused::NoCodes);
        }
        Ok((Step { from: self.state, to }, rules))
    }

    /// What other rules bring about at `now`. A new schedule is an operator's word: a
    /// drop that was over opens by it. A pause stays one.
    pub fn governed_by(&self, rules: DropRules, now: Duration) -> Self {
        let schedule = |rules: &DropRules| (rules.opens_at, rules.closes_at);
        let is_new = schedule(&rules) != schedule(&self.rules);
        let mut drop = Self { rules, ..*self };
        if is_new && self.state != DropState::Paused {
            drop.state = drop.state_of_schedule(now);
        }
        drop
    }

    /// The drop after a step, by `rules`.
    #[must_use]
    pub const fn after(&self, step: Step, rules: DropRules) -> Self {
        Self { rules, state: step.to, ..*self }
    }

    /// The drop when one more code is given out: its last one ends it.
    #[must_use]
    pub fn after_win(&self) -> Self {
        let listed = self.listed.map(|left| left.saturating_sub(1));
        let mut drop = Self { given: self.given + 1, listed, ..*self };
        if drop.state.is_open() && drop.left() == Some(0) {
            drop.state = DropState::SoldOut;
        }
        drop
    }

    /// The drop when so many codes of a list are left, if codes come from one.
    #[must_use]
    pub const fn with_listed(&self, listed: Option<u64>) -> Self {
        Self { listed, ..*self }
    }

    /// The drop when so many codes came back unused.
    #[must_use]
    pub const fn with_returned(&self, returned: u64) -> Self {
        Self { given: self.given.saturating_sub(returned), ..*self }
    }

    fn state_of_schedule(&self, now: Duration) -> DropState {
        if self.rules.is_over_at(now) {
            DropState::Closed
        } else if self.rules.is_before_at(now) {
            DropState::Scheduled
        } else if self.left() == Some(0) {
            DropState::SoldOut
        } else {
            DropState::Open
        }
    }
}

/// Durations as whole milliseconds.
mod milliseconds {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    fn of(duration: Duration) -> u64 {
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        of(*duration).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }

    pub(super) mod optional {
        use serde::{Deserialize, Deserializer, Serialize, Serializer};
        use std::time::Duration;

        // The signature is serde's.
        #[allow(clippy::ref_option)]
        pub(in super::super) fn serialize<S: Serializer>(
            duration: &Option<Duration>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            duration.map(super::of).serialize(serializer)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Duration>, D::Error> {
            Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
        }
    }
}

#[cfg(test)]
mod tests;
