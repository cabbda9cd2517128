//! Why nothing could be measured.

use std::io;

/// A measurement that could not be made; a bad result is not one of these.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The server could not be started, or ended before it listened.
    #[error("the server did not start: {0}")]
    Start(String),
    /// A file, a socket or a process.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// HTTP, below the protocol.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// What `/proc` says of the server cannot be read.
    #[error(transparent)]
    Process(#[from] procfs::ProcError),
    /// The server answered what the protocol does not know, or refused what it must not.
    #[error("the server gave an unexpected answer: {0}")]
    Answer(String),
    /// The browser, or the script that drives it.
    #[error("the browser measured nothing: {0}")]
    Browser(String),
    /// A hash function that refused its input or failed.
    #[error("nothing could be hashed: {0}")]
    Hashing(String),
    /// What should be JSON is not.
    #[error("this is not the JSON that was expected: {0}")]
    Json(#[from] serde_json::Error),
}

/// With [`BenchError`].
pub type Result<T> = std::result::Result<T, BenchError>;
