//! The scale: how rare the best hash is, and where the bar stands.
//!
//! It is logarithmic, with one digit of the hash a step. Whatever lies to the
//! right of the bar wins. It shows no progress, because there is none: every try
//! is as good as the one before.

use super::{
    language::use_language,
    live::{live, say},
    text::{self, numbers::quantity},
};
use crate::board::Board;
use leptos::prelude::*;

/// The best hash against the bar.
#[component]
pub fn Scale(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let (scene, language) = (board.scene, use_language());
    // One step beyond the rarest bar; six digits are the usual limit.
    let steps = scene.with_untracked(|scene| scene.hardest.difficulty().ceil().clamp(6.0, 15.0) as u32 + 1);
    let place = move |digits: f64| (digits / f64::from(steps) * 100.0).clamp(0.0, 100.0);
    let percent = |place: f64| format!("{}%", quantity(place));
    let bar = move || place(scene.read().target.difficulty());
    let best = move || scene.read().best.map_or(0.0, |best| place(best.digits));
    view! {
        <div class="scale">
            <h3>{say(text::best_against_bar)}</h3>
            <p class="hint">{say(text::scale_hint)}</p>
            <svg class="scale-picture" aria-hidden="true">
                <rect class="scale-track" x="0" y="18" width="100%" height="12" rx="6"></rect>
                <rect
                    class="scale-wins"
                    x=live(move || percent(bar()))
                    y="18"
                    width=live(move || percent(100.0 - bar()))
                    height="12"
                    rx="6"
                ></rect>
                <line class="scale-bar" x1=live(move || percent(bar())) x2=live(move || percent(bar())) y1="6" y2="42"></line>
                <circle
                    class="scale-best"
                    cx=live(move || percent(best()))
                    cy="24"
                    r=live(move || if scene.read().best.is_some() { "8" } else { "0" })
                ></circle>
                {(1..steps)
                    .map(|digits| {
                        view! { <text class="scale-tick" x=percent(place(digits.into())) y="60">{live(move || text::tick(language.get(), digits))}</text> }
                    })
                    .collect_view()}
            </svg>
            <dl class="scale-values">
                <div class="scale-value">
                    <dt><i class="key key-best" aria-hidden="true"></i>{say(text::best)}</dt>
                    <dd data-testid="best">
                        {live(move || {
                            let language = language.get();
                            scene.read().best.map_or_else(
                                || text::nothing_yet(language).into(),
                                |best| text::rarity(language, best.rarity),
                            )
                        })}
                    </dd>
                </div>
                <div class="scale-value">
                    <dt><i class="key key-bar" aria-hidden="true"></i>{say(text::bar)}</dt>
                    <dd data-testid="bar">{live(move || text::rarity(language.get(), scene.read().target.expected_hashes()))}</dd>
                </div>
            </dl>
            <p class="outlook" data-testid="outlook">
                {live(move || scene.with(|scene| text::best_outlook(language.get(), scene.best.as_ref(), scene.clock_running)))}
            </p>
        </div>
    }
}
