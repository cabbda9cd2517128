//! The page's program: takes over the page that the server rendered.

use app::page::App;
use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the script in the page's head once the program is loaded.
#[wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_body(App);
    // From now on the buttons do something; end-to-end tests wait for this.
    if let Some(root) = leptos::prelude::document().document_element() {
        drop(root.set_attribute("data-hydrated", "true"));
    }
}
