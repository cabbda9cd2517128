//! Minting with the browser's own SHA-256 (W3C Web Cryptography API), for pages
//! without a worker. Every hash is a call with a promise: a hundred times slower
//! than the worker, but the hashing happens beside the page, which stays responsive.
//!
//! Browsers offer it to pages that came by HTTPS, or from the machine itself.

use crate::mining::page_time;
use js_sys::{Array, ArrayBuffer, Promise, Uint8Array};
use puzzle::stamp::Prefix;
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

/// How many hashes are asked for at once.
const HASHES_AT_ONCE: u64 = 1024;

/// How many bytes of a hash are read: no stamp needs more than 40 zero bits.
const BYTES_READ: u32 = 8;

/// Tries counters for about as long as said, from the first one of `salt` on, a
/// random number. Returns how many were tried, and the stamp if one was found;
/// nothing if the browser does not hash.
pub(super) async fn mint(prefix: &Prefix, salt: u64, time: Duration) -> Option<(u64, Option<String>)> {
    let until = page_time() + time;
    let mut tries = 0;
    loop {
        let stamps: Vec<String> =
            (tries..tries + HASHES_AT_ONCE).map(|n| format!("{}{salt:x}-{n:x}", prefix.as_str())).collect();
        let found = first_good(&stamps, prefix.bits().get()).await?;
        tries += HASHES_AT_ONCE;
        if let Some(at) = found {
            return Some((tries, stamps.into_iter().nth(at)));
        }
        if until <= page_time() {
            return Some((tries, None));
        }
    }
}

/// Where the first stamp is that begins with so many zero bits, if any does.
async fn first_good(stamps: &[String], bits: u8) -> Option<Option<usize>> {
    let subtle = web_sys::window()?.crypto().ok()?.subtle();
    let hashes = Array::new();
    for stamp in stamps {
        hashes.push(&subtle.digest_with_str_and_u8_array("SHA-256", stamp.as_bytes()).ok()?.into());
    }
    let hashes: Array = JsFuture::from(Promise::all(&hashes)).await.ok()?.dyn_into().ok()?;
    let is_good = |hash: wasm_bindgen::JsValue| {
        let hash: ArrayBuffer = hash.unchecked_into();
        let mut first = [0; BYTES_READ as usize];
        Uint8Array::new_with_byte_offset_and_length(&hash, 0, BYTES_READ).copy_to(&mut first);
        u32::from(bits) <= u64::from_be_bytes(first).leading_zeros()
    };
    Some(hashes.iter().position(is_good))
}
