//! What surrounds every page: header, banner, footer.

use super::{
    language::use_language,
    language_choice::LanguageChoice,
    live::{click, current, flag, live, say},
    text,
};
#[cfg(feature = "hydrate")]
use crate::scene::Command;
use crate::{
    board::Board,
    wire::{Site, View},
};
use leptos::{ev::MouseEvent, html::Select, prelude::*};

/// The name of the site, the live connection, the choices of language and theme.
#[component]
pub fn Header() -> impl IntoView {
    view! {
        <header class="header">
            <a class="brand" href="/">
                <Mark/>
                <span class="brand-name" data-testid="site-name">{site().name}</span>
            </a>
            {use_context::<Board>().map(|board| view! { <Views board/> <ConnectionState board/> })}
            <LanguageChoice/>
            <ThemeChoice/>
        </header>
    }
}

/// Who gives codes out, wherever the page knows it.
fn site() -> Site {
    use_context::<Board>().map(|board| board.site.get_value()).unwrap_or_default()
}

/// The site's mark: a bar with a hash that has cleared it.
#[component]
fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
            <rect class="mark-ground" width="32" height="32" rx="8"></rect>
            <path class="mark-bar" d="M6 20h20"></path>
            <circle class="mark-hash" cx="19" cy="11.5" r="4"></circle>
        </svg>
    }
}

/// The race and the lobby. They are links, so that they work without the page's
/// program; with it nothing is loaded, and whatever the page is doing goes on.
#[component]
fn Views(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let language = use_language();
    let shown = move |view: View| current("page", move || board.view.get() == view);
    let choose = move |event: MouseEvent, view: View| {
        if event.ctrl_key() || event.meta_key() || event.shift_key() || event.button() != 0 {
            return;
        }
        event.prevent_default();
        board.view.set(view);
        #[cfg(feature = "hydrate")]
        crate::browser::view::visit(view);
    };
    #[cfg(feature = "hydrate")]
    crate::browser::view::follow(board);
    view! {
        <nav class="views" aria-label=say(text::lobby::pages) data-testid="views">
            <a href=View::Race.path() aria-current=shown(View::Race) on:click=click(move |event| choose(event, View::Race))>
                {say(text::lobby::race)}
            </a>
            <a href=View::Lobby.path() aria-current=shown(View::Lobby) on:click=click(move |event| choose(event, View::Lobby))>
                {say(text::lobby::lobby)}
                <span class="badge" data-testid="unread" hidden=flag(move || board.lobby.read().unread == 0)>
                    {live(move || text::lobby::unread(language.get(), board.lobby.read().unread))}
                </span>
            </a>
        </nav>
    }
}

/// Whether the page gets live news.
#[component]
fn ConnectionState(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    let language = use_language();
    let connection = move || board.scene.read().connection;
    view! {
        <p class="connection needs-scripts" data-testid="connection" data-state=live(move || connection().name())>
            {live(move || text::connection(language.get(), connection()))}
        </p>
    }
}

/// System, light or dark.
#[component]
fn ThemeChoice() -> impl IntoView {
    let select = NodeRef::<Select>::new();
    #[cfg(feature = "hydrate")]
    let board = use_context::<Board>();
    // The server cannot know what this browser remembers.
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        if let Some(select) = select.get() {
            select.set_value(&crate::browser::theme::chosen());
        }
    });
    let choose = move |_| {
        #[cfg(feature = "hydrate")]
        if let Some(select) = select.get_untracked() {
            crate::browser::theme::choose(&select.value());
            if let Some(board) = board {
                board.command(Command::RedrawCheck);
            }
        }
    };
    view! {
        <label class="theme needs-scripts">
            <span class="visually-hidden">{say(text::theme)}</span>
            <select node_ref=select on:change=choose autocomplete="off" data-testid="theme">
                <option value="system">{say(text::theme_of_the_system)}</option>
                <option value="light">{say(text::light_theme)}</option>
                <option value="dark">{say(text::dark_theme)}</option>
            </select>
        </label>
    }
}

/// What everybody must know before anything else.
#[component]
pub fn Banner() -> impl IntoView {
    let test_mode = use_context::<Board>().is_some_and(|board| board.scene.read_untracked().test_mode);
    view! {
        <aside aria-label=say(text::notices)>
            <noscript class="notice">{say(text::needs_scripts)}</noscript>
            <p class="notice trouble-no-web-assembly">{say(text::needs_web_assembly)}</p>
            <p class="notice trouble-slow">{say(text::loads_slowly)}</p>
            {test_mode.then(|| view! { <p class="notice" data-testid="test-banner">{say(text::test_banner)}</p> })}
        </aside>
    }
}

/// What the page sends, and where to read more.
#[component]
pub fn Footer() -> impl IntoView {
    // Where nobody is checked, Cloudflare is told nothing.
    let test_mode = use_context::<Board>().is_none_or(|board| {
        let scene = board.scene.read_untracked();
        scene.test_mode || !scene.asks_for_humans
    });
    let language = use_language();
    let Site { contact, imprint_url, privacy_url, .. } = site();
    view! {
        <footer class="footer">
            <p>{live(move || text::privacy(language.get(), test_mode))}</p>
            {contact.map(|contact| {
                view! { <p data-testid="contact">{live(move || text::contact(language.get(), &contact))}</p> }
            })}
            <p class="links">
                <a href="/docs" data-testid="manual">{say(text::manual)}</a>
                {imprint_url.map(|url| view! { <a href=url data-testid="imprint">{say(text::imprint)}</a> })}
                {privacy_url.map(|url| view! { <a href=url data-testid="privacy">{say(text::privacy_policy)}</a> })}
            </p>
        </footer>
    }
}
