//! What happened, line by line.

use super::{language::use_language, live::say, text};
use crate::{board::Board, scene::LogLine};
use leptos::prelude::*;

/// The last hundred lines, newest first. Screen readers find it, but are not
/// interrupted by it.
#[component]
pub fn LogPanel(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let language = use_language();
    // All lines are rendered anew when one is added: they are few, and most stay as they are.
    let lines = move || {
        let language = language.get();
        let line = |line: &LogLine| view! { <li><time>{line.time.clone()}</time><span>{text::note(language, &line.note)}</span></li> };
        board.log.read().newest_first().map(line).collect_view()
    };
    view! {
        <section class="card log-panel needs-scripts" aria-labelledby="log-heading">
            <h2 id="log-heading">{say(text::log_heading)}</h2>
            <div class="log" tabindex="0" role="group" aria-labelledby="log-heading" data-testid="log">
                <ol>{lines}</ol>
            </div>
        </section>
    }
}
