//! The language that the page is shown in.
//!
//! Every text on the page is a function of the language, so a switch changes the
//! words where they stand: nothing is loaded, nothing is rendered anew, and
//! whatever the page is doing goes on.

use crate::language::Language;
use leptos::prelude::{RwSignal, provide_context, use_context};

/// Lends the language to all components below. The server has found out which one
/// the visitor reads; the browser begins with the same.
pub fn provide_language(language: Language) {
    provide_context(RwSignal::new(language));
}

/// The language that the page is shown in.
pub fn use_language() -> RwSignal<Language> {
    use_context().unwrap_or_default()
}
