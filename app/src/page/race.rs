//! The visitor's own part: start, stop, how many workers, how it goes.

use super::{
    language::use_language,
    live::{click, flag, live, say},
    scale::Scale,
    text,
};
use crate::{
    board::Board,
    scene::{Command, Failure, HumanCheck, Phase, SessionProof},
    wire::View,
};
use leptos::prelude::*;

/// The visitor's own part in the race.
#[component]
pub fn YourRace(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let (scene, language) = (board.scene, use_language());
    view! {
        <section class="card needs-scripts" aria-labelledby="race-heading">
            <h2 id="race-heading">{say(text::your_race)}</h2>
            <Status board/>
            <p class="hint way-back" data-testid="way-back" hidden=flag(move || board.way_back.with_value(Option::is_none))>
                {live(move || {
                    board.way_back.with_value(|way_back| {
                        way_back.as_ref().map(|way_back| text::way_back(language.get(), &way_back.host)).unwrap_or_default()
                    })
                })}
            </p>
            <Check board/>
            <SessionProofPanel board/>
            <Buttons board/>
            <dl class="figures">
                <div class="figure">
                    <dt>{say(text::your_rate)}</dt>
                    <dd data-testid="local-rate">{live(move || text::hash_rate(scene.read().local_rate))}</dd>
                </div>
                <div class="figure">
                    <dt>{say(text::visitor_id)}</dt>
                    <dd class="small" data-testid="visitor-id">
                        {live(move || text::visitor(scene.read().visitor.as_ref()))}
                    </dd>
                </div>
            </dl>
            <Workers board/>
            <Scale board/>
            <p class="odds" data-testid="odds">{live(move || text::odds(language.get(), &scene.read()))}</p>
        </section>
    }
}

/// What the page is doing, and the newest line of the log. Only changes of the
/// phase are read out: no counter is in there.
#[component]
fn Status(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let language = use_language();
    let scene = board.scene;
    let news = move || {
        board.log.read().newest_first().next().map(|line| text::note(language.get(), &line.note)).unwrap_or_default()
    };
    let mut shown = String::new();
    Effect::new(move |_| {
        let in_lobby = board.view.get() == View::Lobby;
        let title =
            board.site.with_value(|site| text::window_title(language.get(), &scene.read().phase, in_lobby, &site.name));
        if shown != title {
            document().set_title(&title);
            shown = title;
        }
    });
    view! {
        <p class="status" id="status" role="status" data-testid="status" data-phase=live(move || scene.read().phase.name())>
            {live(move || text::status(language.get(), &scene.read().phase))}
        </p>
        <p class="news" data-testid="news">{live(news)}</p>
        <p class="trouble" role="alert" data-testid="error" hidden=flag(move || !matches!(scene.read().phase, Phase::Failed(_)))>
            {live(move || text::trouble(language.get(), &scene.read().phase))}
        </p>
    }
}

/// The human check. The server does not know whether it will be needed; where it
/// may be, its room is kept from the first moment on.
#[component]
fn Check(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let language = use_language();
    let scene = board.scene;
    view! {
        <div
            class="check needs-scripts"
            role="group"
            aria-labelledby="check-heading"
            data-testid="check"
            data-check=live(move || scene.read().human_check.name())
            hidden=flag(move || scene.read().human_check == HumanCheck::Hidden)
        >
            <p class="check-words">
                <strong id="check-heading">{say(text::human_check_heading)}</strong>
                " "
                <span id="check-words" role="status" data-testid="check-words">
                    {live(move || text::human_check(language.get(), &scene.read().human_check))}
                </span>
            </p>
            // What is in there belongs to the check's own script.
            <div class="check-widget" id="check-widget"></div>
            <button
                type="button"
                data-testid="check-again"
                hidden=flag(move || !matches!(scene.read().human_check, HumanCheck::Failed(_)))
                on:click=click(move |_| board.command(Command::RetryCheck))
            >
                {say(text::check_again)}
            </button>
        </div>
    }
}

/// The proof of work for a session, where the gate asks for it.
#[component]
fn SessionProofPanel(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let language = use_language();
    let proof = move || board.scene.read().proof;
    let figures = move || match proof() {
        SessionProof::Computing(proof) => text::proof_figures(language.get(), &proof),
        _ => String::new(),
    };
    view! {
        <div
            class="check proof-panel needs-scripts"
            role="group"
            aria-labelledby="proof-heading"
            data-testid="session-proof"
            data-proof=live(move || proof().name())
            hidden=flag(move || proof() == SessionProof::Hidden)
        >
            <p class="check-words">
                <strong id="proof-heading">{say(text::proof_heading)}</strong>
                <span role="status">{live(move || text::session_proof(language.get(), &proof()))}</span>
            </p>
            // Not read out: it changes several times a second.
            <p class="proof-figures" data-testid="proof-figures">{live(figures)}</p>
            <button
                type="button"
                data-testid="cancel-proof"
                disabled=flag(move || !matches!(proof(), SessionProof::Computing(_)))
                hidden=flag(move || proof().needs_the_visitor())
                on:click=click(move |_| board.command(Command::CancelProof))
            >
                {say(text::cancel)}
            </button>
            <button
                type="button"
                data-testid="retry-proof"
                hidden=flag(move || !proof().needs_the_visitor())
                on:click=click(move |_| board.command(Command::RetryProof))
            >
                {say(text::compute_proof)}
            </button>
        </div>
    }
}

/// Start and Stop. The status says why one of them cannot be pressed.
#[component]
fn Buttons(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let (scene, language) = (board.scene, use_language());
    let start = move || {
        let text = match &scene.read().phase {
            Phase::Failed(failure) if Failure::may_be_retried(failure) => text::start_again,
            _ => text::start,
        };
        text(language.get())
    };
    view! {
        <div class="buttons needs-scripts">
            <button
                type="button"
                class="primary"
                data-testid="start"
                aria-describedby="status check-words"
                disabled=flag(move || !scene.read().can_start)
                on:click=click(move |_| board.command(Command::Start))
            >
                {live(start)}
            </button>
            <button
                type="button"
                data-testid="stop"
                aria-describedby="status"
                disabled=flag(move || !scene.read().can_stop)
                on:click=click(move |_| board.command(Command::Stop))
            >
                {say(text::stop)}
            </button>
        </div>
    }
}

/// How many workers.
#[component]
fn Workers(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let language = use_language();
    let workers = Memo::new(move |_| board.scene.with(|scene| (scene.workers, scene.most_workers)));
    let choose = move |event| {
        if let Ok(workers) = event_target_value(&event).parse() {
            board.command(Command::UseWorkers(workers));
        }
    };
    view! {
        <div class="workers needs-scripts">
            <label for="workers">{say(text::workers)}</label>
            <output for="workers">
                {live(move || { let (workers, most) = workers.get(); text::worker_count(language.get(), workers, most) })}
            </output>
            <input
                id="workers"
                type="range"
                min="1"
                max=live(move || workers.get().1.max(1).to_string())
                step="1"
                autocomplete="off"
                data-testid="workers"
                aria-describedby="workers-hint"
                disabled=flag(move || workers.get().1 < 2)
                prop:value=live(move || workers.get().0.to_string())
                on:input=choose
            />
            <p class="hint" id="workers-hint">{say(text::workers_hint)}</p>
        </div>
    }
}
