//! What visitors see. Components render the [`Scene`] and send [`Command`]s;
//! they decide nothing and hold no state of the race.
//!
//! The page is rendered on the server from [`PageState`], which travels with it,
//! and rendered again from the same value in the browser, so that the two agree to
//! the letter. After that the race client's scenes take over.
//!
//! Views keep their types: a view erased with `into_any` brings the code of every
//! way to render it into the browser, a third of the program. The framework's
//! router erases all its pages, so there is none. What changes in a view goes
//! through [`live`], which keeps the number of those types small.

pub mod figures;
pub mod frame;
pub mod language;
pub mod live;
pub mod lobby;
pub mod log;
pub mod prizes;
pub mod race;
pub mod scale;
pub mod story;
pub mod text;

use crate::{
    scene::{
        Command, Log, Scene, Wish,
        lobby::{LobbyCommand, LobbyScene},
    },
    wire::{PageState, View},
};
use frame::{Banner, Footer, Header};
use futures::channel::mpsc::{UnboundedSender, unbounded};
use language::provide_language;
use leptos::{either::Either, prelude::*};
use live::{live, say};

/// What the components share.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    /// What is shown.
    pub scene: RwSignal<Scene>,
    /// The log panel.
    pub log: RwSignal<Log>,
    /// The lobby.
    pub lobby: RwSignal<LobbyScene>,
    /// What is in front.
    pub view: RwSignal<View>,
    /// Where wishes go.
    wishes: StoredValue<UnboundedSender<Wish>>,
}

impl Board {
    /// A board for a page rendered from `page`. In the browser the race client
    /// begins to work behind it.
    fn new(page: PageState) -> Self {
        let (wishes, _received) = unbounded();
        let board = Self {
            scene: RwSignal::new(Scene::rendered(&page)),
            log: RwSignal::new(Log::default()),
            lobby: RwSignal::new(LobbyScene::rendered(&page)),
            view: RwSignal::new(page.view),
            wishes: StoredValue::new(wishes),
        };
        #[cfg(feature = "hydrate")]
        crate::browser::launch(page, board, _received);
        board
    }

    /// Passes on what the visitor asks for.
    fn command(self, command: Command) {
        self.wish(Wish::Race(command));
    }

    /// The same in the lobby.
    pub(crate) fn lobby_command(self, command: LobbyCommand) {
        self.wish(Wish::Lobby(command));
    }

    fn wish(self, wish: Wish) {
        self.wishes.with_value(|wishes| drop(wishes.unbounded_send(wish)));
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
        <story::Lead/>
        <lobby::Lead/>
        <div class="columns">
            <div class="column races">
                <prizes::Prizes board/>
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
