//! Who gives codes out, and where winners came from.

use crate::read::read_fields;
use serde::{Deserialize, Serialize};

/// What the operator says of the site: plain text, each a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// What an invite leads to.
    pub prize: Option<String>,
    /// How its operator is reached.
    pub contact: Option<String>,
    /// Where it says who it is; https.
    pub imprint_url: Option<String>,
    /// Where it says what it does with data; https.
    pub privacy_url: Option<String>,
}

impl Default for Site {
    fn default() -> Self {
        Self { name: "HashPass".to_owned(), prize: None, contact: None, imprint_url: None, privacy_url: None }
    }
}

/// Where the visitor came from and is sent back to with a code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WayBack {
    /// The other site's host, for people.
    pub host: String,
    /// What is to be taken, as the address said it; none if it is taken already.
    pub offer: Option<ReturnRequest>,
}

/// The body of `POST /api/return`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReturnRequest {
    /// Where winners are sent back to.
    pub return_to: String,
    /// What the other site wants back: it means nothing here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Says that the state is the other site's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_sig: Option<String>,
}

/// The answer of `POST /api/return`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnTaken {
    /// The other site's host.
    pub host: String,
    /// True if the state is signed: then a win tells of it.
    pub signed: bool,
}

read_fields! {
    Site { name, prize, contact, imprint_url, privacy_url }
    WayBack { host, offer }
    ReturnRequest { return_to, state, state_sig }
}
