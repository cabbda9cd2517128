//! How the race stands, the same for everybody.

use super::{
    Board,
    language::{say, use_language},
    text::{self, numbers},
};
use leptos::prelude::*;

/// The round and the network in figures.
#[component]
pub fn TheRound(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let (scene, language) = (board.scene, use_language());
    view! {
        <section class="card" aria-labelledby="round-heading">
            <h2 id="round-heading">{move || text::the_round(language.get(), scene.read().is_stale)}</h2>
            <dl class="figures" class:stale=move || scene.read().is_stale>
                <div class="figure">
                    <dt>{say(text::round)}</dt>
                    <dd data-testid="round">{move || scene.read().round.to_string()}</dd>
                </div>
                <div class="figure">
                    <dt>{say(text::mining_time)}</dt>
                    <dd>
                        <span data-testid="mining-time">{move || numbers::time(scene.read().mining_time)}</span>
                        <small>
                            {move || {
                                let text = if scene.read().clock_running { text::clock_runs } else { text::clock_stands };
                                text(language.get())
                            }}
                        </small>
                    </dd>
                </div>
                <div class="figure">
                    <dt>{say(text::difficulty)}</dt>
                    <dd>
                        <span data-testid="difficulty">
                            {move || text::difficulty_digits(language.get(), scene.read().target.difficulty())}
                        </span>
                        <small>{move || text::difficulty_meaning(language.get(), scene.read().target.expected_hashes())}</small>
                    </dd>
                </div>
                <div class="figure">
                    <dt>{say(text::network_rate)}</dt>
                    <dd data-testid="network-rate">{move || text::hash_rate(scene.read().figures.total_hashrate)}</dd>
                </div>
                <div class="figure">
                    <dt>{say(text::active_miners)}</dt>
                    <dd data-testid="active-miners">{move || text::people(language.get(), scene.read().figures.active_miners)}</dd>
                </div>
                <div class="figure">
                    <dt>{say(text::online)}</dt>
                    <dd data-testid="online">{move || text::people(language.get(), scene.read().figures.online)}</dd>
                </div>
            </dl>
        </section>
    }
}
