//! One WebSocket connection, from its first message to its close.

use super::{
    HIGHEST_RATE, Live, Place,
    chat::Chat,
    shares::{Complaint, Verdict},
    text,
};
use crate::{gate::limits::Bucket, identity::session::Session};
use app::{
    ApiError, ErrorCode,
    wire::{ClientMessage, LARGEST_FRAME, ServerMessage, Share},
};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures::{SinkExt, StreamExt, stream::SplitSink};
use puzzle::RoundNumber;
use serde::Deserialize;
use serde_json::Value;
use std::{borrow::Cow, net::IpAddr, time::Duration};
use tokio::{sync::watch, time::Instant};

/// A reader that takes nothing for this long is closed.
const STALL_LIMIT: Duration = Duration::from_secs(10);

/// Between two pings at protocol level, which keep proxies from closing the
/// connection and find dead peers.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// A peer that says nothing at all for this long, not even a pong, is gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// Messages per second that a client may send in the long run, and at once.
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

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// The peer has gone or does not read.
    Gone,
    /// We close it, with a code and a reason.
    Close(u16, &'static str),
}

/// Serves a connection until it ends.
pub async fn serve(live: Live, socket: WebSocket, greeting: Greeting, chat: Chat) {
    match greeting {
        Greeting::Welcome(session, address) => {
            let place = live.join(session, address);
            Conversation::new(live, socket, place, chat).run().await;
        }
        Greeting::Rejected(error) => reject(socket, error).await,
    }
}

/// Rejections come after the upgrade: one before it would reach a page as a mute 1006.
async fn reject(mut socket: WebSocket, ApiError { code, detail, retry_after, .. }: ApiError) {
    let farewell = async {
        socket.send(Message::Text(text(&ServerMessage::Rejected { code, detail, retry_after }))).await?;
        socket.send(close(close_code::POLICY, "not admitted")).await
    };
    let _ = tokio::time::timeout(STALL_LIMIT, farewell).await;
}

fn close(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }))
}

struct Conversation {
    live: Live,
    place: Place,
    socket: WebSocket,
    /// The newest round that the client knows of.
    told: RoundNumber,
    allowance: Bucket,
    chat: Chat,
}

impl Conversation {
    fn new(live: Live, socket: WebSocket, place: Place, chat: Chat) -> Self {
        let allowance = Bucket::full(BURST, live.shared.clock.now());
        Self { place, live, socket, told: RoundNumber(0), allowance, chat }
    }

    async fn run(self) {
        let Self { live, place, socket, mut told, mut allowance, mut chat } = self;
        let mut resets = live.shared.resets.subscribe();
        let mut figures = live.shared.figures.subscribe();
        let mut stopping = live.shared.stopping.subscribe();
        let (sink, mut stream) = socket.split();
        let mut sink = Outbox { sink };
        let mut ping = tokio::time::interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        let mut last_heard = Instant::now();
        let mut verdict = None;

        let conversation = async {
            let round = live.shared.race.view();
            told = round.round;
            let proof_interval = live.shared.proof_interval.get().as_secs_f64();
            sink.say(&ServerMessage::Puzzle { round, figures: live.figures(), proof_interval }).await?;
            loop {
                tokio::select! {
                    // Resets before everything else; chatter last.
                    biased;
                    () = stopped(&mut stopping) => {
                        return Err(End::Close(close_code::RESTART, "the server restarts"));
                    }
                    Ok(()) = resets.changed() => {
                        let reset = resets.borrow_and_update().clone();
                        // The snapshot may have been ahead of the broadcast.
                        if told < reset.announcement.round {
                            told = reset.announcement.round;
                            sink.send(Message::Text(reset.message)).await?;
                        }
                    }
                    Ok(()) = figures.changed() => {
                        let message = figures.borrow_and_update().clone();
                        sink.send(Message::Text(message)).await?;
                    }
                    _ = ping.tick() => {
                        if last_heard + SILENCE_LIMIT < Instant::now() {
                            return Err(End::Gone);
                        }
                        sink.send(Message::Ping(Default::default())).await?;
                    }
                    complaint = settled(&mut verdict) => {
                        verdict = None;
                        if let Some((code, detail)) = complaint {
                            sink.say(&error(code, detail)).await?;
                        }
                    }
                    message = stream.next() => {
                        last_heard = Instant::now();
                        let answer = match message {
                            Some(Ok(message)) => hear(&place, &mut allowance, &mut verdict, message)?,
                            // What is larger than the library's own limit ends here.
                            Some(Err(_)) => return Err(End::Close(close_code::SIZE, "a frame is too large or broken")),
                            None => return Err(End::Gone),
                        };
                        if let Some(Reply { message, is_last }) = answer {
                            sink.send(Message::Text(message)).await?;
                            if is_last {
                                return Err(End::Close(close_code::POLICY, "too many messages"));
                            }
                        }
                    }
                    message = chat.next() => sink.send(Message::Text(message)).await?,
                }
            }
        };
        let outcome: Result<(), End> = conversation.await;
        drop(place);
        if let Err(End::Close(code, reason)) = outcome {
            let _ = sink.send(close(code, reason)).await;
            // Read until the peer's own close: dropping the socket with unread
            // bytes would reset it, and our close frame could be lost.
            let rest = async { while let Some(Ok(_)) = stream.next().await {} };
            let _ = tokio::time::timeout(Duration::from_secs(2), rest).await;
        }
    }
}

