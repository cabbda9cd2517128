//! How the race stands, the same for everybody.

use super::{
    language::use_language,
    live::{Live, flag, live, say},
    text::{self, numbers},
};
use crate::{board::Board, language::Language, scene::Scene};
use leptos::prelude::*;

/// The round and the network in figures.
#[component]
pub fn TheRound(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let (scene, language) = (board.scene, use_language());
    let read = move |read: fn(&Scene, Language) -> String| live(move || read(&scene.read(), language.get()));
    let figure = |name, id: &'static str, value: Live, meaning: Option<Live>| {
        view! {
            <div class="figure">
                <dt>{say(name)}</dt>
                <dd>
                    <span data-testid=id>{value}</span>
                    {meaning.map(|meaning| view! { <small>{meaning}</small> })}
                </dd>
            </div>
        }
    };
    let clock = read(|scene, language| {
        let text = if scene.clock_running { text::clock_runs } else { text::clock_stands };
        text(language).to_owned()
    });
    view! {
        <section class="card" aria-labelledby="round-heading">
            <h2 id="round-heading">{live(move || text::the_round(language.get(), scene.read().is_stale))}</h2>
            <dl class="figures" class:stale=flag(move || scene.read().is_stale)>
                {figure(text::round, "round", read(|scene, _| scene.round.to_string()), None)}
                {figure(text::mining_time, "mining-time", read(|scene, _| numbers::time(scene.mining_time)), Some(clock))}
                {figure(
                    text::difficulty,
                    "difficulty",
                    read(|scene, language| text::difficulty_digits(language, scene.target.difficulty())),
                    Some(read(|scene, language| text::difficulty_meaning(language, scene.target.expected_hashes()))),
                )}
                {figure(text::network_rate, "network-rate", read(|scene, _| text::hash_rate(scene.figures.total_hashrate)), None)}
                {figure(
                    text::active_miners,
                    "active-miners",
                    read(|scene, language| text::people(language, scene.figures.active_miners)),
                    None,
                )}
                {figure(text::online, "online", read(|scene, language| text::people(language, scene.figures.online)), None)}
            </dl>
        </section>
    }
}
