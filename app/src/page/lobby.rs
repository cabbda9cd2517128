//! The lobby: who says what, and the composer. What people write is shown as text,
//! never as markup.

use super::{
    language::use_language,
    live::{click, flag, key, live, say},
    text,
};
use crate::{
    board::Board,
    language::Language,
    scene::lobby::{Access, Line, LobbyCommand, MOST_SHOWN, Said, TabView},
    wire::lobby::LobbyMember,
};
use leptos::{
    ev::{KeyboardEvent, SubmitEvent},
    html::Input,
    prelude::*,
};

mod drafts;

use drafts::Drafts;

/// The most characters of a message; all of them fit into a body even if each takes
/// four bytes.
const LONGEST_MESSAGE: &str = "1000";

/// How many tints nicks have.
const TINTS: u32 = 6;

/// The heading of the lobby's own page.
#[component]
pub fn Lead() -> impl IntoView {
    view! {
        <div class="lead lobby-lead">
            <h1>{say(text::lobby::headline)}</h1>
            <p>{say(text::lobby::lead)}</p>
        </div>
    }
}

/// The lobby.
#[component]
pub fn Lobby(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let (lobby, language) = (board.lobby, use_language());
    let composer = NodeRef::<Input>::new();
    view! {
        <section
            class="card lobby"
            aria-labelledby="lobby-heading"
            data-testid="lobby"
            data-access=live(move || lobby.read().access.name())
        >
            <div class="lobby-head">
                <h2 id="lobby-heading">{say(text::lobby::lobby)}</h2>
                <p data-testid="lobby-people">{live(move || text::lobby::people(language.get(), lobby.read().member_count))}</p>
            </div>
            <Tabs board composer/>
            <div class="lobby-conversation" id="lobby-conversation" role="tabpanel" aria-label=say(text::lobby::messages)>
                <p class="lobby-topic" data-testid="lobby-topic" hidden=flag(move || lobby.read().topic.is_empty())>
                    {live(move || lobby.read().topic.clone())}
                </p>
                <div class="lobby-body">
                    <Lines board/>
                    <Members board/>
                </div>
            </div>
            <Entrance board composer/>
            <Composer board composer/>
        </section>
    }
}

/// The conversations, as tabs: arrow keys go from one to the next.
#[component]
fn Tabs(
    /// What is shown.
    board: Board,
    /// Where the focus goes after a choice.
    composer: NodeRef<Input>,
) -> impl IntoView {
    let (lobby, language) = (board.lobby, use_language());
    let step = move |event: KeyboardEvent| {
        let (count, at) = lobby.with_untracked(|lobby| (lobby.tabs.len().max(1), lobby.active));
        let next = match event.key().as_str() {
            "ArrowRight" => (at + 1) % count,
            "ArrowLeft" => (at + count - 1) % count,
            "Home" => 0,
            "End" => count - 1,
            _ => return,
        };
        event.prevent_default();
        board.lobby_command(LobbyCommand::Select(next));
        #[cfg(feature = "hydrate")]
        crate::browser::lobby::focus_tab(next);
    };
    // All tabs are made anew when one changes: there are few.
    let tabs = move || {
        let (lobby, language) = (lobby.read(), language.get());
        let tab = |(at, tab): (usize, &TabView)| {
            let (is_active, unread) = (at == lobby.active, tab.unread);
            view! {
                <button
                    type="button"
                    role="tab"
                    id=format!("lobby-tab-{at}")
                    aria-controls="lobby-conversation"
                    aria-selected=if is_active { "true" } else { "false" }
                    tabindex=if is_active { "0" } else { "-1" }
                    data-testid="lobby-tab"
                    on:click=click(move |_| {
                        board.lobby_command(LobbyCommand::Select(at));
                        focus(composer);
                    })
                >
                    <span class="lobby-tab-name">{tab.name.clone()}</span>
                    <span class="badge" hidden=unread == 0>{text::lobby::unread(language, unread)}</span>
                </button>
            }
        };
        lobby.tabs.iter().enumerate().map(tab).collect_view()
    };
    let leave = move || {
        let lobby = lobby.read();
        text::lobby::close(language.get(), lobby.tabs.get(lobby.active).map_or("", |tab| &tab.name))
    };
    view! {
        <div class="lobby-bar needs-scripts">
            <div class="lobby-tabs" role="tablist" aria-label=say(text::lobby::conversations) on:keydown=key(step)>
                {tabs}
            </div>
            <button
                type="button"
                class="lobby-close"
                data-testid="lobby-close"
                hidden=flag(move || lobby.read().active == 0)
                aria-label=live(leave)
                on:click=click(move |_| {
                    board.lobby_command(LobbyCommand::Close(lobby.read_untracked().active));
                    focus(composer);
                })
            >
                "×"
            </button>
        </div>
    }
}