/// Done once the server stops.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// What is to be told of the share that is being computed, once that is done;
/// never done while there is none.
async fn settled(verdict: &mut Option<Verdict>) -> Option<Complaint> {
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

    async fn say(&mut self, message: &ServerMessage) -> Result<(), End> {
        self.send(Message::Text(text(message))).await
    }
}

/// What is answered at once.
struct Reply {
    message: Utf8Bytes,
    /// True if the connection is closed after it.
    is_last: bool,
}

impl From<ServerMessage> for Reply {
    fn from(message: ServerMessage) -> Self {
        let is_last = matches!(message, ServerMessage::Error { code: ErrorCode::TooManyRequests, .. });
        Self { message: text(&message), is_last }
    }
}

/// Takes one message in and says what is to be answered, if anything.
fn hear(
    place: &Place,
    allowance: &mut Bucket,
    verdict: &mut Option<Verdict>,
    message: Message,
) -> Result<Option<Reply>, End> {
    let content = match message {
        Message::Text(content) => content,
        Message::Binary(_) => {
            return Ok(Some(error(ErrorCode::UnknownMessage, "Messages are JSON text, not binary.").into()));
        }
        Message::Ping(_) | Message::Pong(_) => return Ok(None),
        Message::Close(_) => return Err(End::Gone),
    };
    if LARGEST_FRAME < content.len() {
        return Err(End::Close(close_code::SIZE, "a frame is larger than 4096 bytes"));
    }
    if allowance.take(MESSAGES_PER_SECOND, BURST, place.live.shared.clock.now()).is_err() {
        return Ok(Some(error(ErrorCode::TooManyRequests, "Too many messages: at most 20 a second.").into()));
    }
    let answer = match understand(&content) {
        Ok(ClientMessage::Ping) => Some(ServerMessage::Pong { online: place.live.online() }),
        Ok(ClientMessage::MiningStart) => {
            place.set_mining(true);
            None
        }
        Ok(ClientMessage::MiningStop) => {
            place.set_mining(false);
            None
        }
        Ok(ClientMessage::Hashrate { rate }) => {
            place.report_rate(rate);
            None
        }
        Ok(ClientMessage::Share(share)) => match place.take_share(share) {
            Ok(None) => None,
            Ok(taken) => {
                *verdict = taken;
                None
            }
            Err((code, detail)) => Some(error(code, detail)),
        },
        Err((code, detail)) => Some(error(code, &detail)),
    };
    Ok(answer.map(Reply::from))
}

