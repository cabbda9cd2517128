//! One TCP connection from a loopback address of its own, and what is spoken on it,
//! by hand.
//!
//! A crowd of ten thousand shares two cores with the server that it is to measure.
//! So a client here is a socket and a few hundred bytes: no library between it and
//! the bytes, no task beside its own. It understands what our server says and not
//! more: answers with a `Content-Length`, and WebSocket frames that are not split.
//!
//! Every client comes from an address of its own in 127.0.0.0/8, as visitors do; no
//! limit of the server has to be raised for a crowd that looks like one.

use crate::{BenchError, Result};
use std::{
    io::{self, ErrorKind},
    net::{Ipv4Addr, SocketAddr},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// How much is taken from a socket at once, in bytes.
const PART: usize = 4096;

/// The largest number that [`address`] takes.
pub const MOST_ADDRESSES: u32 = 250 * 250 * 250 - 1;

/// The loopback address of the client `number`; no two have the same.
pub fn address(number: u32) -> Ipv4Addr {
    let part = |power: u32| (number / 250_u32.pow(power) % 250 + 1) as u8;
    Ipv4Addr::new(127, part(2), part(1), part(0))
}

/// A connection.
#[derive(Debug)]
pub struct Wire {
    host: SocketAddr,
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer; what it borrows is gone with the next request.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// The status.
    pub status: u16,
    head: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Reply<'a> {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        header(self.head, name)
    }

    /// The answer, if it has this status.
    ///
    /// # Errors
    /// [`BenchError::Answer`].
    pub fn expect(self, status: u16) -> Result<Self> {
        if self.status == status {
            return Ok(self);
        }
        Err(BenchError::Answer(format!("{} {}", self.status, String::from_utf8_lossy(self.body))))
    }
}

impl Wire {
    /// Connects to `host` from `source`.
    ///
    /// # Errors
    /// The system's.
    pub async fn open(host: SocketAddr, source: Ipv4Addr) -> Result<Self> {
        Self::open_with(host, source, None).await
    }

    /// The same with a receive buffer of so many bytes, as far as the system allows
    /// that.
    ///
    /// # Errors
    /// The system's.
    pub async fn open_with(host: SocketAddr, source: Ipv4Addr, receive_buffer: Option<u32>) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((source, 0).into())?;
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        let stream = socket.connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Self { host, stream, received: Vec::new() })
    }

    /// The bytes of a request without a body. `headers` are whole lines.
    pub fn get(&self, path: &str, headers: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", self.host)
    }

    /// The bytes of a request that posts JSON. `headers` are whole lines.
    pub fn post(&self, path: &str, headers: &str, json: &str) -> String {
        let (host, length) = (self.host, json.len());
        format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             {headers}\r\n{json}"
        )
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// The system's, or [`BenchError::Answer`] if it is not understood.
    pub async fn exchange(&mut self, request: &str) -> Result<Reply<'_>> {
        self.received.clear();
        self.stream.write_all(request.as_bytes()).await?;
        let (head, length) = loop {
            if let Some(head) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                let text = std::str::from_utf8(&self.received[..head]).map_err(|_| unclear("no text"))?;
                let length = header(text, "content-length").and_then(|length| length.parse().ok());
                let length = match status(text)? {
                    101 | 204 => 0,
                    _ => length.ok_or_else(|| unclear("no length"))?,
                };
                if head + 4 + length <= self.received.len() {
                    break (head, length);
                }
            }
            self.received.reserve(PART);
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
            }
        };
        let text = std::str::from_utf8(&self.received[..head]).map_err(|_| unclear("no text"))?;
        Ok(Reply { status: status(text)?, head: text, body: &self.received[head + 4..head + 4 + length] })
    }

    /// Passes the human check of a server in test mode; the session's cookie as a
    /// line of a head.
    ///
    /// # Errors
    /// [`BenchError`].
    pub async fn session(&mut self) -> Result<String> {
        let request = self.post("/api/session", "", r#"{"turnstileToken":"bench"}"#);
        let reply = self.exchange(&request).await?.expect(200)?;
        let cookie = reply.header("set-cookie").and_then(|line| line.split(';').next());
        Ok(format!("cookie: {}\r\n", cookie.ok_or_else(|| unclear("no cookie"))?))
    }

    /// Becomes a live connection of the session that `cookie` names.
    ///
    /// # Errors
    /// [`BenchError`].
    pub async fn into_live(mut self, cookie: &str) -> Result<Live> {
        let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let request = self.get("/api/ws", &format!("{upgrade}origin: http://{}\r\n{cookie}", self.host));
        let head = {
            let reply = self.exchange(&request).await?.expect(101)?;
            reply.head.len() + 4
        };
        // The first message may have come with the answer.
        let rest = self.received.split_off(head);
        Ok(Live { stream: self.stream, rest })
    }
}