/// The lines. The list lies upside down in its box, so that its end stays in sight
/// without a script's help. A line that changes is made anew: it has no state of its own.
#[component]
fn Lines(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let (lobby, language) = (board.lobby, use_language());
    // The server does not know the visitor's time zone: until the program runs, times are UTC.
    let is_local = RwSignal::new(false);
    Effect::new(move |_| is_local.set(true));
    let lines = move || {
        let look = (language.get(), is_local.get());
        lobby.read().lines.iter().map(|line| (line.clone(), look)).collect::<Vec<_>>()
    };
    view! {
        <div class="lobby-log" role="log" tabindex="0" aria-label=say(text::lobby::messages) data-testid="lobby-log">
            <p class="lobby-silence" hidden=flag(move || !lobby.read().lines.is_empty())>{say(text::lobby::silence)}</p>
            <ol>
                <For
                    each=lines
                    key=|(line, (language, is_local))| {
                        format!("{} {} {} {} {is_local}", line.key, line.progress.name(), line.time, language.tag())
                    }
                    children=move |(line, (language, is_local))| item(&line, language, is_local)
                />
            </ol>
        </div>
    }
}

/// One line.
fn item(line: &Line, language: Language, is_local: bool) -> impl IntoView + use<> {
    let is_message = matches!(line.said, Said::Message(_) | Said::Notice(_));
    let nick = if text::lobby::names_somebody(&line.said) { line.from.clone() } else { String::new() };
    view! {
        <li data-kind=line.said.name() data-progress=line.progress.name()>
            <time datetime=line.time.clone()>{clock(&line.time, is_local)}</time>
            <div class="lobby-words">
                <b class="nick" data-tint=tint(&line.from)>{nick}</b>
                {if is_message { ": " } else { " " }}
                <span>{text::lobby::said(language, line)}</span>
                <small class="lobby-progress">{text::lobby::progress(language, &line.progress)}</small>
            </div>
        </li>
    }
}

/// Who is in the conversation.
#[component]
fn Members(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let (lobby, language) = (board.lobby, use_language());
    let members = move || {
        let language = language.get();
        let member = |member: &LobbyMember| {
            let rank = text::lobby::rank(language, &member.prefix);
            let away = if member.away { text::lobby::away(language) } else { "" };
            view! {
                <li>
                    <span aria-hidden="true">{member.prefix.clone()}</span>
                    {member.nick.clone()}
                    <small class="visually-hidden">{format!(" {rank} {away}")}</small>
                </li>
            }
        };
        lobby.read().members.iter().map(member).collect_view()
    };
    let more = move || {
        let hidden = lobby.read().member_count.saturating_sub(MOST_SHOWN);
        if hidden == 0 { String::new() } else { text::lobby::more_members(language.get(), hidden) }
    };
    view! {
        <div class="lobby-members needs-scripts" hidden=flag(move || lobby.read().members.is_empty())>
            <h3 id="lobby-members">{say(text::lobby::members)}</h3>
            <ul aria-labelledby="lobby-members" data-testid="lobby-members">{members}</ul>
            <p>{live(more)}</p>
        </div>
    }
}

