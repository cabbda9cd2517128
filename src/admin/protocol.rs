//! What is asked and answered over the control socket: a JSON object a line each way.
//!
//! ```json
//! {"command":"set","values":{"SUPPLY":"200"},"why":"twice as many have come"}
//! {"answer":"status","drop":{"state":"open", …}, …}
//! {"answer":"refused","detail":"only an open drop can be paused"}
//! ```

use app::wire::DropNews;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The longest line that is asked, in bytes.
pub const LONGEST_REQUEST: usize = 64 * 1024;

/// The longest reason that an operator may give, in bytes.
pub const LONGEST_REASON: usize = 500;

/// What an operator wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What is to be done.
    #[serde(flatten)]
    pub command: Command,
    /// Why, in the operator's words; kept in the ledger with what was changed.
    #[serde(default)]
    pub why: String,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Tell how things stand.
    Status,
    /// Pause the drop.
    Pause,
    /// Let a paused drop go on.
    Resume,
    /// Open the drop, whatever its schedule says.
    Open,
    /// End the drop.
    Close,
    /// Change rules of the drop.
    Set {
        /// By the names of their variables, with or without `HASHPASS_`.
        values: BTreeMap<String, String>,
    },
    /// Look a code up.
    CheckCode {
        /// As somebody has typed it.
        code: String,
    },
    /// List what the webhook is to be told.
    ListDeliveries {
        /// Only those with larger numbers.
        #[serde(default)]
        after: u64,
        /// Also those that the receiver has taken.
        #[serde(default)]
        all: bool,
    },
    /// Deliver something as if it were new.
    Resend {
        /// The delivery's number.
        id: u64,
    },
    /// Deliver something that is no code, to see whether the receiver takes it.
    TestDelivery,
    /// List the codes that were won.
    ListCodes {
        /// Only those of later rounds.
        #[serde(default)]
        after: u64,
    },
    /// Make a key for another server.
    CreateKey {
        /// What it is called.
        name: String,
        /// What it is good for.
        scopes: Vec<String>,
    },
    /// List the keys of other servers.
    ListKeys,
    /// Make a key good for nothing.
    RevokeKey {
        /// What it is called.
        name: String,
    },
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// How things stand, after what was done.
    Status(Box<Status>),
    /// What is known of a code.
    Code(CodeReport),
    /// Deliveries, in order.
    Deliveries {
        /// At most a thousand.
        deliveries: Vec<DeliveryReport>,
        /// True if there are more behind the last one.
        more: bool,
    },
    /// One delivery, after what was done.
    Delivery(DeliveryReport),
    /// Codes, in the order of their rounds.
    Codes {
        /// At most a thousand.
        codes: Vec<CodeReport>,
        /// True if there are more behind the last one.
        more: bool,
    },
    /// A key that was made.
    NewKey {
        /// What it is called.
        name: String,
        /// The key itself, which is told this once.
        key: String,
    },
    /// The keys of other servers, in the order of their names.
    Keys {
        /// Revoked ones, too.
        keys: Vec<KeyReport>,
    },
    /// Nothing was done.
    Refused {
        /// Why, in words.
        detail: String,
    },
}

/// How things stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The drop, as everybody is told it.
    pub drop: DropNews,
    /// Codes that were given out.
    pub given: u64,
    /// The newest round.
    pub round: u64,
    /// True while wins can be written down.
    pub storage_works: bool,
    /// Deliveries that wait.
    pub deliveries_waiting: u64,
    /// Deliveries that nobody tries any more.
    pub deliveries_parked: u64,
}

/// What is known of a code. Who won it is never told. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeReport {
    /// The code itself, where several are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `valid`, `redeemed`, `expired`, `revoked` or `unknown`.
    pub status: String,
    /// In which round it was won.
    pub round: Option<u64>,
    /// When that was.
    pub won_at: Option<String>,
    /// Until when it is valid; for ever if that is nothing.
    pub expires_at: Option<String>,
    /// When it was used.
    pub redeemed_at: Option<String>,
    /// For what, in the words of whoever used it.
    pub redeemed_for: Option<String>,
}

/// A key of another server. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyReport {
    /// What it is called.
    pub name: String,
    /// What it is good for, with spaces between the words.
    pub scopes: String,
    /// When it was made.
    pub created_at: String,
    /// When it was used last, to a minute or so.
    pub last_used_at: Option<String>,
    /// Since when it is good for nothing.
    pub revoked_at: Option<String>,
}

/// What has become of a delivery. What it holds is not told: that is a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryReport {
    /// Its number.
    pub id: u64,
    /// What the receiver knows it by.
    pub webhook_id: String,
    /// `waiting`, `parked` or `delivered`.
    pub state: String,
    /// Of which round it tells, if of one.
    pub round: Option<u64>,
    /// When it was written, RFC 3339 in UTC.
    pub created_at: String,
    /// When it is tried next, if it waits.
    pub next_try_at: Option<String>,
    /// How often it was tried, since it was written or resent.
    pub tries: u32,
    /// What became of the last try, in words.
    pub last_answer: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_what_the_manual_says() {
        let read = |text: &str| serde_json::from_str::<Request>(text).ok();
        let set = Command::Set { values: [("SUPPLY".to_owned(), "200".to_owned())].into() };
        let request = read(r#"{"command":"set","values":{"SUPPLY":"200"},"why":"more have come"}"#);
        assert_eq!(request, Some(Request { command: set, why: "more have come".to_owned() }));
        assert_eq!(read(r#"{"command":"status"}"#), Some(Request { command: Command::Status, why: String::new() }));
        let list = Command::ListDeliveries { after: 0, all: false };
        assert_eq!(read(r#"{"command":"list_deliveries"}"#).map(|request| request.command), Some(list));
        for bad in ["", "{}", "[]", r#"{"command":"shutdown"}"#, r#"{"command":"set","values":{"SUPPLY":200}}"#] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let text = serde_json::to_string(&Request { command: Command::Resend { id: 3 }, why: String::new() });
        assert_eq!(text.unwrap(), r#"{"command":"resend","id":3,"why":""}"#);
    }
}