/// A message of the protocol.
///
/// # Errors
/// The code and the words to refuse it with.
pub fn understand(content: &str) -> Result<ClientMessage, (ErrorCode, Cow<'static, str>)> {
    const UNKNOWN: (ErrorCode, Cow<'static, str>) =
        (ErrorCode::UnknownMessage, Cow::Borrowed("This is no message of the protocol."));
    if content == "ping" {
        return Ok(ClientMessage::Ping);
    }
    let value: Value = serde_json::from_str(content).map_err(|_| UNKNOWN)?;
    match value.get("type").and_then(Value::as_str) {
        Some("ping") => Ok(ClientMessage::Ping),
        Some("mining_start") => Ok(ClientMessage::MiningStart),
        Some("mining_stop") => Ok(ClientMessage::MiningStop),
        Some("hashrate") => value
            .pointer("/payload/rate")
            .and_then(Value::as_f64)
            .filter(|rate| (0.0..=HIGHEST_RATE).contains(rate))
            .map(|rate| ClientMessage::Hashrate { rate })
            .ok_or((ErrorCode::BadHashrate, "A hash rate is a number from 0 to 100000.".into())),
        // The detail names the field and the rule, and repeats nothing of the client's.
        Some("share") => Share::deserialize(&value["payload"])
            .map(ClientMessage::Share)
            .map_err(|error| (ErrorCode::BadShare, error.to_string().into())),
        _ => Err(UNKNOWN),
    }
}

fn error(code: ErrorCode, detail: &str) -> ServerMessage {
    ServerMessage::Error { code, detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(content: &str) -> Option<ErrorCode> {
        understand(content).err().map(|(code, _)| code)
    }

    #[test]
    fn messages_are_understood_or_refused_for_a_reason() {
        for good in [
            "ping",
            r#"{"type":"ping"}"#,
            r#"{"type":"mining_start","extra":1}"#,
            r#"{"type":"mining_stop"}"#,
            r#"{"type":"hashrate","payload":{"rate":0}}"#,
            r#"{"type":"hashrate","payload":{"rate":100000}}"#,
        ] {
            assert_eq!(code(good), None, "{good}");
        }
        let lobby = r##"{"type":"lobby","id":7,"payload":{"command":"JOIN","to":"#a"}}"##;
        for bad in ["", "pong", "{", "[]", "null", r#"{"type":5}"#, r#"{"type":"PING"}"#, r#"{"type":"admin"}"#, lobby]
        {
            assert_eq!(code(bad), Some(ErrorCode::UnknownMessage), "{bad}");
        }
        for bad in [
            r#"{"type":"hashrate"}"#,
            r#"{"type":"hashrate","payload":{"rate":-1}}"#,
            r#"{"type":"hashrate","payload":{"rate":100001}}"#,
            r#"{"type":"hashrate","payload":{"rate":"5"}}"#,
            r#"{"type":"hashrate","payload":{"rate":null}}"#,
            r#"{"type":"hashrate","payload":5}"#,
        ] {
            assert_eq!(code(bad), Some(ErrorCode::BadHashrate), "{bad}");
        }
        let good = r#"{"round":1,"visitorId":"visitor-1","nonce":1,"traceData":"ip=::1\n","hash":"HASH","more":1}"#;
        let good = good.replace("HASH", &"0".repeat(64));
        assert_eq!(code(&format!(r#"{{"type":"share","payload":{good}}}"#)), None);
        for (part, wrong) in [
            (r#""round":1"#, r#""round":-1"#),
            (r#""round":1,"#, ""),
            ("visitor-1", "<script>"),
            (r#""nonce":1"#, r#""nonce":1.5"#),
            (r#""nonce":1"#, r#""nonce":9007199254740992"#),
            ("ip=::1\\n", ""),
            ("0000", "zzzz"),
            (r#"{"round""#, r#"{"rounds""#),
        ] {
            let bad = good.replace(part, wrong);
            assert_ne!(bad, good, "{part}");
            assert_eq!(code(&format!(r#"{{"type":"share","payload":{bad}}}"#)), Some(ErrorCode::BadShare), "{bad}");
        }
        for bad in [r#"{"type":"share"}"#, r#"{"type":"share","payload":[]}"#, r#"{"type":"share","payload":null}"#] {
            assert_eq!(code(bad), Some(ErrorCode::BadShare), "{bad}");
        }
        // A number beyond the range of doubles is no JSON number to us.
        assert!(code(r#"{"type":"hashrate","payload":{"rate":1e999}}"#).is_some());
    }
}
