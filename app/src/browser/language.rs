//! What the browser has to know of the visitor's choice of language.

use crate::language::Language;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::HtmlDocument;

/// Says on the document's root which language it is in now, and remembers the
/// choice for the next visit.
pub fn choose(language: Language) {
    let Some(window) = web_sys::window() else { return };
    let Some(document) = window.document() else { return };
    if let Some(root) = document.document_element() {
        drop(root.set_attribute("lang", language.tag()));
    }
    let location = window.location();
    let secure = location.protocol().is_ok_and(|protocol| protocol == "https:");
    if let Some(document) = document.dyn_ref::<HtmlDocument>() {
        drop(document.set_cookie(&language.cookie(secure)));
    }
    // An address that asks for a language would ask again after a reload.
    if location.search().is_ok_and(|search| !search.is_empty())
        && let (Ok(history), Ok(path)) = (window.history(), location.pathname())
    {
        drop(history.replace_state_with_url(&JsValue::NULL, "", Some(&path)));
    }
}
