//! What this is, in words.

use super::{
    language::use_language,
    live::{Live, live, say},
    text,
};
use crate::board::Board;
use leptos::prelude::*;

/// The heading of the page and what it is about.
#[component]
pub fn Lead(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let language = use_language();
    view! {
        <div class="lead">
            <h1 data-testid="headline">
                {live(move || board.site.with_value(|site| text::headline(language.get(), site.prize.as_deref())))}
            </h1>
            <p>{say(text::lead)}</p>
        </div>
    }
}

/// How it works, for those who want to know.
#[component]
pub fn Explanation(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let language = use_language();
    let (rises, memory) = board.scene.with_untracked(|scene| (scene.typical_round.is_some(), scene.memory_mib));
    let point = |heading, paragraph: Live| view! { <li><h3>{say(heading)}</h3><p>{paragraph}</p></li> };
    view! {
        <section class="explanation" aria-labelledby="explanation-heading">
            <h2 id="explanation-heading">{say(text::how_it_works)}</h2>
            <ol>
                {point(text::puzzle_heading, live(move || text::puzzle(language.get(), memory)))}
                {point(text::bar_heading, live(move || text::bar_explained(language.get(), rises)))}
                {point(text::winner_heading, say(text::winner_explained))}
            </ol>
        </section>
    }
}
