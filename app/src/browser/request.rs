//! Requests to our own server. Every one has a deadline, and every answer that is
//! not the server's own JSON (a proxy's error page, say) counts as no answer.

use crate::{
    error::{ApiError, ErrorCode},
    read::Read,
};
use futures::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use serde_json::Value;
use std::{future::Future, pin::pin};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, RequestCredentials, RequestInit, Response};

/// The status of an answer that says only that nothing has changed.
const NOT_MODIFIED: u16 = 304;

/// Status and text of an answer, or `unreachable`.
pub type Answer = Result<(u16, String), ApiError>;

/// Waits for `answer`, but not for ever.
async fn in_time<T>(answer: impl Future<Output = Result<T, ApiError>>, seconds: u32) -> Result<T, ApiError> {
    match select(pin!(answer), TimeoutFuture::new(seconds * 1000)).await {
        Either::Left((result, _)) => result,
        Either::Right(((), _)) => Err(unreachable(format!("The server did not answer within {seconds} s."))),
    }
}

async fn fetch(path: &str, init: &RequestInit) -> Answer {
    respond(path, init).await.map(|(response, text)| (response.status(), text))
}

async fn respond(path: &str, init: &RequestInit) -> Result<(Response, String), ApiError> {
    let answered = async {
        let window = web_sys::window()?;
        let response = JsFuture::from(window.fetch_with_str_and_init(path, init)).await.ok()?;
        let response: Response = response.dyn_into().ok()?;
        let text = JsFuture::from(response.text().ok()?).await.ok()?;
        Some((response, text.as_string()?))
    };
    answered.await.ok_or_else(|| unreachable("The server could not be reached.".to_owned()))
}

/// Asks, or sends JSON, perhaps with a session stamp; for status and text.
///
/// # Errors
/// `unreachable`.
pub async fn text(path: &str, body: Option<&str>, stamp: Option<&str>, seconds: u32) -> Answer {
    let init = RequestInit::new();
    if let (Some(body), Ok(headers)) = (body, Headers::new()) {
        init.set_method("POST");
        init.set_body(&JsValue::from_str(body));
        drop(headers.set("content-type", "application/json"));
        if let Some(stamp) = stamp {
            drop(headers.set("x-hashcash", stamp));
        }
        init.set_headers(&headers);
    }
    in_time(fetch(path, &init), seconds).await
}

/// Asks, without saying who, for what anybody may read, if it has another entity tag
/// than `known`; returns the tag and the content, or nothing if it has not changed.
///
/// # Errors
/// The server's error, or `unreachable`.
pub async fn if_changed<T: Read>(path: &str, known: &str, seconds: u32) -> Result<Option<(String, T)>, ApiError> {
    let init = RequestInit::new();
    init.set_credentials(RequestCredentials::Omit);
    if let (false, Ok(headers)) = (known.is_empty(), Headers::new()) {
        drop(headers.set("if-none-match", known));
        init.set_headers(&headers);
    }
    let (response, text) = in_time(respond(path, &init), seconds).await?;
    if response.status() == NOT_MODIFIED {
        return Ok(None);
    }
    let tag = response.headers().get("etag").ok().flatten().unwrap_or_default();
    parse(Ok((response.status(), text))).map(|content| Some((tag, content)))
}

/// Reads the JSON of an answer.
///
/// # Errors
/// The server's error, or `unreachable`.
pub fn parse<T: Read>(answer: Answer) -> Result<T, ApiError> {
    let (status, text) = answer?;
    let value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let understood =
        if (200..300).contains(&status) { T::read(&value).map(Ok) } else { ApiError::read(&value).map(Err) };
    understood.unwrap_or_else(|| Err(unreachable(format!("The answer could not be read (status {status})."))))
}

fn unreachable(detail: String) -> ApiError {
    ApiError::new(ErrorCode::Unreachable, detail)
}
