//! The way back: other sites send their visitors here, and winners go on to them with
//! their code.
//!
//! Where to is said by the other site's link (`/?state=…&return_to=…`) and has to be on
//! the operator's list. It is compared part by part, and only as it is written when it is
//! written in the one way that a browser would write it: so there is no encoding in which
//! an address could be one thing here and another one elsewhere.
//!
//! The state means nothing here. A win tells of it only if the other site has signed it
//! together with the address: else anybody's link could have a stranger's win credited to
//! somebody else. Unsigned, it only travels back through the visitor's own browser.
//!
//! Nothing of this is kept by the server: what the visitor has taken ([`set_cookie`])
//! lies with the browser beside the session's cookie, and is checked anew whenever it is
//! used.

use super::settings::{ReturnUrl, WayBackSettings};
use app::wire::ReturnRequest;
use axum::http::{HeaderMap, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use puzzle::invite_code::InviteCode;
use reqwest::Url;
use sha2::Sha256;
use std::borrow::Cow;

/// The longest address to go back to, in bytes.
const LONGEST_ADDRESS: usize = 1000;

/// The longest state, in bytes.
const LONGEST_STATE: usize = 512;

/// What we add to the address; it must not have them already.
const OUR_PARAMETERS: [&str; 3] = ["code", "state", "iss"];

/// The cookie's name without TLS; behind TLS it is the host's own.
const COOKIE: &str = "hashpass_return";
const HOST_COOKIE: &str = "__Host-hashpass_return";

/// For how long a way back is remembered, in seconds: as long as a session.
const REMEMBERED_FOR: u64 = 30 * 24 * 3600;

/// A way back that is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Return {
    address: Url,
    state: Option<String>,
    signature: Option<String>,
    is_signed: bool,
}

/// Why a way back is not taken; in words for those who wrote the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReturnError {
    /// It is not on the list, or not written as it would have to be.
    #[error("return_to is not one of the addresses that this site sends winners back to")]
    NotListed,
    /// It already says what we would add.
    #[error("return_to must not have the parameters code, state and iss already")]
    HasOurParameters,
    /// The state is too long or no text.
    #[error("state must be at most {LONGEST_STATE} bytes of UTF-8 without control characters")]
    State,
    /// The signature is wrong.
    #[error("state_sig is not the HMAC-SHA256 of state, a line feed and return_to in 64 hexadecimal digits")]
    Signature,
    /// A parameter comes twice, or there is a state that leads nowhere.
    #[error("the link needs return_to once, and state and state_sig at most once")]
    Parameters,
}

impl Return {
    /// Checks what a link or a program asks for.
    ///
    /// # Errors
    /// [`ReturnError`].
    pub(crate) fn new(request: &ReturnRequest, settings: &WayBackSettings) -> Result<Self, ReturnError> {
        let ReturnRequest { return_to, state, state_sig } = request;
        let address = listed(return_to, &settings.urls).ok_or(ReturnError::NotListed)?;
        if address.query_pairs().any(|(name, _)| OUR_PARAMETERS.contains(&&*name)) {
            return Err(ReturnError::HasOurParameters);
        }
        if state.as_ref().is_some_and(|state| LONGEST_STATE < state.len() || state.chars().any(char::is_control)) {
            return Err(ReturnError::State);
        }
        let is_signed = match (state, state_sig, &settings.secret) {
            (Some(state), Some(signature), Some(secret)) => {
                let signed = format!("{state}\n{return_to}");
                // HMAC takes keys of any length.
                let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map(|mac| mac.chain_update(signed));
                let signature = decode_hex(signature).ok_or(ReturnError::Signature)?;
                // Compared in a time that says nothing of where they differ.
                mac.ok().and_then(|mac| mac.verify_slice(&signature).ok()).ok_or(ReturnError::Signature)?;
                true
            }
            _ => false,
        };
        Ok(Self { address, state: state.clone(), signature: state_sig.clone(), is_signed })
    }

