//! The other end of the control socket: one question, one answer. Blocks; meant for the
//! command line.

use super::protocol::{Answer, Request};
use std::{io, path::PathBuf};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens.
    #[error(
        "no server runs in the data directory {directory}: start one, or name the directory of the one that runs (--data-dir, or HASHPASS_DATA_DIR)"
    )]
    NoServer {
        /// Where one was looked for.
        directory: PathBuf,
    },
    /// The socket is for the server's user.
    #[error("{path} cannot be opened: only root and the user that the server runs as may do this")]
    NotAllowed {
        /// The socket.
        path: PathBuf,
    },
    /// No socket can have such a path.
    #[error("the path {path} is too long for a socket: name the data directory by a shorter one, or a relative one")]
    TooLong {
        /// Where the socket would be.
        path: PathBuf,
    },
    /// The server's answer is none.
    #[error("the server's answer is not understood ({0}): are this program and the server of the same version?")]
    Answer(serde_json::Error),
    /// The server took too long; what was asked for may be done all the same.
    #[error("the server has not answered in time: hashpass ctl status tells what holds now")]
    TimedOut,
    /// The server has ended meanwhile.
    #[error("the server has ended before it answered")]
    Ended,
    /// The system says no.
    #[error("{path}: {source}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There are no such sockets here.
    #[error("there is no control socket on this system")]
    Unsupported,
}

impl AskError {
    /// True if no server runs there.
    pub const fn is_no_server(&self) -> bool {
        matches!(self, Self::NoServer { .. })
    }
}

#[cfg(unix)]
pub use unix::ask;

/// There are no such sockets here.
///
/// # Errors
/// [`AskError::Unsupported`].
#[cfg(not(unix))]
pub fn ask(_directory: &std::path::Path, _request: &Request) -> Result<Answer, AskError> {
    Err(AskError::Unsupported)
}

#[cfg(unix)]
mod unix {
    use super::{Answer, AskError, Request};
    use crate::admin::SOCKET;
    use std::{
        io::{self, BufRead, BufReader, ErrorKind, Read, Write},
        os::unix::net::{SocketAddr, UnixStream},
        path::Path,
        time::Duration,
    };

    /// How long the answer is waited for: a change waits until everybody who came before it
    /// is judged.
    const ANSWER_LIMIT: Duration = Duration::from_secs(90);

    /// The longest answer, in bytes.
    const LONGEST_ANSWER: u64 = 16 * 1024 * 1024;

    /// Asks the server whose data directory this is.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn ask(directory: &Path, request: &Request) -> Result<Answer, AskError> {
        let path = directory.join(SOCKET);
        if SocketAddr::from_pathname(&path).is_err() {
            return Err(AskError::TooLong { path });
        }
        let failed = |source: io::Error| match source.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::NotADirectory => {
                AskError::NoServer { directory: directory.to_owned() }
            }
            ErrorKind::PermissionDenied => AskError::NotAllowed { path: path.clone() },
            ErrorKind::WouldBlock | ErrorKind::TimedOut => AskError::TimedOut,
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => AskError::Ended,
            _ => AskError::Io { path: path.clone(), source },
        };
        let mut stream = UnixStream::connect(&path).map_err(failed)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT)).map_err(failed)?;
        stream.set_write_timeout(Some(ANSWER_LIMIT)).map_err(failed)?;
        let mut line = serde_json::to_vec(request).map_err(AskError::Answer)?;
        line.push(b'\n');
        // A server that is full answers without reading: what it said counts.
        let written = stream.write_all(&line);
        let mut answer = Vec::new();
        BufReader::new(&stream).take(LONGEST_ANSWER).read_until(b'\n', &mut answer).map_err(failed)?;
        if answer.is_empty() {
            written.map_err(failed)?;
            return Err(AskError::Ended);
        }
        serde_json::from_slice(&answer).map_err(AskError::Answer)
    }
}
