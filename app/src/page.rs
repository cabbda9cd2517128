//! What visitors see. Components render the [`Scene`](crate::scene::Scene) and send
//! [`Command`](crate::scene::Command)s through the [`Board`];
//! they decide nothing and hold no state of the race.
//!
//! The page is rendered on the server from [`PageState`], which travels with it,
//! and rendered again from the same value in the browser, so that the two agree to
//! the letter. After that the race client's scenes take over.
//!
//! Views keep their types: a view erased with `into_any` brings the code of every
//! way to render it into the browser, a third of the program. The framework's
//! router erases all its pages, so there is none. What changes in a view goes
//! through [`mod@live`], which keeps the number of those types small.

pub mod drop;
pub mod figures;
pub mod frame;
pub mod language;
pub mod language_choice;
pub mod live;
pub mod lobby;
pub mod log;
pub mod prizes;
pub mod race;
pub mod scale;
pub mod story;
pub mod text;

use crate::{board::Board, wire::PageState};
use frame::{Banner, Footer, Header};
use language::provide_language;
use leptos::{either::Either, prelude::*};
use live::{live, say};

/// The state that the server rendered the page from; the browser gets it with
/// the page and never calls this.
fn page_state() -> Option<PageState> {
    #[cfg(feature = "ssr")]
    return crate::host::current().ok().map(|host| host.page());
    #[cfg(not(feature = "ssr"))]
    None
}

/// The whole page.
#[component]
pub fn App() -> impl IntoView {
    let page = SharedValue::new(page_state).into_inner();
    provide_language(page.as_ref().map_or_else(Default::default, |page| page.language));
    if let Some(page) = page {
        let (board, _wishes) = Board::new(&page);
        provide_context(board);
        // In the browser the clients of race and lobby begin to work behind it.
        #[cfg(feature = "hydrate")]
        crate::browser::launch(page, board, _wishes);
    }
    view! {
        <a class="skip" href="#content">
            {say(text::skip_to_content)}
        </a>
        <Header/>
        <Banner/>
        <Content/>
        <Footer/>
    }
}

/// The race, and the lobby beside it. Which of them is in front is a matter of style:
/// both stay as they are when the visitor goes from one to the other.
#[component]
fn Content() -> impl IntoView {
    let Some(board) = use_context::<Board>() else {
        return Either::Left(view! { <main id="content"><p class="notice">{say(text::no_state)}</p></main> });
    };
    Either::Right(view! {
        <main id="content" data-view=live(move || board.view.get().name())>
            <RacePage board/>
        </main>
    })
}

/// The race: what it is, the visitor's part in it, and how it stands; and the lobby.
#[component]
fn RacePage(
    /// What is shown.
    board: Board,
) -> impl IntoView {
    view! {
        <story::Lead board/>
        <lobby::Lead/>
        <div class="columns">
            <div class="column races">
                <prizes::Prizes board/>
                <drop::Drop board/>
                <race::YourRace board/>
                <log::LogPanel board/>
            </div>
            <div class="column">
                <figures::TheRound board/>
                <lobby::Lobby board/>
            </div>
        </div>
        <story::Explanation board/>
    }
}
