//! The lobby on a live connection: events out, commands in.
//!
//! A connection hears of the lobby only once its session is in there, so that whoever
//! merely mines costs the lobby nothing. Commands are carried out one after the
//! other in a task of their own, for they may have to wait; neither they nor a
//! burst of talk hold up what the race has to say.

use crate::{
    edge::routes::lobby::code_of,
    identity::session::Session,
    lobby::{
        Lobby, LobbyError, Seat,
        envelope::{Envelope, Line},
    },
};
use axum::extract::ws::Utf8Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// How many commands of a connection may wait.
const MOST_WAITING: usize = 16;

/// The lobby as one connection sees it.
#[derive(Debug, Default)]
pub struct Chat(Option<Inside>);

#[derive(Debug)]
struct Inside {
    lobby: Lobby,
    session: Session,
    seat: Option<Seat>,
    /// Events that were taken from the seat and not yet sent.
    pending: VecDeque<Utf8Bytes>,
    worker: Option<Worker>,
}

/// Carries out commands; ends with the connection.
#[derive(Debug)]
struct Worker {
    commands: mpsc::Sender<Command>,
    answers: mpsc::Receiver<Utf8Bytes>,
}

/// `{"type":"lobby","id":7,"payload":{…}}`; the id, if any, comes back in the answer.
#[derive(Debug, Deserialize)]
pub(super) struct Command {
    id: Option<u64>,
    payload: Envelope,
}

impl Chat {
    /// The lobby for a session that came by its cookie.
    pub(crate) fn new(lobby: Option<Lobby>, session: Option<Session>) -> Self {
        let (Some(lobby), Some(session)) = (lobby, session) else { return Self(None) };
        let seat = lobby.sit_if_inside(&session);
        Self(Some(Inside { lobby, session, seat, pending: VecDeque::new(), worker: None }))
    }

    /// The next message for the client; never done where there is no lobby. May be
    /// dropped and called again without losing any.
    pub(super) async fn next(&mut self) -> Utf8Bytes {
        let Some(inside) = &mut self.0 else { return std::future::pending().await };
        loop {
            if let Some(message) = inside.pending.pop_front() {
                return message;
            }
            let lines = tokio::select! {
                biased;
                Some(answer) = answer(&mut inside.worker) => return answer,
                lines = heard(&mut inside.seat) => lines,
            };
            let message = |line: Arc<Line>| {
                format!("{{\"type\":\"LOBBY\",\"id\":{},\"event\":{}}}", line.seq, line.json()).into()
            };
            inside.pending.extend(lines.into_iter().map(message));
        }
    }

    /// Takes a command in; an answer at once only if there is no room for it.
    pub(super) fn take(&mut self, command: Command) -> Option<Utf8Bytes> {
        let id = command.id;
        let Some(inside) = &mut self.0 else { return Some(refusal(id, LobbyError::Ended)) };
        let Inside { lobby, session, seat, worker, .. } = inside;
        if seat.is_none() {
            match lobby.sit(session) {
                Ok(taken) => *seat = Some(taken),
                Err(error) => return Some(refusal(id, error)),
            }
        }
        let worker = worker.get_or_insert_with(|| Worker::start(lobby.clone(), session.clone()));
        let retry_after = Duration::from_secs(1);
        worker.commands.try_send(command).err().map(|_| refusal(id, LobbyError::TooFast { retry_after }))
    }
}

impl Worker {
    fn start(lobby: Lobby, session: Session) -> Self {
        let (commands, mut waiting) = mpsc::channel::<Command>(MOST_WAITING);
        let (told, answers) = mpsc::channel(MOST_WAITING);
        tokio::spawn(async move {
            while let Some(Command { id, payload, .. }) = waiting.recv().await {
                let answer = match lobby.command(&session, &payload).await {
                    Ok(answer) => message(id, &answer.to_json()),
                    Err(error) => refusal(id, error),
                };
                if told.send(answer).await.is_err() {
                    return;
                }
            }
        });
        Self { commands, answers }
    }
}

async fn answer(worker: &mut Option<Worker>) -> Option<Utf8Bytes> {
    match worker {
        Some(worker) => worker.answers.recv().await,
        None => std::future::pending().await,
    }
}

async fn heard(seat: &mut Option<Seat>) -> Vec<Arc<Line>> {
    match seat {
        Some(seat) => seat.next().await,
        None => std::future::pending().await,
    }
}

/// A command of the lobby, if `content` is one; `Some(Err)` if it is a broken one.
pub(super) fn understand(content: &str) -> Option<Result<Command, String>> {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    let Kind { kind } = serde_json::from_str(content).ok()?;
    if kind != "lobby" {
        return None;
    }
    Some(serde_json::from_str::<Command>(content).map_err(|error| error.to_string()))
}

fn message(id: Option<u64>, answer: &str) -> Utf8Bytes {
    let id = id.map_or_else(|| "null".to_owned(), |id| id.to_string());
    format!("{{\"type\":\"LOBBY_ANSWER\",\"id\":{id},\"answer\":{answer}}}").into()
}

fn refusal(id: Option<u64>, error: LobbyError) -> Utf8Bytes {
    let answer: Value = json!({"status": "error", "code": code_of(error), "detail": error.to_string()});
    message(id, &answer.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_commands_of_the_lobby_are_understood() {
        let command = understand(r##"{"type":"lobby","id":7,"payload":{"command":"JOIN","to":"#a"}}"##);
        let command = command.unwrap().unwrap();
        assert_eq!((command.id, command.payload.arguments()), (Some(7), vec!["#a"]));
        for broken in [r#"{"type":"lobby"}"#, r#"{"type":"lobby","payload":5}"#, r#"{"type":"lobby","payload":{}}"#] {
            assert!(understand(broken).unwrap().is_err(), "{broken}");
        }
        for other in ["ping", "{", r#"{"type":"ping"}"#, r#"{"type":"LOBBY","payload":{"command":"X"}}"#] {
            assert!(understand(other).is_none(), "{other}");
        }
    }
}
