//! What the gate asks for.

use crate::identity::session::Passed;

/// What a session must have passed before it may take part in the race.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GateRule {
    /// The human check.
    #[default]
    Turnstile,
    /// A session stamp.
    Hashcash,
    /// The human check and a session stamp.
    Both,
}

impl GateRule {
    /// Its name, as in `HASHPASS_GATE`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Turnstile => "turnstile",
            Self::Hashcash => "hashcash",
            Self::Both => "both",
        }
    }

    /// True if the human check is part of it.
    pub const fn asks_for_humans(self) -> bool {
        matches!(self, Self::Turnstile | Self::Both)
    }

    /// True if a session stamp is part of it.
    pub const fn asks_for_stamps(self) -> bool {
        matches!(self, Self::Hashcash | Self::Both)
    }

    /// True if `passed` is enough.
    pub const fn is_met_by(self, passed: Passed) -> bool {
        (!self.asks_for_humans() || passed.human) && (!self.asks_for_stamps() || passed.stamped)
    }
}
