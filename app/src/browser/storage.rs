//! What the browser remembers for the next visit. All of it is optional: where
//! storage is switched off, the page asks or guesses anew.

/// There, once this browser had a session.
pub const HAD_SESSION: &str = "hashpass.session";

/// The number of workers that the visitor chose or the memory allowed.
pub const WORKERS: &str = "hashpass.workers";

/// The visitor id that stands in for the fingerprint.
pub const VISITOR: &str = "hashpass.visitor";

/// `light` or `dark`; the script in the page's head reads it too.
pub const THEME: &str = "hashpass.theme";

/// What was remembered under `key`.
pub fn read(key: &str) -> Option<String> {
    storage()?.get_item(key).ok()?
}

/// Remembers `value`.
pub fn write(key: &str, value: &str) {
    if let Some(storage) = storage() {
        drop(storage.set_item(key, value));
    }
}

/// Forgets what was remembered under `key`.
pub fn forget(key: &str) {
    if let Some(storage) = storage() {
        drop(storage.remove_item(key));
    }
}

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok()?
}
