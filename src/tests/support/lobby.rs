//! A client of the lobby, written from its protocol alone, except for minting.

use super::{Client, TestServer};
use puzzle::stamp::{Bits, Minter, Timestamp, channel, session};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bits of session stamps in tests: 256 tries.
pub const BITS: u8 = 8;

pub fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

fn mint(prefix: &puzzle::stamp::Prefix) -> String {
    let mut minter = Minter::new(prefix, rand::random());
    loop {
        if let Some(stamp) = minter.advance(4096) {
            return stamp;
        }
    }
}

/// A session stamp for the server's usual name.
pub fn session_stamp(bits: u8) -> String {
    mint(&session::prefix(Bits::new(bits).unwrap(), "hashpass", now()))
}

/// A stamp for a message.
pub fn channel_stamp(bits: u8, channel: &str, body: &[&str]) -> String {
    let body: Vec<String> = body.iter().map(|line| (*line).to_owned()).collect();
    mint(&channel::prefix(Bits::new(bits).unwrap(), channel, &body, now()))
}

/// Somebody in the lobby.
pub struct Person {
    pub http: reqwest::Client,
    pub base: String,
    pub cookie: String,
    pub nick: String,
}

/// The `name=value` of the session cookie that an answer sets.
pub fn cookie_of(response: &reqwest::Response) -> String {
    let line = response.headers()["set-cookie"].to_str().unwrap();
    line.split(';').next().unwrap().to_owned()
}

impl TestServer {
    /// A server whose lobby asks for cheap stamps.
    pub async fn with_lobby(settings: &[(&str, &str)]) -> Self {
        let bits = BITS.to_string();
        let usual = [("NEOIRC_HASHCASH_BITS", &*bits)];
        Self::start(&[&usual[..], settings].concat()).await
    }

    /// Asks for a session with a good stamp.
    pub async fn ask_for_session(&self, body: &Value) -> reqwest::Response {
        self.client().ask_for_lobby_session(body, &session_stamp(BITS)).await
    }

    /// Somebody who has just come in.
    pub async fn person(&self, nick: &str) -> Person {
        let response = self.ask_for_session(&json!({"nick": nick})).await;
        assert_eq!(response.status(), 201);
        self.person_with_cookie(cookie_of(&response), nick)
    }

    pub fn person_with_cookie(&self, cookie: String, nick: &str) -> Person {
        self.client().as_person(cookie, nick)
    }
}

impl Client {
    /// Asks for a session of the lobby with this stamp.
    pub async fn ask_for_lobby_session(&self, body: &Value, stamp: &str) -> reqwest::Response {
        let request = self.http.post(self.url("/api/v1/session")).json(body);
        request.header("x-hashcash", stamp).send().await.unwrap()
    }

    /// Whoever has this cookie.
    pub fn as_person(&self, cookie: String, nick: &str) -> Person {
        Person { base: self.url(""), http: self.http.clone(), cookie, nick: nick.to_owned() }
    }
}

impl Person {
    pub fn get_request(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.base)).header("cookie", &self.cookie)
    }

    pub fn post_request(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.base)).header("cookie", &self.cookie).json(body)
    }

    pub async fn get(&self, path: &str) -> Value {
        let response = self.get_request(path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    /// Sends an envelope; the answer.
    pub async fn say(&self, envelope: Value) -> Value {
        let response = self.post_request("/api/v1/messages", &envelope).send().await.unwrap();
        assert_eq!(response.status(), 200, "{envelope}");
        response.json().await.unwrap()
    }

    /// Sends an envelope that must succeed.
    pub async fn ok(&self, envelope: Value) -> Value {
        let answer = self.say(envelope.clone()).await;
        assert_eq!(answer["status"], "ok", "{envelope} -> {answer}");
        answer
    }

    /// Sends an envelope that must be refused with this numeric, which must come
    /// into the queue as well.
    pub async fn refused(&self, envelope: Value, numeric: &str) -> Value {
        let answer = self.say(envelope.clone()).await;
        assert_eq!(
            (&answer["status"], &answer["numeric"]),
            (&json!("error"), &json!(numeric)),
            "{envelope} -> {answer}"
        );
        let queued = self.heard().await;
        assert!(queued.iter().any(|event| event["command"] == numeric), "{numeric} is not in the queue");
        answer
    }

    pub async fn join(&self, channel: &str) {
        self.ok(json!({"command": "JOIN", "to": channel})).await;
    }

    /// Everything in the queue.
    pub async fn heard(&self) -> Vec<Value> {
        let mut after = 0;
        let mut all = Vec::new();
        loop {
            let batch = self.get(&format!("/api/v1/messages?after={after}")).await;
            let messages = batch["messages"].as_array().unwrap().clone();
            if messages.is_empty() {
                return all;
            }
            all.extend(messages);
            after = batch["last_id"].as_u64().unwrap();
        }
    }

    /// The bodies of all messages of a kind that were heard.
    pub async fn bodies(&self, command: &str) -> Vec<Value> {
        self.heard()
            .await
            .into_iter()
            .filter(|event| event["command"] == command)
            .map(|event| event["body"].clone())
            .collect()
    }
}
