//! One WebSocket connection, from its first message to its close.

mod client_message;

pub use client_message::understand;

use crate::{
    gate::limits::{Bucket, Place},
    identity::session::Session,
    live::{Chat, Event, Live, Presence, message},
    race::{ShareError, ShareVerdict},
};
use app::{
    ApiError, ErrorCode,
    wire::{ClientMessage, LARGEST_FRAME, ServerMessage},
};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures::{SinkExt, StreamExt, stream::SplitSink};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{self, error::ProtocolError};

/// A reader that takes nothing for this long is closed.
const STALL_LIMIT: Duration = Duration::from_secs(10);

/// Between two pings at protocol level, which keep proxies from closing the
/// connection and find dead peers.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// A peer that says nothing at all for this long, not even a pong, is gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// How long the closing of a connection may take.
const FAREWELL_LIMIT: Duration = Duration::from_secs(2);

/// How long a connection is kept for the peer to read why it was closed, where we cannot
/// tell whether it has.
const BROKEN_LINGER: Duration = Duration::from_millis(500);

/// Frames of any kind per second that a client may send in the long run, and at once.
const MESSAGES_PER_SECOND: f64 = 20.0;
const BURST: f64 = 40.0;

/// Whether the connection may stay.
#[derive(Debug)]
pub enum Greeting {
    /// It belongs to a session that passed the check, and comes from this address.
    Welcome(Session, IpAddr),
    /// It is told why not, and closed.
    Rejected(ApiError),
}

/// The places that a connection takes up; given up when dropped.
#[derive(Debug)]
pub struct Held {
    /// Among the live connections.
    pub place: Place,
    /// Among all connections, where it is counted there.
    pub connection: Option<Arc<Place>>,
}

impl Held {
    fn each(&self) -> impl Iterator<Item = &Place> {
        [&self.place].into_iter().chain(self.connection.as_deref())
    }

    /// Done when one of the places is needed for somebody else.
    async fn must_leave(&self) {
        match &self.connection {
            Some(connection) => tokio::select! {
                () = self.place.must_leave() => {}
                () = connection.must_leave() => {}
            },
            None => self.place.must_leave().await,
        }
    }
}

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// The peer has gone or does not read.
    Gone,
    /// The peer closes the connection, and waits for our answer to that.
    Closed,
    /// We close it, with a code and a reason.
    Close(u16, &'static str),
    /// The same, after something that is no frame of the protocol: nothing can be read
    /// any more.
    Broken(u16, &'static str),
}

/// Serves a connection until it ends.
pub async fn serve(live: Live, socket: WebSocket, greeting: Greeting, chat: Chat, held: Held) {
    match greeting {
        Greeting::Welcome(session, address) => {
            converse(live.join(session, address), socket, chat, &held).await;
        }
        Greeting::Rejected(error) => reject(socket, error).await,
    }
}

/// Rejections come after the upgrade: one before it would reach a page as a mute 1006.
async fn reject(mut socket: WebSocket, ApiError { code, detail, retry_after, .. }: ApiError) {
    let rejection = async {
        socket.send(text(&message(&ServerMessage::Rejected { code, detail: detail.into(), retry_after }))).await?;
        socket.send(close(close_code::POLICY, "not admitted")).await
    };
    let _ = tokio::time::timeout(STALL_LIMIT, rejection).await;
}

fn close(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }))
}

fn text(message: &str) -> Message {
    Message::Text(message.into())
}

async fn converse(presence: Presence, socket: WebSocket, mut chat: Chat, held: &Held) {
    // Whoever has shown work stays when the house is full.
    let show_work = || {
        if presence.has_shown_work() {
            held.each().for_each(Place::show_work);
        }
    };
    show_work();
    let mut allowance = Bucket::full(BURST, presence.now());
    let mut verdict = None;
    let (sink, mut stream) = socket.split();
    let mut sink = Outbox { sink };
    let mut ping = tokio::time::interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    let mut last_heard = Instant::now();

    let conversation = async {
        let (snapshot, mut events) = presence.listen();
        sink.say(&snapshot).await?;
        loop {
            tokio::select! {
                // What the race has to say before everything else; chatter last.
                biased;
                event = events.next() => match event {
                    Event::Message(message) => sink.send(text(&message)).await?,
                    Event::Stop => return Err(End::Close(close_code::RESTART, "the server restarts")),
                },
                _ = ping.tick() => {
                    if last_heard + SILENCE_LIMIT < Instant::now() {
                        return Err(End::Gone);
                    }
                    sink.send(Message::Ping(Default::default())).await?;
                }
                () = held.must_leave() => {
                    return Err(End::Close(close_code::AGAIN, "the place is needed: try again"));
                }
                refused = settled(&mut verdict) => {
                    verdict = None;
                    show_work();
                    if let Some(refused) = refused {
                        sink.say(&share_refused(refused)).await?;
                    }
                }
                message = stream.next() => {
                    last_heard = Instant::now();
                    presence.touch();
                    held.each().for_each(Place::end_use);
                    let answer = match message {
                        Some(Ok(message)) => hear(&presence, &mut allowance, &mut verdict, message)?,
                        Some(Err(error)) => return Err(broken(error)),
                        None => return Err(End::Gone),
                    };
                    if let Some(Reply { message, last }) = answer {
                        sink.say(&message).await?;
                        if let Some((code, reason)) = last {
                            return Err(End::Close(code, reason));
                        }
                    }
                }
                message = chat.next() => sink.send(text(&message)).await?,
            }
        }
    };
    let outcome: Result<(), End> = conversation.await;
    drop(presence);
    match outcome {
        Ok(()) | Err(End::Gone) => return,
        Err(End::Close(code, reason)) => {
            let _ = sink.send(close(code, reason)).await;
        }
        Err(End::Broken(code, reason)) => {
            let _ = sink.send(close(code, reason)).await;
            // What is unread resets the connection when it is dropped: not before our
            // frame is there.
            tokio::time::sleep(BROKEN_LINGER).await;
            return;
        }
        // Our answer, with the peer's own code, was made when its frame was read.
        Err(End::Closed) => {}
    }
    // Reading lets our close frame out. And it goes on until the peer has closed too:
    // dropping the socket with unread bytes would reset it, and the frame could be lost.
    let rest = async { while let Some(Ok(_)) = stream.next().await {} };
    let _ = tokio::time::timeout(FAREWELL_LIMIT, rest).await;
}

