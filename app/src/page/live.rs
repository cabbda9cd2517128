//! What changes on the page, in few types.
//!
//! The framework makes code of its own for every type of closure in a view: to take
//! the text over from the server, to keep it up to date, to let go of it. Closures
//! that pass through here all are of one type for each kind of value, so that the
//! browser's program has that code once and not a hundred times.

use super::{language::use_language, text::Text};
use leptos::{
    ev::{KeyboardEvent, MouseEvent},
    prelude::Get,
};

/// A text, or an attribute's value, that follows what it is computed from.
pub type Live = Box<dyn FnMut() -> String + Send>;

/// An attribute that is there or not.
pub type Flag = Box<dyn FnMut() -> bool + Send>;

/// A text that follows what it is computed from.
pub fn live<T: Into<String>>(text: impl Fn() -> T + Send + 'static) -> Live {
    Box::new(move || text().into())
}

/// A text without values in it, always in the language of the page.
pub fn say(text: Text) -> Live {
    let language = use_language();
    live(move || text(language.get()))
}

/// An attribute that is there while `is_there` says so.
pub fn flag(is_there: impl Fn() -> bool + Send + 'static) -> Flag {
    Box::new(is_there)
}

/// `value` for `aria-current`, while `is_current` says so.
pub fn current(
    value: &'static str,
    is_current: impl Fn() -> bool + Send + 'static,
) -> Box<dyn FnMut() -> Option<&'static str> + Send> {
    Box::new(move || is_current().then_some(value))
}

/// What a click does.
pub fn click(then: impl FnMut(MouseEvent) + 'static) -> Box<dyn FnMut(MouseEvent)> {
    Box::new(then)
}

/// What a key does.
pub fn key(then: impl FnMut(KeyboardEvent) + 'static) -> Box<dyn FnMut(KeyboardEvent)> {
    Box::new(then)
}
