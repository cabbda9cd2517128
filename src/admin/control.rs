//! The control socket, where the server listens to its operators.
//!
//! A line is a request, a line is its answer; see [`protocol`](super::protocol). The socket
//! is made for the server's user alone before anybody can connect to it. What a client may
//! cost is bounded: how many there are, how long a line is, how long one is waited for.

use super::{
    SOCKET,
    operator::Operator,
    protocol::{Answer, LONGEST_REQUEST, Request},
};
use crate::ledger::DataDirectory;
use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::SocketAddr,
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixSocket, UnixStream, unix::OwnedReadHalf},
    sync::Semaphore,
    task::JoinSet,
};

/// So many operators are listened to at once.
const MOST_CLIENTS: usize = 16;

/// So many may wait to be let in.
const BACKLOG: u32 = 64;

/// How long a whole line is waited for.
const LINE_LIMIT: Duration = Duration::from_secs(30);

/// How long a client may take to read its answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Before the next try when nobody can be let in.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum OpenSocketError {
    /// The system allows some hundred bytes.
    #[error("the path {path} is too long for a socket: give HASHPASS_DATA_DIR as a shorter one, or relative")]
    TooLong {
        /// Where it would be.
        path: PathBuf,
    },
    /// Something that is no socket stands in its place.
    #[error("{path} is no socket: move it away")]
    Occupied {
        /// Where that is.
        path: PathBuf,
    },
    /// The system says no.
    #[error("{path}: {operation} failed: {source}")]
    Io {
        /// Where it would be.
        path: PathBuf,
        /// What was being done.
        operation: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

/// The open socket; its file goes when it is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Opens the socket in the data directory. One that stands there already was left by a
    /// process that was killed: this one alone has the directory. Must be called within a
    /// Tokio runtime.
    ///
    /// # Errors
    /// [`OpenSocketError`].
    pub fn open(directory: &DataDirectory) -> Result<Self, OpenSocketError> {
        let path = directory.path().join(SOCKET);
        if SocketAddr::from_pathname(&path).is_err() {
            return Err(OpenSocketError::TooLong { path });
        }
        remove_stale(&path)?;
        let failed = |operation| {
            let path = path.clone();
            move |source| OpenSocketError::Io { path, operation, source }
        };
        let socket = UnixSocket::new_stream().map_err(failed("making the socket"))?;
        socket.bind(&path).map_err(failed("binding the socket"))?;
        // Nobody can connect before somebody listens.
        let listener = fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
            .map_err(failed("restricting the socket"))
            .and_then(|()| socket.listen(BACKLOG).map_err(failed("listening")));
        match listener {
            Ok(listener) => Ok(Self { listener, path }),
            Err(error) => {
                let _ = fs::remove_file(&path);
                Err(error)
            }
        }
    }

    /// Listens to operators until it is aborted.
    pub async fn run(self, operator: Arc<Operator>) {
        let places = Arc::new(Semaphore::new(MOST_CLIENTS));
        // Whoever is still being answered goes with the set.
        let mut clients = JoinSet::new();
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "an operator cannot be let in");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            while clients.try_join_next().is_some() {}
            match Arc::clone(&places).try_acquire_owned() {
                Ok(place) => {
                    let operator = Arc::clone(&operator);
                    clients.spawn(async move {
                        serve(stream, &operator).await;
                        drop(place);
                    });
                }
                // A socket that nothing was written to has room for a line.
                Err(_) => {
                    let detail = format!("{MOST_CLIENTS} operators are connected already: try again in a moment");
                    let _ = stream.try_write(&line_of(&Answer::Refused { detail }));
                }
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn remove_stale(path: &Path) -> Result<(), OpenSocketError> {
    let failed = |operation| move |source| OpenSocketError::Io { path: path.to_owned(), operation, source };
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            fs::remove_file(path).map_err(failed("removing the socket that was left there"))
        }
        Ok(_) => Err(OpenSocketError::Occupied { path: path.to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("looking for the socket")(error)),
    }
}

/// Answers a client until it goes, or takes too long.
async fn serve(stream: UnixStream, operator: &Operator) {
    let who = name_of_peer(&stream).await;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let Ok(Ok(line)) = tokio::time::timeout(LINE_LIMIT, read_line(&mut reader)).await else { return };
        let (answer, is_last) = match line {
            Line::Whole(line) => match serde_json::from_slice::<Request>(&line) {
                Ok(request) => (operator.carry_out(request, &who).await, false),
                Err(error) => (Answer::Refused { detail: format!("this is not understood: {error}") }, false),
            },
            Line::TooLong => {
                let detail = format!("a request is one line of at most {LONGEST_REQUEST} bytes");
                (Answer::Refused { detail }, true)
            }
            Line::End => return,
        };
        let line = line_of(&answer);
        let written = tokio::time::timeout(ANSWER_LIMIT, writer.write_all(&line)).await;
        if is_last || !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

enum Line {
    Whole(Vec<u8>),
    TooLong,
    End,
}

/// The next line; the last one may lack its end.
async fn read_line(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Line> {
    let mut line = Vec::new();
    let most = LONGEST_REQUEST as u64 + 1;
    reader.take(most).read_until(b'\n', &mut line).await?;
    Ok(match line.last() {
        None => Line::End,
        Some(b'\n') => Line::Whole(line),
        Some(_) if LONGEST_REQUEST < line.len() => Line::TooLong,
        Some(_) => Line::Whole(line),
    })
}

fn line_of(answer: &Answer) -> Vec<u8> {
    // Our own type with texts for names: serialising it cannot fail.
    let mut line = serde_json::to_vec(answer).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Who is at the other end, by the word of the system.
async fn name_of_peer(stream: &UnixStream) -> String {
    let Ok(peer) = stream.peer_cred() else { return "unknown".to_owned() };
    let uid = peer.uid();
    let users = tokio::fs::read_to_string("/etc/passwd").await.unwrap_or_default();
    match name_of(uid, &users) {
        Some(name) => format!("{name} (uid {uid})"),
        // Known to a directory service alone, or to nobody.
        None => format!("uid {uid}"),
    }
}

/// The name of a user in lines of the form `name:password:uid:…`.
fn name_of(uid: u32, users: &str) -> Option<&str> {
    let number = uid.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1) == Some(number.as_str())).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_told_by_their_names() {
        let users = "root:x:0:0:root:/root:/bin/bash\n\n# a remark\n:x:8:\nhash:x:10:10::/:/bin/false\n";
        assert_eq!(name_of(0, users), Some("root"));
        assert_eq!(name_of(10, users), Some("hash"));
        assert_eq!((name_of(1, users), name_of(8, users), name_of(0, "")), (None, None, None));
    }
}
