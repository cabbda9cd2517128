//! The codes won.

use super::{
    language::use_language,
    live::{click, live, say},
    text::{self, Text},
};
use crate::{board::Board, scene::Prize, wire::WayBack};
use leptos::{html::Code, prelude::*};

/// The newest code, large, and the earlier ones; nothing as long as there is none.
#[component]
pub fn Prizes(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let language = use_language();
    // A value of its own: the cards are made anew only when there is a new code.
    let prizes = Memo::new(move |_| board.scene.read().prizes.clone());
    move || {
        let mut prizes = prizes.get().into_iter();
        let newest = prizes.next()?;
        let round = newest.round;
        let earlier: Vec<_> = prizes.collect();
        let count = earlier.len();
        Some(view! {
            <section class="card prize" aria-labelledby="prize-heading">
                <h2 id="prize-heading">{live(move || text::your_code(language.get(), round))}</h2>
                <CodeWithCopy prize=newest newest=true/>
                <p class="hint">{say(text::code_hint)}</p>
                {board.way_back.get_value().map(|WayBack { host, .. }| {
                    view! {
                        <p class="go-on">
                            <a class="button primary" href=format!("/continue?round={}", round.0) data-testid="continue">
                                {live(move || text::go_on(language.get(), &host))}
                            </a>
                        </p>
                    }
                })}
                {(!earlier.is_empty())
                    .then(|| {
                        view! {
                            <details>
                                <summary>{live(move || text::earlier_codes(language.get(), count))}</summary>
                                <ol class="earlier">
                                    {earlier
                                        .into_iter()
                                        .map(|prize| {
                                            let round = prize.round;
                                            view! {
                                                <li>
                                                    <span>{live(move || text::earlier_code(language.get(), round))}</span>
                                                    <CodeWithCopy prize newest=false/>
                                                </li>
                                            }
                                        })
                                        .collect_view()}
                                </ol>
                            </details>
                        }
                    })}
            </section>
        })
    }
}

/// A code and a button that copies it, or selects it where copying is forbidden.
#[component]
fn CodeWithCopy(
    /// The code.
    prize: Prize,
    /// True for the one that is shown large.
    newest: bool,
) -> impl IntoView {
    let code = NodeRef::<Code>::new();
    let language = use_language();
    let round = prize.round;
    let label = RwSignal::new(text::copy as Text);
    let copy = {
        let invite_code = prize.invite_code.as_str().to_owned();
        move |_| {
            #[cfg(feature = "hydrate")]
            copy(invite_code.clone(), code, label);
            #[cfg(not(feature = "hydrate"))]
            let _ = &invite_code;
        }
    };
    view! {
        <div class="code-row">
            <code node_ref=code data-testid=if newest { "code" } else { "earlier-code" }>
                {prize.invite_code.as_str().to_owned()}
            </code>
            <button
                type="button"
                data-testid=if newest { "copy" } else { "copy-earlier" }
                title=live(move || text::copy_code(language.get(), round))
                on:click=click(copy)
            >
                <span aria-live="polite">{live(move || label.get()(language.get()))}</span>
            </button>
        </div>
    }
}

#[cfg(feature = "hydrate")]
fn copy(invite_code: String, shown: NodeRef<Code>, label: RwSignal<Text>) {
    use crate::browser::clipboard;
    use std::time::Duration;

    leptos::task::spawn_local(async move {
        if clipboard::copy(&invite_code).await {
            label.set(text::copied);
        } else {
            if let Some(shown) = shown.get_untracked() {
                clipboard::select(&shown);
            }
            label.set(text::copy_by_hand);
        }
        let restore = move || {
            label.try_set(text::copy);
        };
        set_timeout(restore, Duration::from_secs(3));
    });
}
