//! What stands between the page's components and the clients that work behind them:
//! signals that say what is to be shown, and a queue for what the visitor asks for.

use crate::{
    scene::{
        Command, Log, Scene, Wish,
        lobby::{LobbyCommand, LobbyScene},
    },
    wire::{PageState, Site, View, WayBack},
};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use leptos::prelude::{RwSignal, StoredValue, WithValue};

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
    /// Who gives codes out.
    pub site: StoredValue<Site>,
    /// Where the visitor came from, if that is to be gone back to.
    pub way_back: StoredValue<Option<WayBack>>,
    /// Where wishes go.
    wishes: StoredValue<UnboundedSender<Wish>>,
}

impl Board {
    /// A board for a page rendered from `page`, and what will be asked for on it.
    pub(crate) fn new(page: &PageState) -> (Self, UnboundedReceiver<Wish>) {
        let (wishes, received) = unbounded();
        let board = Self {
            scene: RwSignal::new(Scene::rendered(page)),
            log: RwSignal::new(Log::default()),
            lobby: RwSignal::new(LobbyScene::rendered(page)),
            view: RwSignal::new(page.view),
            site: StoredValue::new(page.site.clone()),
            way_back: StoredValue::new(page.way_back.clone()),
            wishes: StoredValue::new(wishes),
        };
        (board, received)
    }

    /// Passes on what the visitor asks for.
    pub(crate) fn command(self, command: Command) {
        self.wish(Wish::Race(command));
    }

    /// The same in the lobby.
    pub(crate) fn lobby_command(self, command: LobbyCommand) {
        self.wish(Wish::Lobby(command));
    }

    fn wish(self, wish: Wish) {
        // On the server nobody listens, and in the browser somebody always does.
        self.wishes.with_value(|wishes| drop(wishes.unbounded_send(wish)));
    }
}
