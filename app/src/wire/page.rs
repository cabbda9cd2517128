//! What the page is rendered from.

use super::{
    drop::DropNews,
    live::Figures,
    lobby::LobbyPage,
    round::RoundView,
    session::{Gate, TurnstileConfig},
    site::{Site, WayBack},
};
use crate::{
    language::Language,
    read::{read_fields, read_texts},
};
use serde::{Deserialize, Serialize};

/// What is in front: the two share one document's program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// The race, with the lobby beside it where there is room.
    #[default]
    Race,
    /// The lobby.
    Lobby,
}

impl View {
    /// Its name in the page's markup.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Race => "race",
            Self::Lobby => "lobby",
        }
    }

    /// Its address.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Race => "/",
            Self::Lobby => "/lobby",
        }
    }
}

/// What the server renders the page from, and the browser takes over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PageState {
    /// Which page was asked for.
    pub view: View,
    /// Who gives codes out.
    pub site: Site,
    /// Where the visitor came from, if that is to be gone back to.
    pub way_back: Option<WayBack>,
    /// The language that the visitor reads.
    pub language: Language,
    /// The round at the moment of rendering.
    pub round: RoundView,
    /// The figures at that moment.
    pub figures: Figures,
    /// The drop at that moment.
    pub drop: DropNews,
    /// The human check.
    pub turnstile: TurnstileConfig,
    /// What a session must pass.
    pub gate: Gate,
    /// The lobby at the moment of rendering.
    pub lobby: LobbyPage,
    /// Where the widget's script is; empty in test mode.
    pub turnstile_script: String,
    /// True if the request for the page carried the cookie of a living session.
    /// It may be there although this says no: a visit from another site's link
    /// arrives without it.
    pub has_session: bool,
    /// The worker's loader for browsers with SIMD: a path with a content hash.
    pub miner_simd: String,
    /// The worker's loader for browsers without.
    pub miner_scalar: String,
}

read_texts!(View);
read_fields! {
    PageState {
        view, site, way_back, language, round, figures, drop, turnstile, gate, lobby, turnstile_script, has_session, miner_simd, miner_scalar
    }
}