fn unclear(why: &str) -> BenchError {
    BenchError::Answer(format!("it is not understood: {why}"))
}

fn status(head: &str) -> Result<u16> {
    head.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(|| unclear("no status"))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n").skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// A live connection.
#[derive(Debug)]
pub struct Live {
    stream: TcpStream,
    /// The beginning of a frame whose end has not come.
    rest: Vec<u8>,
}

impl Live {
    /// Hears everything that is said until the server closes, and answers pings.
    /// `hear` gets the texts.
    ///
    /// # Errors
    /// The system's.
    pub async fn listen(&mut self, mut hear: impl FnMut(&[u8])) -> io::Result<()> {
        // The first message may be there already.
        let early = std::mem::take(&mut self.rest);
        if !self.take(&early, &mut hear)? {
            return Ok(());
        }
        loop {
            self.stream.readable().await?;
            if !self.take_in(&mut hear)? {
                return Ok(());
            }
        }
    }

    /// Says a text, if the socket takes it at once.
    ///
    /// # Errors
    /// The system's, and `InvalidInput` above 65,535 bytes.
    pub fn say(&self, text: &str) -> io::Result<()> {
        self.send(FrameKind::Text, text.as_bytes())
    }

    /// Sends a frame as soon as the socket takes it.
    ///
    /// # Errors
    /// The system's, and `InvalidInput` above 65,535 bytes.
    pub async fn send_in_time(&self, kind: FrameKind, payload: &[u8]) -> io::Result<()> {
        loop {
            match self.send(kind, payload) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.stream.writable().await?,
                sent => return sent,
            }
        }
    }

    /// Done as soon as the server may have said something.
    ///
    /// # Errors
    /// The system's.
    pub async fn readable(&self) -> io::Result<()> {
        self.stream.readable().await
    }

    /// Takes in what is there; false once the server has closed.
    ///
    /// # Errors
    /// The system's.
    pub fn take_in(&mut self, hear: &mut impl FnMut(&[u8])) -> io::Result<bool> {
        let mut part = [0; PART];
        match self.stream.try_read(&mut part) {
            Ok(0) => Ok(false),
            Ok(length) if self.rest.is_empty() => self.take(&part[..length], hear),
            Ok(length) => {
                let mut whole = std::mem::take(&mut self.rest);
                whole.extend_from_slice(&part[..length]);
                self.take(&whole, hear)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn take(&mut self, mut bytes: &[u8], hear: &mut impl FnMut(&[u8])) -> io::Result<bool> {
        while let Some((kind, payload, length)) = frame(bytes) {
            match kind {
                1 => hear(payload),
                8 => return Ok(false),
                9 => self.send(FrameKind::Pong, payload)?,
                _ => {}
            }
            bytes = &bytes[length..];
        }
        self.rest = bytes.to_vec();
        Ok(true)
    }

    /// Sends a frame whose mask is zero, which changes nothing.
    fn send(&self, kind: FrameKind, payload: &[u8]) -> io::Result<()> {
        let length = u16::try_from(payload.len()).map_err(|_| ErrorKind::InvalidInput)?;
        let mut bytes = vec![0x80 | kind as u8];
        match u8::try_from(length) {
            Ok(short @ ..126) => bytes.push(0x80 | short),
            _ => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(payload);
        self.stream.try_write(&bytes).map(drop)
    }
}

/// What a frame is, by its number in RFC 6455.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// A message of text.
    Text = 1,
    /// A message of bytes.
    Binary = 2,
    /// Asks whether the other end lives.
    Ping = 9,
    /// Says that it does.
    Pong = 10,
}

/// The first frame in `bytes`, if all of it is there: its kind, its payload, and how
/// long it is altogether.
fn frame(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (kind, short) = (bytes.first()? & 0x0f, bytes.get(1)? & 0x7f);
    let (start, length): (usize, usize) = match short {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, usize::from(short)),
    };
    let end = start.checked_add(length)?;
    Some((kind, bytes.get(start..end)?, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_has_an_address_of_its_own() {
        assert_eq!(address(0), Ipv4Addr::new(127, 1, 1, 1));
        assert_eq!(address(249), Ipv4Addr::new(127, 1, 1, 250));
        assert_eq!(address(250), Ipv4Addr::new(127, 1, 2, 1));
        assert_eq!(address(MOST_ADDRESSES), Ipv4Addr::new(127, 250, 250, 250));
        let different: std::collections::HashSet<_> = (0..100_000).map(address).collect();
        assert_eq!(different.len(), 100_000);
    }

    #[test]
    fn frames_are_read_whole_or_not_at_all() {
        assert_eq!(frame(&[0x81, 2, b'h', b'i', 0x89]), Some((1, &b"hi"[..], 4)));
        assert_eq!(frame(&[0x89, 0]), Some((9, &b""[..], 2)));
        let long = [&[0x81, 126, 0x01, 0x00][..], &[b'x'; 256]].concat();
        assert_eq!(frame(&long).map(|(kind, payload, length)| (kind, payload.len(), length)), Some((1, 256, 260)));
        for end in 0..long.len() {
            assert_eq!(frame(&long[..end]), None, "{end}");
        }
        assert_eq!(frame(&[0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255]), None);
    }

    #[tokio::test]
    async fn frames_are_sent_masked_with_their_length() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let live = Live { stream, rest: Vec::new() };
        live.send_in_time(FrameKind::Ping, b"").await.unwrap();
        live.send_in_time(FrameKind::Text, &[b'x'; 125]).await.unwrap();
        live.send_in_time(FrameKind::Binary, &[b'x'; 126]).await.unwrap();
        let mut sent = vec![0; 6 + 6 + 125 + 8 + 126];
        server.read_exact(&mut sent).await.unwrap();
        assert_eq!(sent[..6], [0x89, 0x80, 0, 0, 0, 0]);
        assert_eq!(sent[6..13], [0x81, 0x80 | 125, 0, 0, 0, 0, b'x']);
        assert_eq!(sent[137..146], [0x82, 0x80 | 126, 0, 126, 0, 0, 0, 0, b'x']);
        assert!(live.send_in_time(FrameKind::Text, &[0; 65_536]).await.is_err());
    }

    #[tokio::test]
    async fn an_answer_is_read_to_its_end_and_what_follows_an_upgrade_is_kept() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, peer) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let answers: [&[&[u8]]; 3] = [
                &[b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Len", b"gth: 5\r\n\r\nhe", b"llo"],
                &[b"HTTP/1.1 402 Payment Required\r\ncontent-length: 0\r\n\r\n"],
                &[b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05first\x81", b"\x04next\x88\x00"],
            ];
            for parts in answers {
                let _ = stream.read(&mut request).await.unwrap();
                for part in parts {
                    stream.write_all(part).await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
            peer
        });
        let mut wire = Wire::open(host, address(7)).await.unwrap();
        let request = wire.get("/", "");
        let reply = wire.exchange(&request).await.unwrap().expect(200).unwrap();
        assert_eq!((reply.header("set-cookie"), reply.body), (Some("a=b; Path=/"), &b"hello"[..]));
        assert!(wire.exchange(&request).await.unwrap().expect(200).is_err());
        let mut live = wire.into_live("").await.unwrap();
        let mut heard = Vec::new();
        live.listen(|text| heard.push(text.to_vec())).await.unwrap();
        assert_eq!(heard, [b"first".to_vec(), b"next".to_vec()]);
        assert_eq!(server.await.unwrap().ip(), address(7));
    }
}