    /// The other site's host with its port, for people.
    pub(crate) fn host(&self) -> String {
        let host = self.address.host_str().unwrap_or_default();
        self.address.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The state, if the other site has signed it.
    pub(crate) fn signed_state(&self) -> Option<&str> {
        self.state.as_deref().filter(|_| self.is_signed)
    }

    /// Where a winner goes with a code. `issuer` is this site's own origin.
    pub(crate) fn address_with(&self, code: &InviteCode, issuer: &str) -> String {
        let mut address = self.address.clone();
        let mut pairs = address.query_pairs_mut();
        pairs.append_pair("code", code.as_str());
        if let Some(state) = &self.state {
            pairs.append_pair("state", state);
        }
        pairs.append_pair("iss", issuer);
        drop(pairs);
        address.into()
    }

    /// The same as it was asked for.
    pub(crate) fn request(&self) -> ReturnRequest {
        ReturnRequest {
            return_to: self.address.as_str().to_owned(),
            state: self.state.clone(),
            state_sig: self.signature.clone(),
        }
    }
}

/// What the address of the page asks for, if it speaks of a way back at all.
///
/// # Errors
/// [`ReturnError::Parameters`].
pub(crate) fn asked_for(query: Option<&str>) -> Result<Option<ReturnRequest>, ReturnError> {
    let Some(query) = query else { return Ok(None) };
    let mut found = [const { None::<String> }; 3];
    // Only to have the query taken apart as the standard says.
    let Ok(mut url) = Url::parse("https://localhost/") else { return Ok(None) };
    url.set_query(Some(query));
    for (name, value) in url.query_pairs() {
        let place = match &*name {
            "return_to" => 0,
            "state" => 1,
            "state_sig" => 2,
            _ => continue,
        };
        // What was no UTF-8 could not be given back as it came.
        if found[place].is_some() || value.contains(char::REPLACEMENT_CHARACTER) {
            return Err(ReturnError::Parameters);
        }
        found[place] = Some(Cow::into_owned(value));
    }
    match found {
        [None, None, None] => Ok(None),
        [Some(return_to), state, state_sig] => Ok(Some(ReturnRequest { return_to, state, state_sig })),
        [None, ..] => Err(ReturnError::Parameters),
    }
}

/// The address, if the list has it.
fn listed(text: &str, list: &[ReturnUrl]) -> Option<Url> {
    if LONGEST_ADDRESS < text.len() {
        return None;
    }
    let address: Url = text.parse().ok()?;
    let path = address.path();
    let is_plain = address.as_str() == text
        && address.fragment().is_none()
        && address.username().is_empty()
        && address.password().is_none()
        // Whoever decodes it again must not find another path.
        && !path.contains(['%', '\\', ';'])
        && !path.contains("//");
    (is_plain && list.iter().any(|listed| listed.covers(&address))).then_some(address)
}

/// The `Set-Cookie` line that keeps a way back.
pub(crate) fn set_cookie(way_back: &Return, is_tls: bool) -> String {
    let (name, secure) = if is_tls { (HOST_COOKIE, "; Secure") } else { (COOKIE, "") };
    // Our own type of texts: serialising it cannot fail.
    let value = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&way_back.request()).unwrap_or_default());
    format!("{name}={value}; Path=/; Max-Age={REMEMBERED_FOR}; HttpOnly; SameSite=Strict{secure}")
}

/// The way back that the browser has taken, if it is still allowed.
pub(crate) fn kept(headers: &HeaderMap, is_tls: bool, settings: &WayBackSettings) -> Option<Return> {
    let name = if is_tls { HOST_COOKIE } else { COOKIE };
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let value = pairs.filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"=")).next()?;
    let request = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(value).ok()?).ok()?;
    Return::new(&request, settings).ok()
}

fn decode_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let is_long_enough = text.len() == 64 && text.is_ascii();
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?, 16).ok()?;
    }
    is_long_enough.then_some(bytes)
}

#[cfg(test)]
mod tests;