/// What stands in the composer's place until the visitor is in.
#[component]
fn Entrance(
    /// What is shown.
    board: Board,
    /// Where the focus goes once they are.
    composer: NodeRef<Input>,
) -> impl IntoView {
    let (lobby, language) = (board.lobby, use_language());
    let proof = move || match lobby.read().access {
        Access::Proving(proof) => text::proof_figures(language.get(), &proof),
        _ => String::new(),
    };
    let asked = StoredValue::new(false);
    Effect::new(move |_| {
        if lobby.read().access == Access::Inside && asked.get_value() {
            asked.set_value(false);
            focus(composer);
        }
    });
    let may_enter = move || matches!(lobby.read().access, Access::Reading | Access::Refused(_) | Access::NoWorker);
    view! {
        <div class="lobby-entrance needs-scripts" hidden=flag(move || lobby.read().access == Access::Inside)>
            <p role="status" data-testid="lobby-access">{live(move || text::lobby::access(language.get(), &lobby.read().access))}</p>
            <div class="lobby-proof" hidden=flag(move || !matches!(lobby.read().access, Access::Proving(_)))>
                <p class="proof-figures" data-testid="proof-figures">{live(proof)}</p>
                <button
                    type="button"
                    data-testid="lobby-cancel"
                    on:click=click(move |_| board.lobby_command(LobbyCommand::CancelProof))
                >
                    {say(text::cancel)}
                </button>
            </div>
            <button
                type="button"
                class="primary"
                data-testid="lobby-enter"
                hidden=flag(move || !may_enter())
                on:click=click(move |_| {
                    asked.set_value(true);
                    board.lobby_command(LobbyCommand::Enter);
                })
            >
                {say(text::lobby::enter)}
            </button>
        </div>
    }
}

/// Where the visitor writes. The arrow keys bring back what was written before.
#[component]
fn Composer(
    /// What is shown.
    board: Board,
    /// The field.
    composer: NodeRef<Input>,
) -> impl IntoView {
    let (lobby, language) = (board.lobby, use_language());
    let label = move || {
        let lobby = lobby.read();
        text::lobby::composer(language.get(), lobby.tabs.get(lobby.active).map_or("", |tab| &tab.name))
    };
    let cost = move || {
        let lobby = lobby.read();
        text::message_proof(language.get(), lobby.bits, lobby.mint_rate)
    };
    let stale = move || if lobby.read().is_current { "" } else { text::lobby::stale(language.get()) };
    let drafts = StoredValue::new(Drafts::default());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if let Some(field) = composer.get_untracked() {
            let text = field.value();
            if !text.trim().is_empty() {
                drafts.update_value(|drafts| drafts.sent(&text));
                board.lobby_command(LobbyCommand::Say(text));
                field.set_value("");
            }
            focus(composer);
        }
    };
    let recall = move |event: KeyboardEvent| {
        let Some(field) = composer.get_untracked() else { return };
        let text = field.value();
        let recalled = match event.key().as_str() {
            "ArrowUp" => drafts.try_update_value(|drafts| drafts.older(&text)).flatten(),
            "ArrowDown" => drafts.try_update_value(|drafts| drafts.newer(&text)).flatten(),
            _ => return,
        };
        if let Some(text) = recalled {
            event.prevent_default();
            field.set_value(&text);
        }
    };
    view! {
        <form class="lobby-composer needs-scripts" hidden=flag(move || lobby.read().access != Access::Inside) on:submit=submit>
            <label for="lobby-message" class="visually-hidden">
                {live(label)}
            </label>
            <input
                id="lobby-message"
                node_ref=composer
                type="text"
                maxlength=LONGEST_MESSAGE
                autocomplete="off"
                enterkeyhint="send"
                placeholder=live(label)
                aria-describedby="lobby-cost"
                data-testid="lobby-composer"
                on:keydown=key(recall)
            />
            <button type="submit" class="primary">{say(text::lobby::send)}</button>
            <p class="hint" id="lobby-cost">
                <span data-testid="lobby-nick">{live(move || text::lobby::you_are(language.get(), &lobby.read().nick))}</span>
                <span data-testid="lobby-cost">{live(cost)}</span>
                <span role="status" data-testid="lobby-stale">{live(stale)}</span>
            </p>
        </form>
    }
}

fn focus(field: NodeRef<Input>) {
    #[cfg(feature = "hydrate")]
    crate::browser::lobby::focus_soon(field);
    #[cfg(not(feature = "hydrate"))]
    let _ = field;
}

/// The time of day of an RFC 3339 time: the visitor's, or UTC.
fn clock(time: &str, is_local: bool) -> String {
    #[cfg(feature = "hydrate")]
    if is_local {
        return crate::browser::lobby::local_clock(time);
    }
    let _ = is_local;
    time.get(11..16).unwrap_or_default().to_owned()
}

/// The tint of a nick, always the same for the same one.
fn tint(nick: &str) -> String {
    let sum = nick.bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.to_ascii_lowercase().into()));
    (sum % TINTS).to_string()
}
