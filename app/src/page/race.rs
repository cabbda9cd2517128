//! The visitor's own part: start, stop, how many workers, how it goes.

use super::{
    Board,
    language::{say, use_language},
    scale::Scale,
    text,
};
use crate::{
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
            <Check board/>
            <SessionProofPanel board/>
            <Buttons board/>
            <dl class="figures">
                <div class="figure">
                    <dt>{say(text::your_rate)}</dt>
                    <dd data-testid="local-rate">{move || text::hash_rate(scene.read().local_rate)}</dd>
                </div>
                <div class="figure">
                    <dt>{say(text::visitor_id)}</dt>
                    <dd class="small" data-testid="visitor-id">
                        {move || text::visitor(scene.read().visitor.as_ref())}
                    </dd>
                </div>
            </dl>
            <Workers board/>
            <Scale board/>
            <p class="odds" data-testid="odds">{move || text::odds(language.get(), &scene.read())}</p>
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
    let phase = Memo::new(move |_| board.scene.read().phase.clone());
    let news = move || {
        board.log.read().newest_first().next().map(|line| text::note(language.get(), &line.note)).unwrap_or_default()
    };
    Effect::new(move |_| {
        document().set_title(text::window_title(language.get(), &phase.read(), board.view.get() == View::Lobby))
    });
    view! {
        <p class="status" id="status" role="status" data-testid="status" data-phase=move || phase.read().name()>
            {move || text::status(language.get(), &phase.read())}
        </p>
        <p class="news" data-testid="news">{news}</p>
        <p class="trouble" role="alert" data-testid="error" hidden=move || !matches!(*phase.read(), Phase::Failed(_))>
            {move || text::trouble(language.get(), &phase.read())}
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
    let check = Memo::new(move |_| board.scene.read().human_check.clone());
    view! {
        <div
            class="check needs-scripts"
            role="group"
            aria-labelledby="check-heading"
            data-testid="check"
            data-check=move || check.read().name()
            hidden=move || *check.read() == HumanCheck::Hidden
        >
            <p class="check-words">
                <strong id="check-heading">{say(text::human_check_heading)}</strong>
                " "
                <span id="check-words" role="status" data-testid="check-words">
                    {move || text::human_check(language.get(), &check.read())}
                </span>
            </p>
            // What is in there belongs to the check's own script.
            <div class="check-widget" id="check-widget"></div>
            <button
                type="button"
                data-testid="check-again"
                hidden=move || !matches!(*check.read(), HumanCheck::Failed(_))
                on:click=move |_| board.command(Command::RetryCheck)
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
    let proof = Memo::new(move |_| board.scene.read().proof);
    let figures = move || match proof.get() {
        SessionProof::Computing(proof) => text::lobby::proof_figures(language.get(), &proof),
        _ => String::new(),
    };
    view! {
        <div
            class="check proof-panel needs-scripts"
            role="group"
            aria-labelledby="proof-heading"
            data-testid="session-proof"
            data-proof=move || proof.get().name()
            hidden=move || proof.get() == SessionProof::Hidden
        >
            <p class="check-words">
                <strong id="proof-heading">{say(text::proof_heading)}</strong>
                <span role="status">{move || text::session_proof(language.get(), &proof.get())}</span>
            </p>
            // Not read out: it changes several times a second.
            <p class="proof-figures" data-testid="proof-figures">{figures}</p>
            <button
                type="button"
                data-testid="cancel-proof"
                disabled=move || !matches!(proof.get(), SessionProof::Computing(_))
                hidden=move || proof.get().needs_the_visitor()
                on:click=move |_| board.command(Command::CancelProof)
            >
                {say(text::cancel)}
            </button>
            <button
                type="button"
                data-testid="retry-proof"
                hidden=move || !proof.get().needs_the_visitor()
                on:click=move |_| board.command(Command::RetryProof)
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
                disabled=move || !scene.read().can_start
                on:click=move |_| board.command(Command::Start)
            >
                {start}
            </button>
            <button
                type="button"
                data-testid="stop"
                aria-describedby="status"
                disabled=move || !scene.read().can_stop
                on:click=move |_| board.command(Command::Stop)
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
                {move || { let (workers, most) = workers.get(); text::worker_count(language.get(), workers, most) }}
            </output>
            <input
                id="workers"
                type="range"
                min="1"
                max=move || workers.get().1.max(1)
                step="1"
                autocomplete="off"
                data-testid="workers"
                aria-describedby="workers-hint"
                disabled=move || workers.get().1 < 2
                prop:value=move || workers.get().0.to_string()
                on:input=choose
            />
            <p class="hint" id="workers-hint">{say(text::workers_hint)}</p>
        </div>
    }
}
