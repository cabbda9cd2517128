//! How the race stands, the same for everybody.

use super::{
    Board,
    text::{self, numbers},
};
use leptos::prelude::*;

/// The round and the network in figures.
#[component]
pub fn TheRound(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let scene = board.scene;
    view! {
        <section class="card" aria-labelledby="round-heading">
            <h2 id="round-heading">{move || text::the_round(scene.read().is_stale)}</h2>
            <dl class="figures" class:stale=move || scene.read().is_stale>
                <div class="figure">
                    <dt>{text::round()}</dt>
                    <dd data-testid="round">{move || scene.read().round.to_string()}</dd>
                </div>
                <div class="figure">
                    <dt>{text::mining_time()}</dt>
                    <dd>
                        <span data-testid="mining-time">{move || numbers::time(scene.read().mining_time)}</span>
                        <small>
                            {move || if scene.read().clock_running { text::clock_runs() } else { text::clock_stands() }}
                        </small>
                    </dd>
                </div>
                <div class="figure">
                    <dt>{text::difficulty()}</dt>
                    <dd>
                        <span data-testid="difficulty">
                            {move || text::difficulty_digits(scene.read().target.difficulty())}
                        </span>
                        <small>{move || text::difficulty_meaning(scene.read().target.expected_hashes())}</small>
                    </dd>
                </div>
                <div class="figure">
                    <dt>{text::network_rate()}</dt>
                    <dd data-testid="network-rate">{move || text::hash_rate(scene.read().figures.total_hashrate)}</dd>
                </div>
                <div class="figure">
                    <dt>{text::active_miners()}</dt>
                    <dd data-testid="active-miners">{move || text::people(scene.read().figures.active_miners)}</dd>
                </div>
                <div class="figure">
                    <dt>{text::online()}</dt>
                    <dd data-testid="online">{move || text::people(scene.read().figures.online)}</dd>
                </div>
            </dl>
        </section>
    }
}
