//! What happened, line by line.

use super::{
    Board,
    language::{say, use_language},
    text,
};
use leptos::prelude::*;

/// The last hundred lines, newest first. Screen readers find it, but are not
/// interrupted by it.
#[component]
pub fn LogPanel(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let language = use_language();
    let lines = move || board.log.read().newest_first().cloned().collect::<Vec<_>>();
    view! {
        <section class="card log-panel needs-scripts" aria-labelledby="log-heading">
            <h2 id="log-heading">{say(text::log_heading)}</h2>
            <div class="log" tabindex="0" role="group" aria-labelledby="log-heading" data-testid="log">
                <ol>
                    <For
                        each=lines
                        key=|line| line.number
                        children=move |line| {
                            view! {
                                <li>
                                    <time>{line.time}</time>
                                    <span>{move || text::note(language.get(), &line.note)}</span>
                                </li>
                            }
                        }
                    />
                </ol>
            </div>
        </section>
    }
}