/// How the connection ends when what came is no frame of the protocol, or too large a one
/// (RFC 6455, 7.4.1).
fn broken(error: axum::Error) -> End {
    let Ok(error) = error.into_inner().downcast::<tungstenite::Error>() else { return End::Gone };
    match *error {
        tungstenite::Error::Capacity(_) => End::Broken(close_code::SIZE, "a frame is too large"),
        tungstenite::Error::Utf8(_) => End::Broken(close_code::INVALID, "a text is not UTF-8"),
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Gone,
        tungstenite::Error::Protocol(_) => End::Broken(close_code::PROTOCOL, "a frame breaks the protocol"),
        _ => End::Gone,
    }
}

/// What is to be told of the share that is being computed, once that is done;
/// never done while there is none.
async fn settled(verdict: &mut Option<ShareVerdict>) -> Option<ShareError> {
    match verdict {
        Some(verdict) => verdict.await.ok().flatten(),
        None => std::future::pending().await,
    }
}

struct Outbox {
    sink: SplitSink<WebSocket, Message>,
}

impl Outbox {
    async fn send(&mut self, message: Message) -> Result<(), End> {
        match tokio::time::timeout(STALL_LIMIT, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }

    async fn say(&mut self, content: &ServerMessage) -> Result<(), End> {
        self.send(text(&message(content))).await
    }
}

/// What is answered at once.
struct Reply {
    message: ServerMessage,
    /// If the connection is closed after it, with which code and why.
    last: Option<(u16, &'static str)>,
}

impl From<ServerMessage> for Reply {
    fn from(message: ServerMessage) -> Self {
        Self { message, last: None }
    }
}

/// Takes one message in and says what is to be answered, if anything.
fn hear(
    presence: &Presence,
    allowance: &mut Bucket,
    verdict: &mut Option<ShareVerdict>,
    message: Message,
) -> Result<Option<Reply>, End> {
    if let Message::Close(_) = message {
        return Err(End::Closed);
    }
    // Every frame counts, whatever it holds.
    if allowance.take(MESSAGES_PER_SECOND, BURST, presence.now()).is_err() {
        return Ok(Some(Reply {
            message: error(ErrorCode::TooManyRequests, "Too many messages: at most 20 a second."),
            last: Some((close_code::POLICY, "too many messages")),
        }));
    }
    let content = match message {
        Message::Text(content) => content,
        Message::Binary(_) => {
            return Ok(Some(Reply {
                message: error(ErrorCode::UnknownMessage, "Messages are JSON text, not binary."),
                last: Some((close_code::UNSUPPORTED, "messages are text")),
            }));
        }
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return Ok(None),
    };
    if LARGEST_FRAME < content.len() {
        return Err(End::Close(close_code::SIZE, "a frame is larger than 4096 bytes"));
    }
    let answer = match understand(&content) {
        Ok(ClientMessage::Ping) => Some(ServerMessage::Pong { online: presence.online() }),
        Ok(ClientMessage::MiningStart) => {
            presence.set_mining(true);
            None
        }
        Ok(ClientMessage::MiningStop) => {
            presence.set_mining(false);
            None
        }
        Ok(ClientMessage::Hashrate { rate }) => {
            presence.report_rate(rate);
            None
        }
        Ok(ClientMessage::Share(share)) => match presence.take_share(&share) {
            Ok(None) => None,
            Ok(taken) => {
                *verdict = taken;
                None
            }
            Err(refused) => Some(share_refused(refused)),
        },
        Err((code, detail)) => Some(error(code, &detail)),
    };
    Ok(answer.map(Reply::from))
}

fn share_refused(refused: ShareError) -> ServerMessage {
    error(ErrorCode::BadShare, &refused.to_string())
}

fn error(code: ErrorCode, detail: &str) -> ServerMessage {
    ServerMessage::Error { code, detail: detail.to_owned() }
}
