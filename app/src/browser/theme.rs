//! Light, dark, or as the system says.

use super::storage;

/// The theme that the visitor chose: `light` or `dark`, or `system` if none.
pub fn chosen() -> String {
    storage::read(storage::THEME).filter(|theme| is_choice(theme)).unwrap_or_else(|| "system".to_owned())
}

/// Shows the page in `theme` and remembers that.
pub fn choose(theme: &str) {
    let root = web_sys::window().and_then(|window| window.document()).and_then(|document| document.document_element());
    let Some(root) = root else { return };
    if is_choice(theme) {
        storage::write(storage::THEME, theme);
        drop(root.set_attribute("data-theme", theme));
    } else {
        storage::forget(storage::THEME);
        drop(root.remove_attribute("data-theme"));
    }
}

fn is_choice(theme: &str) -> bool {
    theme == "light" || theme == "dark"
}
