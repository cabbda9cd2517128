//! Attacks below HTTP: bodies without end, heads without end, nobody who reads.

use super::{Crew, Shared};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// Connections that send a huge body at once.
const BODIES: usize = 128;

/// What is sent of it.
const BODY: usize = 64 * 1024;

/// Addresses of this machine that are no trusted proxy, and so count as peers.
const HEADS: [u8; 4] = [127, 0, 0, 2];
const NO_BODIES: [u8; 4] = [127, 0, 0, 3];
const NO_READERS: [u8; 4] = [127, 0, 0, 4];

/// As little as the system allows, so that the server notices soon.
const RECEIVE_BUFFER: u32 = 1_024;

/// How long the server waits for somebody who takes nothing of what it sends.
const UNREAD: Duration = Duration::from_secs(30);

/// Pages that one connection asks for without reading any.
const PAGES: usize = 50;

pub(super) fn huge_bodies(crew: &mut Crew) {
    for _ in 0..BODIES {
        let (shared, turns) = (crew.shared().clone(), crew.turns());
        crew.spawn(async move {
            let head = format!(
                "POST /api/verify HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
                 content-length: 16777216\r\n\r\n",
                shared.server
            );
            loop {
                turns.take(1).await;
                if let Ok(status) = send_body(&shared, &head).await {
                    shared.note(status, b"");
                }
            }
        });
    }
}

/// Sends part of a body and returns the status it is answered with.
async fn send_body(shared: &Shared, head: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect(shared.server).await?;
    stream.write_all(head.as_bytes()).await?;
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(&[b' '; BODY]).await;
    let mut line = [0; 12];
    stream.read_exact(&mut line).await?;
    let status = str::from_utf8(&line[9..]).ok().and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

pub(super) fn half_open(crew: &mut Crew) {
    let head = "GET / HTTP/1.1\r\nhost: a\r\nx-endless: ";
    let no_body = "POST /api/verify HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                   content-length: 100\r\n\r\n";
    hold(crew, &Held { from: HEADS, unread: None, worth: 1 }, |_| head.to_owned());
    hold(crew, &Held { from: NO_BODIES, unread: None, worth: 1 }, |_| no_body.to_owned());
}

pub(super) fn stalled(crew: &mut Crew) {
    let shared = crew.shared().clone();
    let upgrade = |number: usize| {
        let cookie = shared.visitor(shared.number(number)).cookie().unwrap_or_default();
        format!(
            "GET /api/ws HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\ncookie: {cookie}\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    };
    let pages = "GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(PAGES);
    hold(crew, &Held { from: NO_READERS, unread: Some(UNREAD), worth: 1 }, upgrade);
    hold(crew, &Held { from: NO_READERS, unread: Some(UNREAD), worth: PAGES }, |_| pages.clone());
}

/// Connections that are held open.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// Where they come from.
    from: [u8; 4],
    /// When they leave by themselves: those that read nothing cannot see that the server
    /// has cut them.
    unread: Option<Duration>,
    /// How much one of them is of what is paced and counted.
    worth: usize,
}

/// Opens connections that send `beginning` and nothing more, until the server cuts them or
/// they leave.
fn hold(crew: &mut Crew, held: &Held, beginning: impl Fn(usize) -> String) {
    let Held { from, unread, worth } = *held;
    for number in 0..crew.shared().force.held {
        let (shared, turns, beginning) = (crew.shared().clone(), crew.turns(), beginning(number));
        crew.spawn(async move {
            loop {
                turns.take(worth).await;
                if let Ok(mut stream) = begin(&shared, from, &beginning).await {
                    shared.note_done(worth as u64);
                    match unread {
                        Some(time) => tokio::time::sleep(time).await,
                        None => while let Ok(1..) = stream.read(&mut [0; 512]).await {},
                    }
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
    }
}

async fn begin(shared: &Shared, from: [u8; 4], beginning: &str) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind((from, 0).into())?;
    let mut stream = socket.connect(shared.server).await?;
    stream.write_all(beginning.as_bytes()).await?;
    Ok(stream)
}
