//! What visitors see. Components render the [`Scene`] and send [`Command`]s;
//! they decide nothing and hold no state of the race.
//!
//! The page is rendered on the server from [`PageState`], which travels with it,
//! and rendered again from the same value in the browser, so that the two agree to
//! the letter. After that the race client's scenes take over.
//!
//! Views keep their types: a view erased with `into_any` brings the code of every
//! way to render it into the browser, a third of the program. The framework's
//! router erases all its pages, so there is none.

pub mod figures;
pub mod frame;
pub mod language;
pub mod log;
pub mod prizes;
pub mod race;
pub mod scale;
pub mod story;
pub mod text;

use crate::{
    scene::{Command, Log, Scene},
    wire::PageState,
};
use frame::{Banner, Footer, Header};
use futures::channel::mpsc::{UnboundedSender, unbounded};
use language::{provide_language, say};
use leptos::{either::Either, prelude::*};

/// What the components share.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    /// What is shown.
    pub scene: RwSignal<Scene>,
    /// The log panel.
    pub log: RwSignal<Log>,
    /// Where commands go.
    commands: StoredValue<UnboundedSender<Command>>,
}

impl Board {
    /// A board for a page rendered from `page`. In the browser the race client
    /// begins to work behind it.
    fn new(page: PageState) -> Self {
        let (commands, _received) = unbounded();
        let board = Self {
            scene: RwSignal::new(Scene::rendered(&page)),
            log: RwSignal::new(Log::default()),
            commands: StoredValue::new(commands),
        };
        #[cfg(feature = "hydrate")]
        crate::browser::launch(page, board, _received);
        board
    }

    /// Passes on what the visitor asks for.
    fn command(self, command: Command) {
        self.commands.with_value(|commands| drop(commands.unbounded_send(command)));
    }
}

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
        provide_context(Board::new(page));
    }
    view! {
        <a class="skip" href="#content">
            {say(text::skip_to_content)}
        </a>
        <Header/>
        <Banner/>
        <main id="content">
            <RacePage/>
        </main>
        <Footer/>
    }
}

/// The race: what it is, the visitor's part in it, and how it stands.
#[component]
fn RacePage() -> impl IntoView {
    let Some(board) = use_context::<Board>() else {
        return Either::Left(view! { <p class="notice">{say(text::no_state)}</p> });
    };
    Either::Right(view! {
        <story::Lead/>
        <div class="columns">
            <div class="column">
                <prizes::Prizes board/>
                <race::YourRace board/>
            </div>
            <div class="column">
                <figures::TheRound board/>
                <log::LogPanel board/>
            </div>
        </div>
        <story::Explanation board/>
    })
}
