//! The visitor id: a fingerprint of the device by ThumbmarkJS.
//!
//! The library (`@thumbmarkjs/thumbmarkjs` 1.11.0 from npm, its file
//! `dist/thumbmark.umd.js` unchanged) comes from our own server, pinned by version
//! and by hash, and is loaded only when it is asked for. Left alone, it would now and then report to
//! its makers; it is told not to, and the page's policy forbids it besides.

use super::storage;
use futures::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Function, Object, Promise, Reflect};
use puzzle::VisitorId;
use std::pin::pin;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::HtmlScriptElement;

/// Where the library is. The version is part of the name, because another version
/// gives other ids: it must not change without our doing.
const LIBRARY: &str = "/vendor/thumbmark-1.11.0.umd.js";

/// The hash of the library; the browser runs nothing else in its place.
const INTEGRITY: &str = "sha384-qTrrIJzX1/KBBEgnUuMpbfH8Ig7WbIBKEJCroJvBffh31onF4xV4LfxH1bw78WYa";

/// What the library leaves out: properties that change from one visit to the
/// next on the same device (voices that load late, a mouse that is plugged in,
/// permissions) or that need a connection to be set up.
const LEFT_OUT: [&str; 5] = ["permissions", "screen.mediaMatches", "speech", "webrtc", "hardware.jsHeapSizeLimit"];

/// After so long the device gets a random id instead.
const LONGEST_SECONDS: u32 = 10;

/// This device's visitor id, and true if it is a random one because the
/// fingerprint failed. A random id is kept for the next visit.
pub async fn visitor_id() -> (VisitorId, bool) {
    let fingerprint = match select(pin!(fingerprint()), TimeoutFuture::new(LONGEST_SECONDS * 1000)).await {
        Either::Left((fingerprint, _)) => fingerprint,
        Either::Right(_) => None,
    };
    match fingerprint {
        Some(visitor) => (visitor, false),
        None => (random_visitor_id(), true),
    }
}

async fn fingerprint() -> Option<VisitorId> {
    load_library().await?;
    let library = Reflect::get(&js_sys::global(), &"ThumbmarkJS".into()).ok()?;
    let get_thumbmark: Function = Reflect::get(&library, &"getThumbmark".into()).ok()?.dyn_into().ok()?;

    let options = Object::new();
    let left_out: Array = LEFT_OUT.into_iter().map(JsValue::from_str).collect();
    Reflect::set(&options, &"logging".into(), &JsValue::FALSE).ok()?;
    Reflect::set(&options, &"exclude".into(), &left_out).ok()?;
    Reflect::set(&options, &"timeout".into(), &JsValue::from_f64(3000.0)).ok()?;

    let answer: Promise = get_thumbmark.call1(&library, &options).ok()?.dyn_into().ok()?;
    let answer = JsFuture::from(answer).await.ok()?;
    let thumbmark = Reflect::get(&answer, &"thumbmark".into()).ok()?.as_string()?;
    thumbmark.parse().ok()
}

/// Loads the library by a script element, which is all that the page's policy
/// asks for.
async fn load_library() -> Option<()> {
    let document = web_sys::window()?.document()?;
    let script: HtmlScriptElement = document.create_element("script").ok()?.dyn_into().ok()?;
    script.set_src(LIBRARY);
    script.set_integrity(INTEGRITY);
    let loaded = Promise::new(&mut |resolve, reject| {
        script.set_onload(Some(&resolve));
        script.set_onerror(Some(&reject));
    });
    document.head()?.append_child(&script).ok()?;
    JsFuture::from(loaded).await.ok().map(drop)
}

/// The id remembered from the last visit, or a new one of 128 random bits.
fn random_visitor_id() -> VisitorId {
    if let Some(visitor) = storage::read(storage::VISITOR).and_then(|visitor| visitor.parse().ok()) {
        return visitor;
    }
    loop {
        let digits: String = (0..4).map(|_| format!("{:08x}", random_word())).collect();
        if let Ok(visitor) = digits.parse() {
            storage::write(storage::VISITOR, &digits);
            return visitor;
        }
    }
}

/// Evenly distributed; it need not be secret.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It is in 0 … 2^32.
fn random_word() -> u32 {
    (js_sys::Math::random() * 4_294_967_296.0) as u32
}
