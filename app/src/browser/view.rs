//! What the browser has to know of the view in front: its address, and whether the
//! visitor sees the lobby.

use crate::{board::Board, scene::lobby::LobbyCommand, wire::View};
use leptos::prelude::{Effect, Get, GetUntracked, Set};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::Window;

/// From this width on the lobby has room beside the race, in CSS pixels.
const SIDE_BY_SIDE_WIDTH: f64 = 896.0;

/// Puts a view's address into the address bar.
pub fn visit(view: View) {
    let Some(window) = web_sys::window() else { return };
    if let Ok(history) = window.history() {
        drop(history.push_state_with_url(&JsValue::NULL, "", Some(view.path())));
    }
    window.scroll_to_with_x_and_y(0.0, 0.0);
}

/// Keeps the view in step with the browser's own buttons, and the lobby with what
/// the visitor sees.
pub fn follow(board: Board) {
    let Some(window) = web_sys::window() else { return };
    let went = Closure::<dyn Fn()>::new(move || {
        let path = web_sys::window().and_then(|window| window.location().pathname().ok());
        board.view.set(if path.as_deref() == Some(View::Lobby.path()) { View::Lobby } else { View::Race });
    });
    window.set_onpopstate(Some(went.as_ref().unchecked_ref()));
    let looked = Closure::<dyn Fn()>::new(move || look(board, board.view.get_untracked()));
    if let Some(document) = window.document() {
        document.set_onvisibilitychange(Some(looked.as_ref().unchecked_ref()));
    }
    // They listen for as long as the page is open.
    went.forget();
    looked.forget();
    Effect::new(move |_| look(board, board.view.get()));
}

fn look(board: Board, view: View) {
    let seen = |window: Window| {
        let wide =
            window.inner_width().ok().and_then(|width| width.as_f64()).is_some_and(|width| SIDE_BY_SIDE_WIDTH <= width);
        let hidden = window.document().is_some_and(|document| document.hidden());
        !hidden && (view == View::Lobby || wide)
    };
    board.lobby_command(LobbyCommand::InSight(web_sys::window().is_some_and(seen)));
}
