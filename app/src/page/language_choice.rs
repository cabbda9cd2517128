//! The switch of languages.

use super::{
    language::use_language,
    live::{click, current, say},
    text,
};
use crate::{board::Board, language::Language, scene::Command};
use leptos::{ev::MouseEvent, prelude::*};

/// All languages by their own names. They are links, so that they work before the
/// page's program runs, and without it.
#[component]
pub fn LanguageChoice() -> impl IntoView {
    let (language, board) = (use_language(), use_context::<Board>());
    let choices = Language::ALL.map(|choice| {
        view! {
            <a
                href=choice.address()
                lang=choice.tag()
                hreflang=choice.tag()
                aria-current=current("true", move || language.get() == choice)
                on:click=click(move |event| choose(&event, choice, language, board))
            >
                {choice.name()}
            </a>
        }
    });
    view! {
        <nav class="language" aria-label=say(text::language) data-testid="language">
            {choices.into_iter().collect_view()}
        </nav>
    }
}

/// Switches here and now, unless the visitor wants a tab or a window of its own.
fn choose(event: &MouseEvent, choice: Language, language: RwSignal<Language>, board: Option<Board>) {
    if event.ctrl_key() || event.meta_key() || event.shift_key() || event.button() != 0 {
        return;
    }
    event.prevent_default();
    language.set(choice);
    #[cfg(feature = "hydrate")]
    crate::browser::language::choose(choice);
    // The human check belongs to others and does not follow by itself.
    if let Some(board) = board {
        board.command(Command::RedrawCheck);
    }
}
