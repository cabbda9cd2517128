//! How messages travel between page and worker.

use gloo_worker::Codec;
use js_sys::Uint8Array;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsValue, throw_str};

/// Messages as bytes of [`postcard`](https://docs.rs/postcard).
///
/// The default of `gloo-worker` can say of every message what is wrong with it, numbers
/// with a fraction included; writing those takes a tenth of the worker's program. Here
/// both ends come from one build, and no message is ever malformed.
#[derive(Debug)]
pub struct Postcard;

impl Codec for Postcard {
    fn encode<I: Serialize>(input: I) -> JsValue {
        match ::postcard::to_allocvec(&input) {
            Ok(bytes) => Uint8Array::from(bytes.as_slice()).into(),
            Err(_) => throw_str("a message cannot be written"),
        }
    }

    fn decode<O: for<'de> Deserialize<'de>>(input: JsValue) -> O {
        match ::postcard::from_bytes(&Uint8Array::from(input).to_vec()) {
            Ok(message) => message,
            Err(_) => throw_str("a message cannot be read"),
        }
    }
}
