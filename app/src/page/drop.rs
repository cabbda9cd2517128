//! The drop: what is given out, when, and what is left. Nothing, where the race runs for
//! ever.

use super::{
    language::use_language,
    live::{flag, live},
    text,
};
use crate::{board::Board, scene::DropScene, wire::DropState};
use leptos::prelude::*;

/// The state of the drop with what comes next.
#[component]
pub fn Drop(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let (scene, language) = (board.scene, use_language());
    let read = move |read: fn(crate::language::Language, &DropScene) -> String| {
        live(move || read(language.get(), &scene.read().drop))
    };
    let state = move || match scene.read().drop.state {
        DropState::Scheduled => "scheduled",
        DropState::Open => "open",
        DropState::Paused => "paused",
        DropState::Over => "over",
    };
    view! {
        <section
            class="card drop"
            aria-labelledby="drop-heading"
            data-testid="drop"
            data-state=live(state)
            hidden=flag(move || !scene.read().drop.has_news())
        >
            <h2 id="drop-heading" data-testid="drop-heading">{read(text::drop::heading)}</h2>
            <p class="drop-countdown" translate="no" data-testid="drop-countdown">
                {read(text::drop::countdown)}
            </p>
            <p class="drop-words" data-testid="drop-words">{read(text::drop::words)}</p>
            <p
                class="drop-left"
                data-testid="drop-left"
            >
                {read(text::drop::left)}
            </p>
            <p class="hint" data-testid="drop-rules">{read(text::drop::rules)}</p>
        </section>
    }
}
