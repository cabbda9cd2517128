//! The human check as the page shows it.

/// What the human check is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HumanCheck {
    /// It is not needed: in test mode, or while an earlier session is good.
    Hidden,
    /// Its script is on its way.
    Loading,
    /// It finds out by itself whether a human is here.
    Running,
    /// It waits for the visitor.
    Interactive,
    /// It has passed.
    Passed,
    /// The session stands; what passed has expired and is being renewed.
    Renewing,
    /// The session stands; the check could not renew itself, which does not matter now.
    NotRenewed,
    /// It did not pass; the visitor may have it tried again.
    Failed(CheckFailure),
}

/// Why the check did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckFailure {
    /// Its script did not load.
    NotLoaded,
    /// It did not come, or fell silent.
    Slow,
    /// It gave up, with this code of Cloudflare's.
    Error(String),
    /// It does not know this browser.
    Unsupported,
    /// The server does not accept what came of it; Cloudflare's codes.
    Refused(Vec<String>),
}

impl HumanCheck {
    /// One word in the page's markup, for the style and for tests.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Loading => "loading",
            Self::Running => "running",
            Self::Interactive => "interactive",
            Self::Passed => "passed",
            Self::Renewing => "renewing",
            Self::NotRenewed => "not-renewed",
            Self::Failed(_) => "failed",
        }
    }

    /// True while nothing goes on without the visitor.
    pub const fn needs_the_visitor(&self) -> bool {
        matches!(self, Self::Interactive | Self::Failed(_))
    }
}
